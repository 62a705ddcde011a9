"""Watching without a segment: what each frame means, what is told of it, and how it ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_interface
from pathlib import Path
from typing import Any, Self

import pytest

from fake import FakeKernel, FakeSession, host
from lvsdr.cli.main import run
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.neighbour_claim import Answer, ClaimForm, Heard, NeighbourClaim
from lvsdr.model.objects import Address
from lvsdr.model.watch_event import Event
from lvsdr.profile.reader import read
from lvsdr.proof.watching import Wanted, Watch
from lvsdr.rules.segment.claim_monitor import GRACE, SETTLED, ClaimMonitor
from lvsdr.rules.segment.event_rate_limiter import EVERY, KNOWN, MOST, EventRateLimiter
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
from lvsdr.wire.frames.arp import Arp
from lvsdr.wire.frames.claim_of_frame import claim_on
from lvsdr.wire.frames.ethernet import Frame
from lvsdr.wire.frames.neighbour_discovery import Advertisement, Solicitation

VIP, VIP6 = IPv4Address("192.168.1.2"), IPv6Address("2001:db8::2")
RIP, OTHER = IPv4Address("192.168.1.11"), IPv4Address("192.168.1.1")
RS, ONE, TWO, THREE = (f"02:00:00:00:00:{end}" for end in ("11", "10", "20", "30"))
PROFILE = str(Path(__file__).parent.parent / "profiles" / "director.json")


# --- frames --------------------------------------------------------------------------------------


def of_arp(operation: int, sender: IPv4Address, target: IPv4Address) -> bytes:
    return arp.broadcast(Arp(operation, ONE, sender, ethernet.UNKNOWN, target))


def of_nd(message: neighbour_discovery.Message) -> bytes:
    return ethernet.encode(Frame(TWO, ONE, ethernet.IPV6, neighbour_discovery.encode(message)))


GATEWAY6 = IPv6Address("2001:db8::1")


@pytest.mark.parametrize(
    ("frame", "form"),
    [
        pytest.param(of_arp(arp.REQUEST, VIP, OTHER), "request", id="asks in its name"),
        pytest.param(of_arp(arp.REPLY, VIP, OTHER), "reply", id="answers"),
        pytest.param(of_arp(arp.REQUEST, VIP, VIP), "announcement", id="gratuitous request"),
        pytest.param(of_arp(arp.REPLY, VIP, VIP), "announcement", id="gratuitous reply"),
        pytest.param(of_nd(Solicitation(VIP6, GATEWAY6, GATEWAY6, ONE)), "request", id="ND: asks"),
        pytest.param(
            of_nd(neighbour_discovery.unsolicited(ONE, VIP6)), "announcement", id="ND: announces"
        ),
        pytest.param(
            of_nd(Advertisement(VIP6, GATEWAY6, VIP6, ONE, solicited=True, override=True)),
            "reply",
            id="ND: answers",
        ),
        pytest.param(
            of_nd(Advertisement(GATEWAY6, neighbour_discovery.ALL_NODES, VIP6, ONE)),
            "reply",
            id="ND: a proxy",
        ),
    ],
)
def test_a_frame_speaks_in_the_name_of_a_vip_in_one_of_these_forms(frame: bytes, form: str) -> None:
    found = claim_on({VIP, VIP6}, frame)

    assert found is not None
    assert (found.mac, found.form) == (ONE, form)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(of_arp(arp.REQUEST, OTHER, VIP), id="somebody asks for it"),
        pytest.param(of_arp(arp.REQUEST, arp.NOBODY, VIP), id="a probe"),
        pytest.param(of_nd(neighbour_discovery.probe(VIP6)), id="ND: duplicate address detection"),
        pytest.param(
            of_nd(neighbour_discovery.question(ONE, GATEWAY6, VIP6)), id="ND: somebody asks for it"
        ),
        pytest.param(of_arp(3, VIP, OTHER), id="neither request nor reply"),
        pytest.param(of_arp(arp.REPLY, VIP, OTHER)[:41], id="truncated"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_other_frames_do_not(frame: bytes) -> None:
    assert claim_on({VIP, VIP6}, frame) is None


# --- the monitor ---------------------------------------------------------------------------------


@dataclass
class Bench:
    """A monitor, and what it said of the frames so far."""

    monitor: ClaimMonitor
    said: list[tuple[str, str]] = field(default_factory=list)

    def hear(self, mac: str, form: ClaimForm = "announcement", now: float = 0.0) -> Self:
        event = self.monitor.hear(NeighbourClaim(VIP, mac, form), now)
        self.said += [(event.rule.partition("-")[2], event.severity)] if event else []
        return self


def bench(answered: tuple[str, ...] = (ONE,), **known: Any) -> Bench:
    settings = {"rips": [RIP], **known}
    hosts = tuple(frozenset({mac}) for mac in answered)
    return Bench(
        ClaimMonitor(settings.pop("speakers", MacOwners({RS: RIP})), {VIP: hosts}, **settings)
    )


INTRUDER, SPEAKS = ("TWO-DIRECTORS", ERROR), ("SPEAKS", ERROR)
NEW = ("NEW-DIRECTOR", WARNING)


@pytest.mark.parametrize("form", ["request", "reply", "announcement"])
def test_a_real_server_must_not_speak_at_all_and_the_director_may(form: ClaimForm) -> None:
    assert bench().hear(RS, form).hear(ONE, form).said == [SPEAKS]


@pytest.mark.parametrize(
    ("mac", "named"),
    [(RS, f"real server {RIP}"), (TWO, "this host"), (THREE, "unknown host, locally administered")],
)
def test_who_speaks_is_named(mac: str, named: str) -> None:
    speakers = MacOwners({RS: RIP}, mine=frozenset({TWO}))

    event = bench(speakers=speakers).monitor.hear(NeighbourClaim(VIP, mac, "announcement"), 0.0)

    assert event is not None
    assert (event.host, event.message.startswith(f"{named} ({mac}) announces")) == (named, True)


def test_a_new_host_that_announces_the_vip_is_the_new_director_and_told_once() -> None:
    heard = bench().hear(TWO, now=100.0).hear(TWO, "reply", 101.0).hear(TWO, now=1000.0)

    assert heard.said == [NEW]


def test_a_failover_and_one_back_later_are_no_alarm() -> None:
    assert bench().hear(TWO, now=0.0).hear(ONE, now=SETTLED).said == [NEW, NEW]


def test_two_that_claim_the_vip_in_turn_are_an_alarm() -> None:
    heard = bench().hear(TWO, now=0.0).hear(ONE, now=1.0).hear(TWO, now=2.0).hear(THREE, now=3.0)

    assert heard.said == [NEW, INTRUDER, INTRUDER]


def test_one_that_only_answers_has_not_taken_over() -> None:
    heard = bench().hear(TWO, "reply", 10.0).hear(TWO, "reply", 10.0 + GRACE)
    early, due, again = (
        [each.rule for each in heard.monitor.due(10.0 + GRACE + late)] for late in (-0.1, 0.0, 0.1)
    )

    assert (heard.said, early, due, again) == ([], [], ["ARP-TWO-DIRECTORS"], [])


def test_one_that_is_asked_before_it_announces_itself_takes_over() -> None:
    heard = bench().hear(TWO, "reply", 10.0).hear(TWO, now=10.5).hear(TWO, "reply", 11.0)

    assert (heard.said, list(heard.monitor.due(100.0))) == ([NEW], [])


def test_nobody_takes_over_while_this_host_holds_the_vip() -> None:
    held = {VIP}
    speakers = MacOwners({RS: RIP}, frozenset({ONE}))
    heard = bench((), speakers=speakers, holds=held.__contains__).hear(ONE).hear(TWO)
    held.clear()
    heard.hear(TWO, now=1.0)

    assert heard.said == [INTRUDER, NEW]


def test_who_was_told_to_be_the_director_is_it_and_nobody_else() -> None:
    told = frozenset({TWO, RS})

    assert bench(told=told).hear(TWO).hear(RS).hear(ONE).said == [INTRUDER]


def test_a_stranger_may_be_a_real_server_that_was_not_heard() -> None:
    assert bench(speakers=MacOwners()).hear(TWO).said == [INTRUDER]
    assert bench(speakers=MacOwners(), rips=()).hear(TWO).said == [INTRUDER]


def test_a_real_server_that_asks_later_in_its_own_name_is_known_by_that() -> None:
    heard = bench(speakers=MacOwners())
    heard.monitor.hear(NeighbourClaim(RIP, TWO, "reply"), 0.0)
    heard.monitor.hear(NeighbourClaim(RIP, RS, "request"), 0.0)

    assert heard.hear(RS).hear(TWO).said == [SPEAKS, NEW]


def test_where_several_answer_each_of_them_is_an_alarm_and_where_nobody_does_it_is_said() -> None:
    several, nobody = bench((ONE, TWO)), bench(())

    assert [each.severity for each in several.monitor.doubts()] == [ERROR]
    assert several.hear(ONE, "reply").hear(TWO).said == [INTRUDER, INTRUDER]
    assert [(each.rule, each.severity) for each in nobody.monitor.doubts()] == [
        ("ARP-NOBODY", WARNING)
    ]
    assert nobody.hear(TWO).hear(TWO).said == [NEW]
    assert list(bench().monitor.doubts()) == []


# --- repeated events -----------------------------------------------------------------------------


def event(number: int = 0, severity: str = ERROR) -> Event:
    return Event("ARP-SPEAKS", severity, "it speaks", "hint", vip=VIP, mac=f"mac {number}")


def test_the_same_event_is_told_once_and_then_counted() -> None:
    limiter = EventRateLimiter(0.0)

    first = limiter.take(event())
    others = [limiter.take(event()) for _ in range(10_000)]
    early, due, again = (list(limiter.due(now)) for now in (EVERY - 1, EVERY, 3 * EVERY))

    assert first == event()
    assert set(others) == {None}
    assert (early, [each.count for each in due], again) == ([], [10_000], [])


def test_one_that_goes_on_is_only_counted_and_one_that_rested_is_new() -> None:
    limiter = EventRateLimiter(0.0)
    limiter.take(event())
    limiter.take(event())
    list(limiter.due(EVERY))

    goes_on = limiter.take(event())
    list(limiter.due(2 * EVERY))
    list(limiter.due(3 * EVERY))
    rested = limiter.take(event())

    assert (goes_on, rested) == (None, event())


def test_of_hosts_without_number_few_are_told_and_none_is_kept() -> None:
    limiter = EventRateLimiter(0.0)

    told = [limiter.take(event(number)) for number in range(100_000)]
    (left,) = limiter.due(EVERY)

    assert sum(each is not None for each in told) == MOST
    assert (left.rule, left.severity, left.count) == ("TOO-MANY", ERROR, 100_000 - MOST)
    assert len(limiter._kinds) <= KNOWN


def test_of_hosts_that_go_on_no_more_are_known_than_that() -> None:
    limiter = EventRateLimiter(0.0)
    for number in range(KNOWN):
        # Each is heard in every period, so that none of them is forgotten.
        for known in range(number + 1) if number % MOST == MOST - 1 else [number]:
            limiter.take(event(known))
            limiter.take(event(known))
        if number % MOST == MOST - 1:
            list(limiter.due(EVERY * (number + 1)))

    assert limiter.take(event(KNOWN)) is None


# --- the whole of it -----------------------------------------------------------------------------


class FakeEars:
    """A segment on which at each second something is said, or the link is down (None)."""

    def __init__(
        self, *seconds: list[NeighbourClaim] | None, then: BaseException | None = None
    ) -> None:
        self.seconds = list(seconds)
        self.then = then
        self.asked = 0
        self.lost: list[int] = []
        self.opened: tuple[str, tuple[IPAddress, ...]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hear(self, until: float) -> Iterator[NeighbourClaim]:
        if not self.seconds and self.then:
            raise self.then
        said = self.seconds.pop(0) if self.seconds else []
        if said is None:
            raise CannotRun("the link is down")
        yield from said

    def ask(self, *_: object) -> None:
        self.asked += 1

    def count_lost(self) -> int:
        return self.lost.pop(0) if self.lost else 0

    def reopen(self) -> None:
        if self.seconds[:1] == [None]:
            del self.seconds[0]
            raise CannotRun("the link is down")


class WatchSession(FakeSession):
    def __init__(self, kernel: FakeKernel, root: Path, ears: FakeEars, *heard: Answer) -> None:
        super().__init__(kernel, root, heard)
        self._ears = ears

    def ears(self, link: str, addresses: tuple[IPAddress, ...]) -> FakeEars:
        self._ears.opened = link, addresses
        return self._ears


def both(address: IPAddress, mac: str) -> list[Answer]:
    return [Answer(address, mac, "own"), Answer(address, mac, "probe")]


KNOWN_HOSTS = [*both(VIP, ONE), *both(RIP, RS), *both(IPv4Address("192.168.1.12"), TWO)]
SPOKEN = NeighbourClaim(VIP, RS, "request")


def watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ears: FakeEars, *options: str
) -> tuple[int, list[str], str]:
    kernel = host(Address("eth0", ip_interface("192.168.1.250/24"), label="eth0"))
    session = WatchSession(kernel, tmp_path, ears, *KNOWN_HOSTS)
    code = run(("watch", PROFILE, *options), session)
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_each_event_is_one_object_on_a_line_with_its_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ears = FakeEars([SPOKEN, SPOKEN], then=KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        watched(tmp_path, capsys, ears, "--format", "json")

    first, counted = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["format"], first["rule"], first["count"]) == ("lvsdr/event/1", "ARP-SPEAKS", 1)
    assert (first["vip"], first["mac"], first["rip"]) == (str(VIP), RS, str(RIP))
    assert first["time"].endswith("Z")
    assert counted["message"].endswith("(1 times more)")
    assert ears.opened is not None
    assert {VIP, RIP} <= set(ears.opened[1])


def test_a_signal_is_the_normal_end_with_1_after_an_alarm_and_0_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = {}
    for name, said in (("alarm", [SPOKEN]), ("none", [])):
        ears = FakeEars(said)

        def strike(until: float, ears: FakeEars = ears) -> Iterator[NeighbourClaim]:
            yield from ears.seconds.pop(0)  # type: ignore[misc]
            signal.raise_signal(signal.SIGTERM)

        ears.hear = strike  # type: ignore[method-assign]
        codes[name], lines, _ = watched(tmp_path, capsys, ears)
        assert len(lines) == len(said)

    assert codes == {"alarm": 1, "none": 0}


class Clock:
    """Time that goes on while somebody waits or listens."""

    def __init__(self) -> None:
        self.now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds


def followed(ears: FakeEars, **wanted: Any) -> tuple[Watch, list[Event]]:
    """Return a watch that is over, and what it has told."""
    clock, told = Clock(), list[Event]()
    hear = ears.hear

    def hear_and_wait(until: float) -> Iterator[NeighbourClaim]:
        yield from hear(until)
        clock.now = until

    ears.hear = hear_and_wait  # type: ignore[method-assign]
    kernel = host(Address("eth0", ip_interface("192.168.1.250/24"), label="eth0"))
    watch = Watch(
        Wanted(read(Path(PROFILE)), **wanted),
        kernel,
        told.append,
        clock=lambda: clock.now,
        wait=clock.wait,
    )
    watch.run(lambda *_: ears, lambda _: Heard(frozenset(KNOWN_HOSTS)))
    return watch, told


def test_a_link_that_goes_down_is_told_once_and_when_it_is_back() -> None:
    ears = FakeEars([], None, None, None, [SPOKEN])

    watch, told = followed(ears, seconds=10.0)

    assert [each.rule for each in told] == ["LINK-DOWN", "LINK-UP", "ARP-SPEAKS"]
    assert watch.alarmed


def test_a_link_that_was_down_is_no_alarm() -> None:
    watch, told = followed(FakeEars([], None, None), seconds=10.0)

    assert [each.severity for each in told] == [WARNING, WARNING]
    assert not watch.alarmed


def test_it_asks_as_often_as_it_is_told_to() -> None:
    ears, silent = FakeEars(), FakeEars()

    followed(ears, seconds=60.0, ask_every=10.0)
    followed(silent, seconds=60.0)

    assert (ears.asked, silent.asked) == (5, 0)


def test_what_was_only_counted_is_told_at_the_end() -> None:
    _, told = followed(FakeEars([SPOKEN] * 3), seconds=10.0)

    assert [each.count for each in told] == [1, 2]


@pytest.mark.parametrize(
    "options",
    [
        ["--director-mac", "02-00-00-00-00-01"],
        ["--director-mac", "nobody"],
        ["--dip", "192.168.1.256"],
        ["--for", "0"],
        ["--ask-every", "0"],
        ["--rate", "0"],
    ],
)
def test_2_a_bad_option_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    code, lines, err = watched(tmp_path, capsys, FakeEars(), *options)

    assert (code, lines) == (2, [])
    assert options[0] in err


def test_6_where_there_is_no_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = watched(tmp_path, capsys, FakeEars(), "--interface", "eth9")

    assert code == 6
    assert "no such link" in err
