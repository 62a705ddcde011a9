"""Frames that came faster than they could be read: what is said of them, and what no longer is."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import WARNING
from lvsdr.model.ipvs import Service
from lvsdr.model.neighbour_claim import Answer, AnswerForm, NeighbourClaim
from lvsdr.model.objects import Address
from lvsdr.model.path import Path as Way
from lvsdr.model.path import Proof
from lvsdr.rules.paths.path_findings import findings as path_findings
from lvsdr.rules.segment.claim_monitor import GRACE
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.rules.segment.unheard import EVERY, UnheardFrames
from lvsdr.rules.segment.who_answers import SegmentAnswers, answer_findings, doubtful_hosts
from test_watching import RS, SPOKEN, TWO, VIP, FakeEars, bench, followed

RIP, VIP6 = ip_address("192.168.1.11"), ip_address("2001:db8::2")
FOE = "02:66:00:00:00:01"
PROFILE = str(Path(__file__).parent.parent / "profiles" / "director.json")


def judged(
    *said: tuple[str, AnswerForm], vip: IPAddress = VIP, owners: MacOwners | None = None
) -> list[tuple[str, str | None]]:
    heard = SegmentAnswers(
        frozenset(Answer(vip, mac, form) for mac, form in said), owners or MacOwners({RS: RIP}), 7
    )
    return [(each.rule, each.mac) for each in answer_findings([vip], heard)]


# --- what silence proves -------------------------------------------------------------------------


def test_nobody_is_said_to_be_a_proxy_whose_answer_to_a_probe_may_have_been_lost() -> None:
    heard = SegmentAnswers(frozenset({Answer(VIP, FOE, "own")}), MacOwners({RS: RIP}), 7)

    assert judged((FOE, "own")) == []
    assert [FOE in each for each in doubtful_hosts([VIP], heard)] == [True]


def test_a_real_server_that_answers_is_named_and_is_no_proxy() -> None:
    assert judged((RS, "own")) == [("ARP-ANSWER", RS)]


def test_a_proxy_of_ipv6_says_so_itself() -> None:
    assert judged((TWO, "own"), (FOE, "proxy"), vip=VIP6) == [("ND-PROXY", FOE)]


def test_it_is_not_said_that_nobody_has_the_vip() -> None:
    assert judged() == []


def test_of_several_hosts_it_is_not_said_that_they_are_no_real_servers() -> None:
    said = frozenset(Answer(VIP, mac, form) for mac in (TWO, FOE) for form in ("own", "probe"))

    (found,) = answer_findings([VIP], SegmentAnswers(said, MacOwners({RS: RIP}), 7))

    assert found.rule == "ARP-TWO-DIRECTORS"
    assert "2 hosts answer" in found.message


def test_proxies_without_number_are_few_findings() -> None:
    said = {Answer(VIP, f"02:66:00:00:{n >> 8:02x}:{n & 255:02x}", "own") for n in range(1000)}
    said |= {Answer(VIP, TWO, "own"), Answer(VIP, TWO, "probe")}

    found = list(answer_findings([VIP], SegmentAnswers(frozenset(said), MacOwners())))

    assert {each.rule for each in found} == {"ARP-PROXY"}
    assert len(found) == 9
    assert found[-1].message.startswith("992 more hosts answer")


def test_of_a_real_server_that_was_not_heard_nothing_is_known() -> None:
    path = Way(Service("tcp", VIP, 80), VIP, RIP, 80)

    (found,) = path_findings([Proof(path, None, "not-heard")])

    assert (found.rule, found.severity) == ("PATH-UNPROVEN", WARNING)


# --- verify --------------------------------------------------------------------------------------


def session(folder: Path, *answers: Answer) -> FakeSession:
    here = host(Address("eth0", ip_interface("192.168.1.250/24"), label="eth0"))
    made = FakeSession(here, folder, answers)
    made.frames_lost = 1234
    return made


def test_what_was_not_heard_is_a_finding_and_nothing_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [Answer(VIP, TWO, "own"), Answer(VIP, TWO, "probe")]

    code = run(("verify", PROFILE, "--no-services"), session(tmp_path, *both))

    told = capsys.readouterr().out
    assert code == 0
    assert "COULD-NOT-HEAR" in told and "1234 frames" in told
    assert "verified" not in told


def test_programs_are_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("verify", PROFILE, "--no-services", "--format", "json")

    run(words, session(tmp_path, Answer(VIP, FOE, "own")))

    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["rule"], found["severity"], found["subject"]) == (
        "COULD-NOT-HEAR",
        "warning",
        "eth0",
    )
    assert FOE in found["message"]
    assert found["look"].startswith("who floods the segment")


def test_who_takes_a_vip_is_told_that_not_all_was_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = host(Address("eth0", ip_interface("192.168.1.10/24"), label="eth0"))
    made = FakeSession(here, tmp_path / "run")
    made.frames_lost = 1234

    code = run(("director", "apply", "--allow-insecure-profile", PROFILE), made)

    assert code == 0
    assert "1234 frames" in capsys.readouterr().err


def test_a_vip_is_not_taken_from_a_host_that_may_be_no_proxy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = {}
    for lost in (0, 7):
        here = host(Address("eth0", ip_interface("192.168.1.10/24"), label="eth0"))
        made = FakeSession(here, tmp_path / str(lost), [Answer(VIP, FOE, "own")])
        made.frames_lost = lost
        codes[lost] = run(("director", "apply", "--allow-insecure-profile", PROFILE), made)

    assert codes == {0: 0, 7: 6}
    assert f"cannot take {VIP}" in capsys.readouterr().err


# --- watch ---------------------------------------------------------------------------------------


def test_what_was_lost_is_told_at_once_then_counted_and_told_at_the_end() -> None:
    lost = UnheardFrames("eth0")

    first = lost.take(10, 0.0)
    between = [lost.take(1, now) for now in (1.0, 2.0, EVERY - 1)]
    later = lost.take(0, EVERY)
    nothing = lost.take(0, 3 * EVERY), lost.rest()

    assert first is not None and later is not None
    assert (first.rule, first.severity, first.count) == ("COULD-NOT-HEAR", WARNING, 10)
    assert (between, later.count, nothing) == ([None] * 3, 3, (None, None))


def test_watch_tells_what_it_could_not_hear_and_is_not_alarmed_by_it() -> None:
    ears = FakeEars([], [], [])
    ears.lost = [0, 500, 70]

    watch, told = followed(ears, seconds=10.0)

    assert [(each.rule, each.count) for each in told] == [
        ("COULD-NOT-HEAR", 500),
        ("COULD-NOT-HEAR", 70),
    ]
    assert not watch.alarmed


def test_watch_tells_nothing_of_what_it_heard_whole() -> None:
    _, told = followed(FakeEars([SPOKEN]), seconds=10.0)

    assert [each.rule for each in told] == ["ARP-SPEAKS"]


def test_who_answered_is_not_blamed_for_an_announcement_that_may_be_lost() -> None:
    heard = bench().hear(TWO, "reply", 10.0)
    heard.monitor.missed(11.9)

    early = list(heard.monitor.due(10.0 + GRACE))
    announced = heard.monitor.hear(NeighbourClaim(VIP, TWO, "announcement"), 12.5)
    late = list(heard.monitor.due(100.0))

    assert early == [] and late == []
    assert announced is not None and announced.rule == "ARP-NEW-DIRECTOR"
