"""What keeps checks from calling those dead who are well: each guard, and the fault without it.

The checker is the real one, on the wire; when what has come is read, the test says.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic, sleep

import pytest
from checking import DIP6, checked, path_to
from rig import RIPS, Rig, director, realserver, rig, virtual_server

from lvsdr.cli.wire_checkers import open_checkers
from lvsdr.errors import CannotRun
from lvsdr.keeper.check_targets import packets, targets
from lvsdr.keeper.path_states import Checked, PathStates
from lvsdr.keeper.rounds_of_checks import CheckRounds
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.services import serving
from lvsdr.model.health import CheckResult
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read
from lvsdr.wire.checks.check_link import CheckLink
from lvsdr.wire.checks.next_hop_watch import Hop, NextHopWatch
from lvsdr.wire.checks.path_checker import PathChecker
from lvsdr.wire.checks.watched_path import Check
from lvsdr.wire.frames import arp, ethernet
from lvsdr.wire.frames.ethernet import FrameError

TICK = 0.005
DROP = "iptables-legacy -{} INPUT -p tcp --dport 80 -j DROP\n"
REFUSE = "iptables-legacy -{} INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset\n"
# After a check that was refused there is a quarter of this until the next one, in seconds.
HEALTH = {"interval": 2.0, "timeout": 0.5, "fall": 2, "rise": 2}
# One question of so many is answered: of those of a check that is asked often, some; else none.
SELDOM = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(), health=HEALTH)
    with rig(tmp_path_factory.mktemp("guards"), wanted, realserver()) as made, ExitStack() as stack:
        made.apply()
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield made


class Bench:
    """The checker of both real servers, and what is known of them; to be used in the director."""

    def __init__(self, made: Rig, timeout: float, fall: int) -> None:
        own = str(made.lab.topology.director.address(4)), DIP6
        items = [
            checked(number, path_to(rip), own, timeout=timeout) for number, rip in enumerate(RIPS)
        ]
        self.checker = PathChecker("eth0", items)
        self.states = PathStates([Checked(fall, 2, "eth0", timeout)] * len(RIPS))
        self.told: list[CheckResult] = []
        self._read = monotonic()

    def read(self, *, believed: bool = True) -> list[CheckResult]:
        """Read what has come; answers are `believed` to be as old as they may be."""
        now = monotonic()
        found = list(self.checker.results(now))
        self.states.take(found, *((self._read,) if believed else ()))
        self._read = now
        self.told += found
        return found

    def until(self, done: Callable[[], bool], seconds: float = 10.0) -> None:
        end = monotonic() + seconds
        while not done():
            assert monotonic() < end, self.told
            self.read()
            sleep(TICK)

    def check(self, *numbers: int, doubtful: bool = False) -> list[CheckResult]:
        """Check these to the end."""
        known = len(self.told)
        self.begin(*numbers, doubtful=doubtful)
        self.until(lambda: len(self.told) >= known + len(numbers))
        return self.told[known:]

    def begin(self, *numbers: int, doubtful: bool = False) -> None:
        self.checker.begin(numbers, monotonic(), doubtful=numbers if doubtful else ())

    def hop(self, number: int) -> Hop:
        return self.checker._watched[number].hop


@contextmanager
def bench(made: Rig, timeout: float = 0.5, fall: int = 1) -> Iterator[Bench]:
    """Give the bench; each real server has been found well by then."""
    it = Bench(made, timeout, fall)
    try:
        it.until(lambda: bool(it.hop(0).mac and it.hop(1).mac))
        assert all(each.ok for each in it.check(0, 1))
        yield it
    finally:
        it.checker.close()


@contextmanager
def outage(made: Rig) -> Iterator[None]:
    """Let the switch carry nothing inside the block."""
    made.lab.switch.ip("link set br0 down")
    try:
        yield
    finally:
        made.lab.switch.ip("link set br0 up")


WITH_AND_WITHOUT = pytest.mark.parametrize("guarded", [True, False], ids=["with", "without"])


@WITH_AND_WITHOUT
def test_an_answer_that_lay_unread_is_no_witness_of_an_outage(made: Rig, guarded: bool) -> None:
    def work() -> dict[int, str]:
        with bench(made, timeout=1.0) as it:
            it.begin(1)
            # The answer is there; this host is busy, and does not read it.
            sleep(0.2)
            with outage(made):
                it.begin(0)
                sleep(0.45)
                it.read(believed=guarded)
                it.until(lambda: any(each.number == 0 and not each.ok for each in it.told))
            return it.states.down()

    down = made.lab.director.inside(work)

    assert set(down) == (set() if guarded else {0})


@WITH_AND_WITHOUT
def test_whoever_was_heard_at_one_end_of_a_check_alone_may_have_been_cut_off(
    made: Rig, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first segments got lost, it answered ARP, and then the cable was out."""
    if not guarded:

        def heard(check: Check, now: float) -> None:
            check.midst = True

        monkeypatch.setattr(Check, "look", heard)
    host = made.lab.realservers[0]

    def work() -> tuple[list[CheckResult], dict[int, str]]:
        with bench(made, timeout=2.0) as it:
            known = len(it.told)
            host.run("sh", text=DROP.format("I"))
            begun = monotonic()
            it.begin(0, doubtful=True)
            it.until(lambda: it.hop(0).heard > begun)
            with outage(made):
                it.until(lambda: len(it.told) > known)
            host.run("sh", text=DROP.format("D"))
            return it.told[known:], it.states.down()

    (result,), down = made.lab.director.inside(work)

    assert (result.ok, result.silent) == (False, guarded)
    assert set(down) == (set() if guarded else {0})


@WITH_AND_WITHOUT
def test_whoever_is_silent_while_our_own_cable_is_out_is_not_dead(
    made: Rig, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first segments got lost, it answered ARP, it serves again, and our own cable is out."""
    if not guarded:
        monkeypatch.setattr(CheckLink, "look", lambda *_: None)
        monkeypatch.setattr(CheckLink, "_trouble", lambda _: suppress(CannotRun))
    host, switch = made.lab.realservers[0], made.lab.switch
    port = made.lab.port_of(made.lab.director)

    def work() -> tuple[list[CheckResult], dict[int, str]]:
        with bench(made, timeout=2.0) as it:
            known, begun = len(it.told), monotonic()
            host.run("sh", text=DROP.format("I"))
            it.begin(0, doubtful=True)
            it.until(lambda: monotonic() > begun + 1.4)
            switch.ip(f"link set {port} down")
            host.run("sh", text=DROP.format("D"))
            # Long enough to be over, also where the commands have taken their time.
            end = monotonic() + 1.5
            it.until(lambda: len(it.told) > known or (guarded and monotonic() > end))
            switch.ip(f"link set {port} up")
            return it.told[known:], it.states.down()

    told, down = made.lab.director.inside(work)

    assert [each.ok for each in told] == ([] if guarded else [False])
    assert set(down) == (set() if guarded else {0})


class Stopped:
    """The checks of the profile as the keeper makes them, stopped whenever nobody turns them."""

    def __init__(self, made: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        profile = read(made.director, "director")
        assert isinstance(profile, DirectorProfile)
        with LinuxKernel() as kernel:
            host = kernel.inspect(lambda _: packets(profile), table=False, others=False)
        asked = targets(profile, host)
        askings = open_checkers(lambda _: (), asked)
        checker, self.told = askings[0].checker, list[CheckResult]()
        results = checker.results

        def noted(now: float) -> list[CheckResult]:
            found = list(results(now))
            self.told += found
            return found

        monkeypatch.setattr(checker, "results", noted)
        self.rounds = CheckRounds(asked, askings, monotonic(), clock=monotonic)
        self.first = next(n for n, it in enumerate(asked) if str(it.path.rip) == RIPS[0])

    @property
    def failures(self) -> int:
        return sum(not each.ok for each in self.told)

    def until(self, done: Callable[[], bool]) -> None:
        end = monotonic() + 20.0
        while not done():
            assert monotonic() < end, self.told
            self.rounds.due()
            sleep(TICK)
            self.rounds.turn(monotonic())


@WITH_AND_WITHOUT
def test_a_failure_before_we_were_stopped_is_in_no_row_with_one_after_it(
    made: Rig, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process does not turn, and what comes meanwhile lies in its sockets: as here."""
    if not guarded:
        monkeypatch.setattr(CheckRounds, "_forget", lambda *_: None)
    host = made.lab.realservers[0]

    def work() -> tuple[int, bool]:
        it = Stopped(made, monkeypatch)
        try:
            it.until(lambda: {each.number for each in it.told if each.ok} == {0, 1})
            for failures in (1, 2):
                host.run("sh", text=REFUSE.format("I"))
                it.until(lambda failures=failures: it.failures >= failures)  # type: ignore[misc]
                host.run("sh", text=REFUSE.format("D"))
                if failures == 1:
                    it.rounds.due()
                    sleep(2 * HEALTH["interval"])
            return it.failures, it.rounds.states.is_up(it.first)
        finally:
            it.rounds.close()

    failures, up = made.lab.director.inside(work)

    assert (failures, up) == (2, guarded)


@WITH_AND_WITHOUT
def test_all_who_are_silent_at_once_are_not_dead(
    made: Rig, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not guarded:
        monkeypatch.setattr(PathStates, "_counts", lambda *_: True)

    def work() -> tuple[dict[int, str], tuple[str, ...]]:
        with bench(made, fall=2) as it, outage(made):
            for _ in range(3):
                it.check(0, 1, doubtful=True)
            return it.states.down(), it.states.blind

    down, blind = made.lab.director.inside(work)

    assert (set(down), blind) == ((set(), ("eth0",)) if guarded else ({0, 1}, ()))


@contextmanager
def answering_seldom(made: Rig) -> Iterator[threading.Event]:
    """Let the first real server answer but some of the questions by ARP, once the event is set."""
    host, mac = made.lab.realservers[0], made.mac(made.lab.realservers[0])
    begun, stop = threading.Event(), threading.Event()
    conf = "net/ipv4/conf/all/arp_ignore"
    # Answers nothing by itself, and asks nobody: that would tell its MAC address.
    host.sysctl(conf, 8)
    there = f"{made.lab.topology.director.address(4)} lladdr {made.mac(made.lab.director)}"
    host.ip(f"neighbour replace {there} dev eth0 nud permanent")

    def opened() -> socket.socket:
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethernet.ARP))
        wire.bind(("eth0", ethernet.ARP))
        wire.settimeout(0.1)
        return wire

    wire = host.inside(opened)

    def run() -> None:
        heard = 0
        while not stop.is_set():
            try:
                asked = arp.decode(ethernet.decode(wire.recv(2048)).payload)
            except (TimeoutError, FrameError):
                continue
            if not begun.is_set() or str(asked.target_ip) != RIPS[0] or asked.operation != 1:
                continue
            heard += 1
            if heard % SELDOM == 0:
                said = arp.Arp(arp.REPLY, mac, asked.target_ip, asked.sender_mac, asked.sender_ip)
                frame = ethernet.Frame(asked.sender_mac, mac, ethernet.ARP, arp.encode(said))
                wire.send(ethernet.encode(frame))

    done = host.start(run)
    try:
        yield begun
    finally:
        stop.set()
        done.result()
        wire.close()
        host.ip(f"neighbour del {there} dev eth0")
        host.sysctl(conf, 1)


@WITH_AND_WITHOUT
def test_who_is_in_doubt_is_asked_by_arp_as_often_as_it_is_checked(
    made: Rig, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was away for long, and is back where most frames get lost."""
    asks = NextHopWatch.ask
    if not guarded:

        def seldom(watch: NextHopWatch, hop: Hop, now: float, *, often: bool = False) -> bool:
            del often
            return asks(watch, hop, now)

        monkeypatch.setattr(NextHopWatch, "ask", seldom)

    def work() -> CheckResult:
        with answering_seldom(made) as begun:
            it = Bench(made, 2.0, 1)
            try:
                # Whoever does not answer for long is asked less often.
                it.until(lambda: it.hop(1).mac != b"")
                for _ in range(20):
                    if it.hop(0).tries < 20:
                        it.check(0)
                assert it.hop(0).tries >= 20
                begun.set()
                (found,) = it.check(0, doubtful=True)
            finally:
                it.checker.close()
            return found

    found = made.lab.director.inside(work)

    assert (found.ok, found.why) == ((True, "") if guarded else (False, "does not answer ARP"))
