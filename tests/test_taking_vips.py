"""Whether a director may take its VIPs: who answers, whose gateway they are, who stands by."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path
from threading import Event

import pytest

from fake import ETH0, FakeKernel, FakeSession, host
from lvsdr.cli.main import run
from lvsdr.errors import NoCarrier
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.model.host import Host
from lvsdr.model.neighbour_claim import Answer, AnswerForm, Heard
from lvsdr.model.objects import NOTHING, Address, Key, Objects, keyed
from lvsdr.proof.segment_hosts import Question
from lvsdr.wire.arp_nd_questions import Asker, brief_schedule, neighbour_questions

PROFILES = Path(__file__).parent.parent / "profiles"
DIRECTOR = str(PROFILES / "director.json")
DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
RIP = Address("eth0", ip_interface("192.168.1.11/24"), label="eth0")
VIP = ip_address("192.168.1.2")
ON_ETH0 = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
OTHER, SERVER = "00:1b:21:00:00:20", "02:00:00:00:00:11"


def heard(mac: str, *forms: AnswerForm, address: object = VIP) -> list[Answer]:
    return [Answer(ip_address(str(address)), mac, form) for form in forms]


def session_on(
    folder: Path, answers: Iterable[Answer] = (), *held: Address, here: Address = DIP
) -> FakeSession:
    return FakeSession(host(here, *held), folder / "run", answers)


def applied(session: FakeSession, *options: str) -> int:
    return run(("director", "apply", *options, "--allow-insecure-profile", DIRECTOR), session)


def said(session: FakeSession, state: str, name: str = "VI_1", profile: str = DIRECTOR) -> None:
    Ledger(session.book(), profile).add(Notice("INSTANCE", name, state))


def holds(session: FakeSession) -> bool:
    return ON_ETH0.key in session.kernel().objects


# Who answers.


def test_who_claims_a_vip_for_another_is_named_and_that_one_is_not_to_blame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rip = heard(SERVER, "own", "probe", address="192.168.1.11")
    lies = [Answer(VIP, SERVER, form, OTHER) for form in ("own", "probe")]
    session = session_on(tmp_path, [*rip, *lies])

    code = applied(session)

    told = capsys.readouterr().err
    assert code == 0 and holds(session)
    assert f"({OTHER}) says that {VIP} is at {SERVER}, real server 192.168.1.11" in told
    assert "is to be silent" not in told


def test_who_claims_a_vip_for_a_host_that_nobody_knows_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lies = [Answer(VIP, "02:00:00:00:00:99", form, OTHER) for form in ("own", "probe")]

    code = applied(session_on(tmp_path, lies))

    assert code == 6
    assert f"{OTHER} says so" in capsys.readouterr().err


@pytest.mark.parametrize("forms", [("own", "probe"), ("probe",), ("overheard",)])
def test_another_host_that_answers_keeps_the_vip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], forms: tuple[AnswerForm, ...]
) -> None:
    session = session_on(tmp_path, heard(OTHER, *forms))

    code = applied(session)

    told = capsys.readouterr().err
    assert (code, holds(session), session.kernel().sent) == (6, False, [])
    assert f"cannot take {VIP}: unknown host, vendor prefix 00:1b:21 ({OTHER}) answers ARP" in told
    assert f"hint: lvsdr verify {DIRECTOR}" in told


@pytest.mark.parametrize("option", ["--take-over", "--even-on-standby"])
def test_who_is_told_to_take_it_asks_nobody(tmp_path: Path, option: str) -> None:
    session = session_on(tmp_path, heard(OTHER, "own", "probe"))

    assert (applied(session, option), holds(session)) == (0, True)
    assert session.asked_briefly == []


def test_what_nobody_has_is_taken_and_is_not_asked_for_again(tmp_path: Path) -> None:
    session = session_on(tmp_path)

    first, asked = applied(session), list(session.asked_briefly)
    second = applied(session)

    assert (first, second, holds(session)) == (0, 0, True)
    assert [each.addresses for each in asked] == [(VIP,)]
    assert (asked[0].source4, session.asked_briefly, session.asked) == (DIP.ip.ip, asked, [])


def test_what_the_link_holds_with_a_wide_prefix_it_answers_for_itself(tmp_path: Path) -> None:
    wide = Address("eth0", ip_interface("192.168.1.2/24"), label="eth0")
    session = session_on(tmp_path, heard(OTHER, "own", "probe"), wide)

    assert (applied(session), session.asked_briefly) == (0, [])


def test_another_link_of_this_host_is_no_other_host(tmp_path: Path) -> None:
    session = session_on(tmp_path, heard("02:00:00:00:00:10", "own", "probe"))

    assert applied(session) == 0


def test_a_real_server_that_leaks_is_told_of_and_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leak = heard(SERVER, "own", "probe")
    session = session_on(tmp_path, [*leak, *heard(SERVER, "own", "probe", address=RIP.ip.ip)])

    assert (applied(session), holds(session)) == (0, True)
    assert f"real server {RIP.ip.ip} ({SERVER}) answers ARP for {VIP}" in capsys.readouterr().err


def test_of_two_that_are_both_the_other_may_be_the_director(tmp_path: Path) -> None:
    one = Address("eth0", ip_interface("192.168.1.12/24"), label="eth0")
    leak = heard(SERVER, "own", "probe")
    answers = [*leak, *heard(SERVER, "own", "probe", address=RIP.ip.ip)]
    session = session_on(tmp_path, answers, here=one)

    assert (applied(session), holds(session)) == (6, False)


class Waiting(FakeSession):
    """A session that has been asked before its kernel tells what is there."""

    def __init__(self, root: Path, answers: Iterable[Answer] = ()) -> None:
        kernel = Observed(Host({ETH0.name: ETH0}), keyed([DIP]))
        super().__init__(kernel, root, answers)
        self.observed = kernel

    def ask_briefly(self, question: Question) -> Heard:
        self.observed.asked.set()
        return super().ask_briefly(question)


class Observed(FakeKernel):
    """A kernel that waits for the segment to be asked before it tells what is there."""

    def __init__(self, bare: Host, objects: Objects) -> None:
        super().__init__(bare, objects)
        self.asked = Event()
        self.asked_before: list[bool] = []

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        if not self.asked_before:
            self.asked_before.append(self.asked.wait(20))
        return super().observe(keys, likely)


def test_the_segment_is_asked_while_it_is_planned_and_once(tmp_path: Path) -> None:
    session = Waiting(tmp_path / "run")

    assert (applied(session), holds(session)) == (0, True)
    assert session.observed.asked_before == [True]
    assert [question.addresses for question in session.asked_briefly] == [(VIP,)]


def test_nothing_is_changed_before_the_answer_and_nothing_at_all_by_a_bad_one(
    tmp_path: Path,
) -> None:
    session = Waiting(tmp_path / "run", heard(OTHER, "own", "probe"))

    assert (applied(session), holds(session), session.observed.sent) == (6, False, [])


class Losing(FakeKernel):
    """A kernel that loses the VIP after the host was read."""

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        self.lose(ON_ETH0.key)
        return super().observe(keys, likely)


def test_a_vip_that_goes_while_it_is_planned_is_asked_for_then(tmp_path: Path) -> None:
    kernel = Losing(Host({ETH0.name: ETH0}), keyed([DIP, ON_ETH0]))
    session = FakeSession(kernel, tmp_path / "run", heard(OTHER, "own", "probe"))

    assert (applied(session), kernel.sent) == (6, [])
    assert [question.addresses for question in session.asked_briefly] == [(VIP,)]


def test_a_proxy_is_told_of_and_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = session_on(tmp_path, heard(OTHER, "own"))

    assert applied(session) == 0
    assert f"answers ARP for {VIP} as a proxy" in capsys.readouterr().err


def test_a_gateways_address_is_not_taken_though_nobody_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = session_on(tmp_path)
    session.gateways = (VIP,)

    assert (applied(session), holds(session), session.asked_briefly) == (6, False, [])
    assert f"cannot take {VIP}: it is the gateway" in capsys.readouterr().err
    assert applied(session, "--take-over") == 0


def test_plan_and_verify_know_a_vip_that_is_a_gateways_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = session_on(tmp_path)
    session.gateways = (VIP,)

    trusted = ("--allow-insecure-profile", DIRECTOR)
    codes = [run(("director", "plan", *trusted), session)]
    planned = capsys.readouterr().err
    codes += [applied(session, "--take-over")]
    capsys.readouterr()
    codes += [run(("director", "verify", "--no-paths", *trusted), session)]

    assert codes == [1, 0, 1]
    assert f"VIP-GATEWAY: {VIP} is the gateway" in planned
    assert "VIP-GATEWAY" in capsys.readouterr().out


def test_without_a_carrier_it_goes_on_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_on(tmp_path)

    def unplugged(question: Question) -> frozenset[Answer]:
        raise NoCarrier(f"cannot ask on {question.link}: no carrier")

    monkeypatch.setattr(session, "ask_briefly", unplugged)

    assert (applied(session), holds(session)) == (0, True)
    assert "nobody was asked who has the VIPs: cannot ask on eth0: no carrier" in (
        capsys.readouterr().err
    )


# What keepalived says.


@pytest.mark.parametrize("state", ["BACKUP", "FAULT"])
def test_on_a_standby_nothing_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    session = session_on(tmp_path)
    said(session, state)

    codes = applied(session), applied(session, "--take-over")

    assert (codes, session.kernel().sent, session.asked_briefly) == ((6, 6), [], [])
    assert f"it stands by (keepalived: {state}, INSTANCE VI_1)" in capsys.readouterr().err
    assert (applied(session, "--even-on-standby"), holds(session)) == (0, True)


@pytest.mark.parametrize("state", ["MASTER", "STOP", "DELETED"])
def test_after_any_other_word_it_is_none(tmp_path: Path, state: str) -> None:
    session = session_on(tmp_path)
    said(session, "BACKUP")
    said(session, state, "VI_2")

    assert (applied(session), applied(session, "--standby")) == (0, 6)


def test_what_was_said_to_another_profile_with_the_vip_counts(tmp_path: Path) -> None:
    session = session_on(tmp_path)
    document = json.loads(Path(DIRECTOR).read_text())
    other, far = tmp_path / "other.json", tmp_path / "far.json"
    other.write_text(json.dumps({**document, "name": "other"}))
    far.write_text(json.dumps(document).replace(str(VIP), "192.168.1.3"))
    said(session, "BACKUP", profile=str(far))
    elsewhere = applied(session)
    said(session, "BACKUP", profile=str(other))

    assert (elsewhere, applied(session)) == (0, 6)


def test_a_profile_that_has_gone_keeps_nobody(tmp_path: Path) -> None:
    session = session_on(tmp_path)
    said(session, "BACKUP", profile=str(tmp_path / "gone.json"))

    assert applied(session) == 0


def test_a_standby_is_looked_at_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    active = heard(OTHER, "own", "probe")
    session = session_on(tmp_path, active)
    said(session, "BACKUP")
    seen = {}
    for command in ("plan", "status", "verify"):
        code = run(
            ("director", command, "--allow-insecure-profile", "--format", "json", DIRECTOR), session
        )
        told = capsys.readouterr()
        seen[command] = code, json.loads(told.out)["standby"]
        assert "standby (keepalived: BACKUP, INSTANCE VI_1)" in told.err

    assert seen == dict.fromkeys(("plan", "status", "verify"), (0, "BACKUP"))


def test_a_vip_on_a_standby_is_led_away_before_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = session_on(tmp_path, heard(OTHER, "own", "probe"), ON_ETH0)
    said(session, "BACKUP")
    words = ("director", "verify", "--allow-insecure-profile", "--format", "json", DIRECTOR)

    code = run(words, session)
    found = {each["rule"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    mended = applied(session, "--standby")

    assert (code, mended, holds(session)) == (1, 0, False)
    assert (found["DRIFT"]["hint"], found["DRIFT"]["on"]) == (
        "lvsdr director announce",
        "the director",
    )
    assert found["DRIFT"]["look"].startswith("then here: lvsdr director apply --standby")


# Who is told.


def test_announce_says_which_gateways_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = ip_address("192.168.1.1"), ip_address("192.168.1.9")
    session = session_on(tmp_path, (), ON_ETH0)
    session.gateways, session.awake = (one,), {other}
    words = ("director", "announce", "--allow-insecure-profile", "--to", str(other), DIRECTOR)

    codes = run(words, session), run((*words, "--format", "json"), session)

    told = capsys.readouterr().out
    assert codes == (0, 0)
    assert f"could not tell {one}: it did not answer\ntold {other}, which answered\n" in told
    document = json.loads(told[told.index("{") :])
    assert document["neighbours"] == [
        {"address": str(one), "told": [], "untold": [str(VIP)]},
        {"address": str(other), "told": [str(VIP)], "untold": []},
    ]


@pytest.mark.parametrize("count", [1, 8])
def test_asking_in_haste_takes_no_more_than_a_third_of_a_second(count: int) -> None:
    vips = [VIP + number for number in range(count)]
    asker = Asker("02:00:00:00:00:10", IPv4Address("192.168.1.10"), None)

    timed, end = brief_schedule(neighbour_questions(asker, vips), 5000.0)

    # Each VIP in two forms, twice.
    assert (len(timed), len({frame for _, frame in timed})) == (4 * count, 2 * count)
    assert end <= 0.26


def test_asking_for_many_takes_as_long_as_sending_does() -> None:
    vips = [VIP + number for number in range(4096)]
    asker = Asker("02:00:00:00:00:10", IPv4Address("192.168.1.10"), None)

    timed, end = brief_schedule(neighbour_questions(asker, vips), 5000.0)

    assert len(timed) == 2 * len(vips)
    assert end < 2 * len(vips) / 5000 + 0.3
