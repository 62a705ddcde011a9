"""A standby stays one: what is typed on it makes no second director, and it is verified as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from load import ECHO, Connections, asked, connected, longest_gap
from pairs import LIMIT, Box, Pair, pair, said
from rig import VIP, director, lvsdr, refused, settled, state, verified, virtual_server, write
from witnesses import arping

# The lab may be kept from running for as long: keepalived must not change places by that.
ADVERTISE = 0.5
DAEMONS = [{"state": state, "syncid": 1} for state in ("master", "backup")]


@dataclass(frozen=True, slots=True)
class Running:
    """Two directors that follow keepalived, the second one a standby, and a client."""

    pair: Pair
    answers: list[float]
    connections: Connections

    @property
    def standby(self) -> Box:
        return self.pair.boxes[1]

    @contextmanager
    def harmed_nobody(self) -> Iterator[None]:
        """Hold that clients lose nothing while the block runs."""
        begun = len(self.answers)
        since = self.answers[-1]
        yield
        more = begun + 5
        assert settled(lambda: len(self.answers) > more, True, LIMIT), "nobody is served"
        assert self.connections.lost() == []
        assert longest_gap(self.answers, since) < 2.0


@pytest.fixture(scope="module", params=["empty", "synced"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    served = [virtual_server(port=port, scheduler="rr") for port in (80, ECHO)]
    daemons = DAEMONS if request.param == "synced" else []
    document = director(*served, standby=request.param, sync_daemons=daemons)
    with pair(tmp_path_factory.mktemp("standby"), document) as made:
        for box in made.boxes:
            box.advertise = ADVERTISE
            box.follow()
            box.start()
        made.ready(made.boxes[0])
        client = made.lab.client
        with asked(client, VIP) as answers, connected(client, [VIP], 6) as kept:
            assert settled(lambda: len(answers) > 3, True, LIMIT), said(made.boxes[0])
            yield Running(made, answers, kept)


def test_what_is_typed_on_a_standby_makes_no_second_director(running: Running) -> None:
    box = running.standby
    before = state(box.host)
    with running.harmed_nobody():
        said = refused(box.host, "director", "apply", box.director, expect=6)
        taking = refused(box.host, "director", "apply", "--take-over", box.director, expect=6)

    assert "it stands by (keepalived: BACKUP, INSTANCE VI_1)" in said
    assert "it stands by" in taking
    assert "hint: lvsdr keepalived status" in said
    assert state(box.host) == before
    assert arping(running.pair.lab.gateway, VIP) == {running.pair.mac(running.pair.boxes[0])}


def test_the_profile_by_another_path_or_name_is_the_same_standbys(
    running: Running, tmp_path: Path
) -> None:
    box = running.standby
    link = tmp_path / "link.json"
    link.symlink_to(box.director)
    document = json.loads(box.director.read_text())
    other = write(tmp_path, {**document, "name": "other"}, "other")

    for path in (link, other):
        assert "it stands by" in refused(box.host, "director", "apply", path, expect=6)


def test_a_standby_is_verified_as_one(running: Running) -> None:
    box = running.standby
    with running.harmed_nobody():
        seen = json.loads(lvsdr(box.host, "director", "verify", "--format", "json", box.director))

    assert (seen["ok"], seen["findings"], seen["standby"]) == (True, [], "BACKUP")
    assert {each["verdict"] for each in seen["paths"]} == {"served"}


def test_plan_and_status_of_a_standby_are_a_standbys(running: Running) -> None:
    box = running.standby

    plan = lvsdr(box.host, "director", "plan", box.director)
    told = json.loads(lvsdr(box.host, "director", "status", "--format", "json", box.director))
    whole = lvsdr(box.host, "director", "plan", "--even-on-standby", box.director, expect=1)

    assert plan == "nothing to change\n"
    assert (told["ok"], told["standby"]) == (True, "BACKUP")
    assert f"+ {VIP}/32 on eth0" in whole


def test_the_active_director_is_none(running: Running) -> None:
    box = running.pair.boxes[0]

    told = json.loads(lvsdr(box.host, "director", "status", "--format", "json", box.director))
    again = lvsdr(box.host, "director", "apply", box.director)
    made = refused(box.host, "director", "apply", "--standby", box.director, expect=6)

    assert (told["ok"], told["standby"], again) == (True, None, "nothing to change\n")
    assert "it is to be none (keepalived: MASTER, INSTANCE VI_1)" in made
    assert box.is_active()


def test_what_differs_on_a_standby_is_mended_as_its_hint_says(running: Running) -> None:
    box = running.standby
    spoilt = "-C" if box.wanted.standby == "synced" else "-R"
    box.host.run("ipvsadm", spoilt, text="\n".join(sorted(box.table())) + "\n")
    with running.harmed_nobody():
        found = verified(box.host, "director", "verify", box.director, expect=1)
        lvsdr(box.host, "director", "apply", "--standby", box.director)
        after = verified(box.host, "director", "verify", box.director, expect=0)

    assert {each["rule"] for each in found} == {"DRIFT"}
    assert {each["hint"] for each in found} == {f"lvsdr director apply --standby {box.director}"}
    assert after == []
    assert box.is_standing_by()


def test_a_standby_that_is_made_a_director_all_the_same_is_one(running: Running) -> None:
    """The fault that is guarded against is real: then two answer; and it is told so, and how."""
    box, gateway = running.standby, running.pair.lab.gateway
    macs = {running.pair.mac(each) for each in running.pair.boxes}

    lvsdr(box.host, "director", "apply", "--even-on-standby", box.director)
    answering = arping(gateway, VIP)
    found = verified(box.host, "director", "verify", box.director, expect=1)
    first = running.pair.boxes[0]
    lvsdr(first.host, "director", "announce", first.director)
    lvsdr(box.host, "director", "apply", "--standby", box.director)

    assert answering == macs
    told = {each["rule"] for each in found}
    assert {"ARP-TWO-DIRECTORS", "DRIFT"} <= told
    (held,) = (each for each in found if each["rule"] == "DRIFT" and each["vip"] == VIP)
    assert (held["hint"], held["on"]) == ("lvsdr director announce", "the director")
    assert held["look"] == f"then here: lvsdr director apply --standby {box.director}"
    assert settled(box.is_standing_by, True, LIMIT)
    assert arping(gateway, VIP) == {running.pair.mac(first)}
    running.connections.lost()
