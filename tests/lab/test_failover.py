"""Failover with real keepalived: who has the VIPs, who speaks for them, what clients see.

One round of each case, and twenty in each cluster with LVSDR_TORTURE=1 (LVSDR_ROUNDS), or in one
alone (LVSDR_CLUSTER). The client is never at rest: it asks for
each VIP all the time, and holds twenty connections open.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from time import monotonic, sleep

import program
import pytest
from load import ECHO, Connections, asked, connected, longest_gap
from pairs import BOTH, BOTH6, LIMIT, Box, Pair, pair, said
from rig import (
    RIPS,
    VIP,
    VIP6,
    Document,
    director,
    realserver,
    settled,
    verified,
    virtual_server,
)
from witnesses import arping, captured, dying, ipvsadm, ndisc6, neighbour, speakers

from lvsdr.core.book import Book
from lvsdr.keepalived.ledger import Ledger
from lvsdr.kernel import namespace

TORTURE = bool(os.environ.get("LVSDR_TORTURE"))
RIPS6 = ("fd00::13", "fd00::14")
CONNECTIONS = 20
# Frames that say who has a VIP, and those that have gone round and round.
WATCHED = f"""arp or icmp6 or (ip host {VIP} and ip[8] < 2) or (ip6 host {VIP6} and ip6[7] < 2)"""
# Several times as long as the lab may be kept from running by what else the machine does: else
# directors miss one another's adverts, and change places at any time.
ADVERTISE = 0.5
Record = Callable[[str, object], None]
# Between two requests for a VIP: more of them, and the lab does nothing else.
PAUSE = 0.05
# How long it may take until clients are served again, on a machine that has other things to do:
# the figures at the end of a run say how long it took.
SOON = 5.0


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of cluster: who owns the VIPs, which they are, and whether the directors serve too."""

    name: str
    vips_owner: str = "lvsdr"
    vips: tuple[str, ...] = (VIP, VIP6)
    both: bool = False
    # keepalived brings the VIPs before IPVS is to be passed by no longer.
    resets: bool = False

    def __str__(self) -> str:
        return self.name

    def daemons(self) -> list[Document]:
        """Return the sync daemons, whose group has to be of a family that the hosts speak."""
        group = "224.0.0.81" if VIP in self.vips else "ff02::51"
        return [{"state": state, "syncid": 1, "group": group} for state in ("master", "backup")]

    def documents(self) -> tuple[Document, Document]:
        """Return the profiles: a synced standby, short requests and open connections."""
        four, six = (BOTH, BOTH6) if self.both else (RIPS, RIPS6)
        servers = [
            virtual_server(vip, six if ":" in vip else four, port=port, scheduler="rr")
            for vip in self.vips
            for port in (80, ECHO)
        ]
        fields: Document = {"standby": "synced", "vips_owner": self.vips_owner}
        if self.both:
            fields["sysctls"] = {"backup_only": 1}
        return (
            director(*servers, sync_daemons=self.daemons(), **fields),
            realserver(vips=list(self.vips)),
        )


SETTINGS = (
    Setting("lvsdr"),
    Setting("keepalived", "keepalived"),
    Setting("two-boxes", both=True),
    Setting("two-boxes-keepalived", "keepalived", both=True, resets=True),
    Setting("ipv6-keepalived", "keepalived", (VIP6,)),
    Setting("ipv6", vips=(VIP6,)),
)


@dataclass(frozen=True, slots=True)
class Running:
    """Two directors that follow their FIFOs, and a client that never rests."""

    setting: Setting
    pair: Pair
    answers: tuple[list[float], ...]
    connections: Connections

    def mended(self) -> None:
        """Take back what a round that failed has left."""
        for box in self.pair.boxes:
            if box.keepalived is None:
                box.start()
        _link_up(self)
        self.pair.ready(self.pair.boxes[0])
        self.connections.open()

    def served(self) -> bool:
        """Return whether each VIP is served, from now on."""
        counts = [len(each) for each in self.answers]
        return settled(
            lambda: all(len(each) > n + 3 for each, n in zip(self.answers, counts, strict=True)),
            True,
            LIMIT,
        )

    def synced(self, box: Box) -> bool:
        """Return whether a director knows of every open connection, by the kernel's own table."""
        return settled(lambda: self.connections.ports() <= _known(box), True, 3 * LIMIT)

    def led_to(self) -> set[str]:
        """Return the MACs to which the gateway sends what is for a VIP."""
        return {neighbour(self.pair.lab.gateway, vip) for vip in self.setting.vips}

    def answering(self) -> set[str]:
        """Return the MACs that answer for any of the VIPs."""
        gateway = self.pair.lab.gateway
        asked = ((ndisc6 if ":" in vip else arping)(gateway, vip) for vip in self.setting.vips)
        return set().union(*asked)


def _known(box: Box) -> set[int]:
    """Return the clients' ports of the connections that IPVS knows (hexadecimal)."""

    def read() -> str:
        return Path("/proc/thread-self/net/ip_vs_conn").read_text(encoding="ascii")

    rows = [line.split() for line in box.host.inside(read).splitlines()[1:]]
    return {int(row[2], 16) for row in rows if int(row[4], 16) == ECHO}


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A cluster whose first director is the master."""
    setting: Setting = request.param
    folder = tmp_path_factory.mktemp("pair")
    with pair(folder, *setting.documents(), both=setting.both) as made, ExitStack() as stack:
        for box in made.boxes:
            box.advertise = ADVERTISE
            box.follow()
            box.start()
        made.ready(made.boxes[0])
        client = made.lab.client
        answers = tuple(stack.enter_context(asked(client, vip, PAUSE)) for vip in setting.vips)
        kept = stack.enter_context(connected(client, setting.vips, CONNECTIONS))
        running = Running(setting, made, answers, kept)
        assert running.served(), said(made.boxes[0])
        yield running


# --- a round -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """How the master fails, and comes back; what may be lost by it.

    `split`: for a while both speak for the VIPs. `unled`: for a while nobody tells one that it is
    no master any more, and it answers whoever asks. `alone`: nobody else takes over.
    """

    name: str
    fail: Callable[[Running], None]
    mend: Callable[[Running], None]
    loses_nothing: bool = True
    split: bool = False
    unled: bool = False
    alone: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Seen:
    """What a round has shown: seconds without an answer there and back, connections lost."""

    there: float
    back: float
    lost: list[str]
    speakers: dict[str, list[str]]
    dying: int
    story: str


def failed_over(running: Running, case: Case) -> Seen:
    """Let the master fail and come back, and watch."""
    made = running.pair
    first, second = made.boxes
    running.mended()
    assert running.served(), "nobody serves"
    assert running.synced(second), said(second)
    with captured(made.lab.switch, "br0", WATCHED) as frames:
        start = monotonic()
        case.fail(running)
        if not case.alone:
            settled(second.is_active, True, LIMIT)
            if not case.split:
                made.ready(second)
                assert running.led_to() == {made.mac(second)}
        assert running.served(), said(second)
        assert running.synced(first) or case.split, said(first)
        turn = monotonic()
        case.mend(running)
        made.ready(first)
        assert running.served(), said(first)
        assert running.answering() == {made.mac(first)}
        lost = running.connections.lost()
        end = monotonic()
    gaps = [
        max(longest_gap(each, *span) for each in running.answers)
        for span in ((start, turn), (turn, end))
    ]
    vips = running.setting.vips
    spoken = {vip: speakers(frames, vip) for vip in vips}
    story = f"failed at {start}, mended at {turn}\n" + "\n".join(
        f"{vip}: {[(round(a, 2), round(b - a, 2)) for a, b in pairwise(each) if b - a > 1]}"
        for vip, each in zip(vips, running.answers, strict=True)
    )
    return Seen(gaps[0], gaps[1], lost, spoken, dying(frames, vips), story)


def _kill(running: Running) -> None:
    running.pair.boxes[0].stop(signal.SIGKILL)


def _link_down(running: Running) -> None:
    running.pair.boxes[0].host.ip("link set eth0 down")


def _link_up(running: Running) -> None:
    running.pair.plug_in(running.pair.boxes[0])


def _stop(running: Running) -> None:
    running.pair.boxes[0].stop()


def _start(running: Running) -> None:
    running.pair.boxes[0].start()


def _stop_with_reader(running: Running) -> None:
    running.pair.boxes[0].unfollow()
    running.pair.boxes[0].stop()
    running.pair.boxes[0].follow()


def _restart_both(running: Running) -> None:
    for box in running.pair.boxes:
        box.stop()
    for box in running.pair.boxes:
        box.start()


def _reload_both(running: Running) -> None:
    for box in running.pair.boxes:
        box.reload()


def _stop_while_one_is_killed(running: Running) -> None:
    """Kill lvsdr in the middle of a transition; whoever supervises it starts it again."""
    first, second = running.pair.boxes
    _stop_under(running, second, "MASTER")
    running.pair.ready(second)
    assert first.follower is not None


def _start_while_one_is_killed(running: Running) -> None:
    first, second = running.pair.boxes
    first.start()
    _kill_reader(second, "BACKUP")


def _stop_under(running: Running, box: Box, state: str) -> None:
    running.pair.boxes[0].stop()
    _kill_reader(box, state)


def _kill_reader(box: Box, state: str) -> None:
    """Kill the reader of a box as soon as it has read a state, or a moment after that."""
    ledger = Ledger(Book(box.host.inside(namespace.identity)), str(box.director))

    def told() -> bool:
        entry = ledger.newest("INSTANCE VI_1")
        return entry is not None and entry.state == state

    assert settled(told, True, LIMIT), said(box)
    sleep(random.choice((0.0, 0.01, 0.03, 0.1)))
    box.unfollow(signal.SIGKILL)
    box.follow()


CASES = (
    Case("keepalived stops", _stop, _start),
    Case("the link goes down and up", _link_down, _link_up),
    Case("keepalived is killed", _kill, _start, split=True),
    Case("keepalived and the reader restart", _stop_with_reader, _start, unled=True),
    Case(
        "both keepaliveds restart at once",
        _restart_both,
        lambda _: None,
        loses_nothing=False,
        alone=True,
    ),
    Case("both keepaliveds reload", _reload_both, lambda _: None, alone=True),
    Case(
        "lvsdr is killed in the middle",
        _stop_while_one_is_killed,
        _start_while_one_is_killed,
        unled=True,
    ),
)
plain = pytest.mark.parametrize("running", SETTINGS[:1], indirect=True, ids=str, scope="module")
# Each case once with the first cluster, and in two others the first case.
ROUNDS = range(int(os.environ.get("LVSDR_ROUNDS", "20")) if TORTURE else 1)
PAIRS = [
    (setting, case)
    for setting in SETTINGS
    for case in CASES
    if (TORTURE or setting in SETTINGS[:1] or (setting in SETTINGS[:3] and case in CASES[:1]))
    and os.environ.get("LVSDR_CLUSTER", setting.name) == setting.name
]


@pytest.mark.parametrize("_round", ROUNDS)
@pytest.mark.parametrize(("running", "case"), PAIRS, indirect=["running"], ids=str, scope="module")
def test_the_other_director_takes_over_and_gives_back(
    running: Running, case: Case, _round: int, record_property: Record
) -> None:
    record_property("figures", went_well(running, case))


def went_well(running: Running, case: Case) -> tuple[float, float, int]:
    """Judge a round; return the seconds without an answer there and back, and what was lost."""
    made = running.pair
    first, second = made.boxes

    seen = failed_over(running, case)

    allowed = [made.mac(first), made.mac(second), made.mac(first)]
    for vip, macs in seen.speakers.items():
        turns = [mac for mac, _ in groupby(macs)]
        assert set(turns) <= set(allowed), (vip, turns)
        # Two that start at once may take it from each other until they have heard one another.
        if not (case.split or case.unled or case.alone):
            assert _is_within(turns, allowed), (vip, turns)
    assert seen.dying == 0, seen.story + said(first) + said(second)
    assert max(seen.there, seen.back) < (2 * LIMIT if case.alone else SOON), (
        seen.story + said(first) + said(second)
    )
    loses_nothing = case.loses_nothing and not running.setting.resets
    assert not (seen.lost and loses_nothing), seen.story + said(first) + said(second)
    assert set(ipvsadm(first.host)) == set(ipvsadm(second.host)) == first.table()
    return seen.there, seen.back, len(seen.lost)


def _is_within(turns: list[str], allowed: list[str]) -> bool:
    """Return whether the speakers took turns as allowed, perhaps leaving some out."""
    rest = iter(allowed)
    return all(mac in rest for mac in turns)


TWO = {"ARP-TWO-DIRECTORS", "ND-TWO-DIRECTORS"}


def rules(said: str) -> set[str]:
    """Return the rules of the events that a watch has told."""
    lines = said.splitlines(keepends=True)
    return {json.loads(line)["rule"] for line in lines if line.endswith("\n")}


@plain
def test_two_directors_after_a_kill_are_told(running: Running) -> None:
    first, second = running.pair.boxes
    gateway = running.pair.lab.gateway
    words = ("watch", str(first.director), "--ask-every", "1", "--format", "json")
    with program.running(gateway, *words) as watch:
        assert settled(lambda: "watching" in watch.said("stderr"), True, 2 * LIMIT)
        first.stop(signal.SIGKILL)
        assert settled(second.is_active, True, LIMIT), said(second)

        told = verified(gateway, "verify", first.director, expect=1)
        watched = settled(lambda: rules(watch.said()) >= TWO, True, LIMIT)
    first.start()
    running.pair.ready(first)

    assert {each["rule"] for each in told} & TWO
    assert watched, watch.said()
    assert running.answering() == {running.pair.mac(first)}


@plain
def test_a_reader_that_is_asked_to_end_ends_well_and_another_one_goes_on(running: Running) -> None:
    second = running.pair.boxes[1]

    ended = second.unfollow()
    second.follow()
    seen = failed_over(running, CASES[0])

    assert ended.returncode == 0, ended.stderr
    assert max(seen.there, seen.back) < SOON
