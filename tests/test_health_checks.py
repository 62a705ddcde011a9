"""Health checks put together: asked, judged, carried out and told, by a clock of their own."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import pairwise

import pytest

from lvsdr.core.out_of_service import OutOfService
from lvsdr.errors import CannotRun
from lvsdr.keeper.check_targets import Target
from lvsdr.keeper.checker import Asking
from lvsdr.keeper.director_health import DirectorHealth
from lvsdr.keeper.gateway_witness import Gateway
from lvsdr.keeper.many_failures import ManyFailures
from lvsdr.keeper.turn_pace import TurnPace
from lvsdr.model.health import DROP, CheckResult, CommandCheck, Down, Health
from lvsdr.model.health_event import HealthEvent
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key
from lvsdr.model.path import RealServerRoute
from lvsdr.model.profile import DirectorProfile, LabelledVip

VIP = ip_address("192.0.2.2")
HTTP = Service("tcp", VIP, 80)
RIPS = [ip_address(f"192.0.2.{number}") for number in range(11, 14)]
SERVERS = tuple(RealServer(HTTP, rip, 80) for rip in RIPS)
SORRY = RealServer(HTTP, ip_address("192.0.2.99"), 80)
PROFILE = DirectorProfile(
    "web",
    "eth0",
    (LabelledVip(VIP, "eth0:0"),),
    (VirtualServer(HTTP),),
    SERVERS,
    health=Health(),
)


class FakeChecker:
    """Asks nobody: `says` tells what becomes of a check of a number that begins at a time."""

    def __init__(self, says: Callable[[int, float], tuple[str, float]]) -> None:
        self.says = says
        self.under_way: list[CheckResult] = []
        self.asked: list[tuple[int, float]] = []
        self.closed = False

    def begin(self, numbers: Sequence[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        for number in numbers:
            self.asked.append((number, now))
            why, took = self.says(number, now)
            silent = why == "is silent"
            result = CheckResult(number, not why, why, silent, began=now, at=now + took)
            self.under_way.append(result)

    def results(self, now: float) -> Sequence[CheckResult]:
        ended = [each for each in self.under_way if each.at <= now]
        self.under_way = [each for each in self.under_way if each.at > now]
        # An answer is known once it is read.
        return [replace(each, at=now) for each in ended]

    def due(self) -> float | None:
        return min((each.at for each in self.under_way), default=None)

    def filenos(self) -> Sequence[int]:
        return ()

    def void(self) -> None:
        self.under_way.clear()

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeHands:
    """A record and a table in one: who is out; `refuses` makes each change fail."""

    is_out: dict[Key, Down] = field(default_factory=dict)
    drained: set[Key] = field(default_factory=set)
    batches: list[Mapping[Key, Down | None]] = field(default_factory=list)
    refuses: bool = False
    carried_out: Callable[[], None] = lambda: None

    def out(self) -> OutOfService:
        return OutOfService(frozenset(self.drained), dict(self.is_out))

    def carry_out(self, changes: Mapping[Key, Down | None]) -> None:
        if self.refuses:
            raise CannotRun("cannot lock it")
        self.batches.append(changes)
        self.carried_out()
        for key, down in changes.items():
            if down is None:
                self.is_out.pop(key, None)
            else:
                self.is_out[key] = down


@dataclass
class Bench:
    """One DirectorHealth with all that it needs, and a clock that jumps to whatever is due next."""

    says: Callable[[int, float], tuple[str, float]]
    profile: DirectorProfile = PROFILE
    hands: FakeHands = field(default_factory=FakeHands)
    now: float = 0.0
    batch_takes: float = 0.0
    turns: int = 0
    told: list[HealthEvent] = field(default_factory=list)
    checkers: list[FakeChecker] = field(default_factory=list)
    gateway: Gateway | None = None

    def __post_init__(self) -> None:
        clock = (lambda: self.now) if self.batch_takes else None
        self.checks = DirectorHealth(self.hands, self.told.append, self.opened, clock)
        self.hands.carried_out = self.spend
        self.checks.begin(self.profile, aimed(self.profile), self.now)

    def opened(self, asked: Sequence[Target]) -> Sequence[Asking]:
        checker = FakeChecker(self.says)
        self.checkers.append(checker)
        return [Asking(checker, frozenset(range(len(asked))), self.gateway)]

    def run(self, until: float) -> None:
        while (due := self.checks.due()) is not None and due <= until:
            self.now = max(self.now, due)
            self.checks.turn(self.now)
            self.turns += 1
        self.now = max(self.now, until)

    def spend(self) -> None:
        """Let the time pass that a batch takes."""
        self.now += self.batch_takes

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.told]


def aimed(profile: DirectorProfile) -> Sequence[Target]:
    from lvsdr.model.host import Host
    from lvsdr.profile.roles.director_paths import paths_of_servers

    assert Host is not None
    return [
        Target(
            server.key,
            server,
            path,
            profile.health_of(server.service) or Health(),
            RealServerRoute(server.rip, "eth0", server.rip, ip_address("192.0.2.10")),
        )
        for server, path in paths_of_servers(profile, profile.real_servers)
    ]


def fine(_: int, __: float) -> tuple[str, float]:
    return "", 0.001


def refusing(*numbers: int, since: float, until: float = 1e9) -> Callable[..., tuple[str, float]]:
    def says(number: int, now: float) -> tuple[str, float]:
        gone = number in numbers and since <= now < until
        return ("refuses the connection", 0.001) if gone else ("", 0.001)

    return says


def silent(*numbers: int, since: float, until: float = 1e9) -> Callable[..., tuple[str, float]]:
    def says(number: int, now: float) -> tuple[str, float]:
        gone = number in numbers and since <= now < until
        return ("is silent", 0.5) if gone else ("", 0.001)

    return says


def test_as_long_as_all_serve_nothing_is_changed_or_told() -> None:
    bench = Bench(fine)

    bench.run(3600)

    assert bench.hands.batches == []
    assert bench.told == []


def test_each_is_asked_once_in_each_interval() -> None:
    bench = Bench(fine)

    bench.run(100)

    asked = [number for number, _ in bench.checkers[0].asked]
    assert {asked.count(number) for number in range(3)} <= {100, 101}


@pytest.mark.parametrize("fault", [refusing, silent])
def test_who_does_not_serve_is_out_in_time_and_comes_back(fault: Callable[..., object]) -> None:
    bench = Bench(fault(1, since=10.0, until=30.0))  # type: ignore[arg-type]

    bench.run(10.0 + 2 * 1.0 + 0.5)
    out = dict(bench.hands.is_out)
    bench.run(30.0 + 2 * 1.0 + 0.5)

    assert list(out) == [SERVERS[1].key]
    assert bench.hands.is_out == {}
    assert bench.kinds == ["DOWN", "UP"]


def test_a_single_failed_check_takes_nobody_out() -> None:
    bench = Bench(refusing(1, since=10.0, until=10.4))

    bench.run(60)

    assert bench.hands.batches == []


MANY = replace(
    PROFILE,
    real_servers=tuple(
        RealServer(HTTP, ip_address(f"10.0.{n // 250}.{n % 250 + 1}"), 80) for n in range(1000)
    ),
)


@pytest.mark.parametrize("fault", [refusing, silent])
@pytest.mark.parametrize("rounds", range(20))
def test_those_that_die_at_once_go_in_one_batch(
    rounds: int, fault: Callable[..., Callable[[int, float], tuple[str, float]]]
) -> None:
    died = 10 + rounds / 20
    bench = Bench(fault(*range(500), since=died), MANY, batch_takes=0.3)

    bench.run(died + 2.5)

    assert len(bench.hands.is_out) == 500
    assert len(bench.hands.batches) == 1
    assert bench.kinds.count("LATE") == 0, "it was no absence"


@pytest.mark.parametrize("fault", [refusing, silent])
def test_without_asking_all_at_once_those_that_die_go_in_several_batches(
    fault: Callable[..., Callable[[int, float], tuple[str, float]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fault that is guarded against is real: the dead wait for one another's turns."""
    monkeypatch.setattr(ManyFailures, "are_many", lambda *_: False)
    bench = Bench(fault(*range(500), since=10.0), MANY, batch_takes=0.3)

    bench.run(10 + 2.5)

    assert len(bench.hands.batches) > 1


def test_of_those_that_die_the_first_are_not_kept_waiting_where_they_are_few() -> None:
    """Without many there is nobody to wait for, and each is out as soon as it is known."""
    few = Bench(refusing(*range(8), since=10.0), MANY)

    few.run(10.0 + 1.0 + 0.25 + 0.2)

    assert len(few.hands.is_out) == 8
    assert len(few.hands.batches) > 1


def test_where_many_fail_all_are_asked_once_and_not_again_and_again() -> None:
    """A fifth of all frames lost is always many; nobody is asked twice as often for that."""
    chance = random.Random(1)

    def says(number: int, now: float) -> tuple[str, float]:
        return ("is silent", 0.5) if chance.random() < 0.1 else ("", 0.001)

    bench = Bench(says, MANY)
    bench.run(30.0)

    asked = len(bench.checkers[0].asked)
    # Each of the tenth is asked once more, and all of them every five seconds.
    assert 1.1 * 30_000 < asked < 1.1 * 1.25 * 30_000


def test_a_thousand_are_asked_in_so_many_turns_a_second_and_no_more() -> None:
    bench = Bench(fine, MANY)

    bench.run(2)
    before = bench.turns
    bench.run(12)

    assert len(bench.checkers[0].asked) > 11_000
    assert bench.turns - before <= 10 * 34


FEW = replace(PROFILE, real_servers=MANY.real_servers[:200])


def test_while_all_answer_two_hundred_are_asked_in_seven_turns_a_second() -> None:
    bench = Bench(fine, FEW)

    bench.run(2)
    before, asked = bench.turns, len(bench.checkers[0].asked)
    bench.run(12)

    assert len(bench.checkers[0].asked) - asked > 1950
    assert bench.turns - before <= 10 * 7


def test_who_owes_an_answer_is_waited_for_in_turns_as_short_as_the_midst_of_a_check_wants() -> None:
    """Of one that has just fallen silent it is known in its first check that others were heard."""
    taken = [out_after(silent(7, since=10 + tenth / 10)) for tenth in range(20)]

    assert max(taken) <= 2 * 1.0 + 0.5


def test_without_shorter_turns_it_takes_longer_until_a_silent_one_is_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fault that is guarded against is real: who else was heard meanwhile is not known."""
    rest = TurnPace.rest
    monkeypatch.setattr(TurnPace, "rest", lambda pace, now, **_: rest(pace, now, owed=False))

    taken = [out_after(silent(7, since=10 + tenth / 10)) for tenth in range(20)]

    assert max(taken) > 2 * 1.0 + 0.5


def out_after(says: Callable[[int, float], tuple[str, float]]) -> float:
    """Return how many seconds after its last answer a real server of 200 is out."""
    bench = Bench(says, FEW)
    while not bench.hands.is_out:
        bench.run(bench.now + 0.01)
        assert bench.now < 20, "it stays in"
    asked = [at for number, at in bench.checkers[0].asked if number == 7]
    return bench.now - max(at for at in asked if not says(7, at)[0])


def test_what_else_is_on_a_host_that_fails_is_asked_at_once_and_goes_in_the_same_batch() -> None:
    services = [Service("tcp", VIP, port) for port in range(80, 100)]
    servers = tuple(RealServer(each, rip, each.port) for each in services for rip in RIPS)
    virtual = tuple(VirtualServer(each) for each in services)
    profile = replace(PROFILE, virtual_servers=virtual, real_servers=servers)
    dead = [number for number, each in enumerate(servers) if each.rip == RIPS[1]]
    bench = Bench(refusing(*dead, since=10.0), profile)

    bench.run(10.6)

    assert len(bench.hands.is_out) == len(services)
    assert len(bench.hands.batches) <= 2


def test_a_failure_that_was_heard_is_asked_about_sooner_than_silence_is() -> None:
    heard, unheard = Bench(refusing(1, since=10.0)), Bench(silent(1, since=10.0))

    for bench in (heard, unheard):
        bench.run(20)
    gaps = [
        min(after - before for before, after in pairwise(asked))
        for bench in (heard, unheard)
        for asked in [[at for number, at in bench.checkers[0].asked if number == 1 and at > 9.5]]
    ]

    assert 0.25 <= gaps[0] <= 0.3
    assert 0.5 <= gaps[1] <= 0.55


def test_where_all_are_silent_nothing_is_taken_out_and_blindness_is_told_once() -> None:
    bench = Bench(silent(0, 1, 2, since=10.0, until=70.0))

    bench.run(120)

    assert bench.hands.batches == []
    assert bench.kinds == ["BLIND", "SEES"]


def one_after_the_other(number: int, now: float) -> tuple[str, float]:
    return ("is silent", 0.5) if now >= (5, 30, 55)[number] else ("", 0.001)


def test_the_last_that_falls_silent_goes_where_the_gateway_answers() -> None:
    asked: list[float] = []
    gateway = Gateway(asked.append, lambda: asked[-1] if asked else None)
    profile = replace(PROFILE, sorry_servers=(SORRY,))
    bench = Bench(one_after_the_other, profile, gateway=gateway)

    bench.run(80)

    assert set(bench.hands.is_out) == {each.key for each in SERVERS}
    assert min(asked) > 30, "as long as others serve, they are asked"


def test_the_last_that_falls_silent_stays_where_the_gateway_does_not_answer() -> None:
    gateway = Gateway(lambda _: None, lambda: None)
    bench = Bench(one_after_the_other, replace(PROFILE, sorry_servers=(SORRY,)), gateway=gateway)

    bench.run(80)

    assert set(bench.hands.is_out) == {each.key for each in SERVERS[:2]}


def test_where_the_record_cannot_be_read_its_state_says_so() -> None:
    class Unreadable(FakeHands):
        def out(self) -> OutOfService:
            raise CannotRun("cannot read it")

    bench = Bench(fine)
    bench.checks._hands = Unreadable()

    assert bench.checks.state == "cannot read it"


def test_a_program_that_says_no_is_no_witness() -> None:
    by_program = Health(check=CommandCheck(("/bin/false",)), when_all_fail=DROP)
    more = Service("tcp", VIP, 81)
    server = RealServer(more, ip_address("192.0.2.20"), 81)
    profile = replace(
        PROFILE,
        virtual_servers=(VirtualServer(HTTP), VirtualServer(more)),
        real_servers=(*SERVERS, server),
        own_health={more: by_program},
    )

    def says(number: int, now: float) -> tuple[str, float]:
        if now < 5:
            return "", 0.001
        # Each of its checks ends in the midst of those of the others.
        return ("the command says 1", 0.2) if number == 3 else ("is silent", 0.5)

    bench = Bench(says, profile)
    bench.run(60)

    assert bench.hands.is_out.keys() == {server.key}
    assert "BLIND" in bench.kinds


def test_blindness_that_lasts_over_new_routes_ends_once() -> None:
    bench = Bench(silent(0, 1, 2, since=5, until=60))
    for until in (20, 30, 40):
        bench.run(until)
        bench.checks.begin(bench.profile, routed_by(until), bench.now)
    bench.run(80)

    assert bench.kinds.count("SEES") <= bench.kinds.count("BLIND")
    assert bench.kinds[-1] == "SEES"


def routed_by(hop: int) -> Sequence[Target]:
    """Return the targets as they are on a link whose address has changed."""
    source = ip_address(f"192.0.2.{100 + hop}")
    return [
        replace(each, route=replace(each.route, source=source))
        for each in aimed(PROFILE)
        if isinstance(each.route, RealServerRoute)
    ]


def test_where_all_refuse_the_last_ones_are_kept() -> None:
    bench = Bench(refusing(0, 1, 2, since=10.0, until=70.0))

    bench.run(60)
    out = set(bench.hands.is_out)
    bench.run(120)

    assert len(out) == 2
    assert bench.hands.is_out == {}
    assert bench.kinds.count("ALL-DOWN") == 1
    assert bench.kinds.count("ALL-UP") == 1


def test_where_all_refuse_and_are_to_be_dropped_all_go() -> None:
    dropping = replace(PROFILE, health=replace(Health(), when_all_fail=DROP))
    bench = Bench(refusing(0, 1, 2, since=10.0), dropping)

    bench.run(60)

    assert len(bench.hands.is_out) == 3
    assert bench.kinds.count("ALL-DOWN") == 1


def test_where_all_refuse_and_somebody_says_sorry_all_go() -> None:
    bench = Bench(refusing(0, 1, 2, since=10.0), replace(PROFILE, sorry_servers=(SORRY,)))

    bench.run(60)

    assert len(bench.hands.is_out) == 3


def test_a_service_that_is_checked_no_more_is_not_said_to_serve_again() -> None:
    bench = Bench(refusing(0, 1, 2, since=10.0))
    bench.run(20.0)
    unchecked = replace(PROFILE, own_health={HTTP: None})

    bench.checks.begin(unchecked, aimed(unchecked), bench.now)
    bench.run(30.0)

    assert "ALL-DOWN" in bench.kinds
    assert "ALL-UP" not in bench.kinds


def test_where_keepalived_has_the_table_no_weight_is_spoken_of() -> None:
    bench = Bench(refusing(1, since=10.0, until=30.0), replace(PROFILE, table_owner="keepalived"))

    bench.run(60.0)

    assert [event.message.partition("is down")[2] or event.message for event in bench.told] == [
        ", keepalived is told: refuses the connection",
        "real server 192.0.2.12:80 of tcp 192.0.2.2:80 serves again, keepalived is told",
    ]


def test_who_is_drained_is_not_one_who_serves() -> None:
    bench = Bench(refusing(0, since=10.0), replace(PROFILE, real_servers=SERVERS[:2]))
    bench.hands.drained.add(SERVERS[1].key)

    bench.run(60)

    assert bench.hands.is_out == {}
    assert "ALL-DOWN" in bench.kinds


def test_after_sixty_seconds_of_absence_nobody_is_taken_out() -> None:
    """SIGSTOP: no check that was under way counts."""
    bench = Bench(silent(0, 1, since=10.0, until=10.9))
    bench.run(10.9)

    bench.now = 71.0
    bench.checks.turn(71.0)
    bench.run(200)

    assert bench.hands.batches == []
    assert bench.kinds == ["LATE", "IN-TIME"]


SELDOM = replace(PROFILE, health=Health(interval=10, timeout=0.5, fall=3, rise=2))


def test_a_host_that_is_late_now_and_then_counts_to_the_end_all_the_same() -> None:
    """Each look at a large table takes longer than a timeout."""
    bench = Bench(refusing(0, since=15), SELDOM)

    while bench.now < 80:
        bench.run(bench.now + 4)
        due = bench.checks.due()
        assert due is not None
        bench.now = due + 0.6
        bench.checks.turn(bench.now)
        bench.run(bench.now + 0.1)

    assert bench.kinds.count("LATE") > 3
    assert bench.hands.is_out.keys() == {SERVERS[0].key}


def test_a_check_that_was_voided_is_made_up_for_soon() -> None:
    """Looks and checks may keep step, and then each check would be voided."""
    bench = Bench(refusing(0, since=15), SELDOM)

    for look in range(5, 80, 5):
        bench.run(look)
        bench.now += 0.6
        bench.checks.turn(bench.now)

    assert bench.hands.is_out.keys() == {SERVERS[0].key}


def test_what_cannot_be_carried_out_is_told_once_and_tried_again() -> None:
    bench = Bench(refusing(1, since=10.0))
    bench.hands.refuses = True

    bench.run(60)
    bench.hands.refuses = False
    bench.run(62)

    assert bench.kinds == ["STUCK", "CARRIED-OUT", "DOWN"]


def test_a_new_keeper_goes_on_with_what_the_record_says() -> None:
    hands = FakeHands({SERVERS[1].key: Down(1, "refuses the connection")})
    bench = Bench(refusing(1, since=0.0, until=20.0), hands=hands)

    bench.run(19)
    still = dict(hands.is_out)
    bench.run(23)

    assert list(still) == [SERVERS[1].key]
    assert hands.is_out == {}


def test_who_is_down_stays_out_while_this_host_has_no_address_to_ask_from() -> None:
    bench = Bench(refusing(0, since=5))
    bench.run(20)
    lacking = [replace(each, route="no-source") for each in aimed(PROFILE)]

    bench.checks.begin(PROFILE, lacking, bench.now)
    bench.checks.look_again(bench.now)
    bench.run(30)
    meanwhile = set(bench.hands.is_out)
    bench.checks.begin(PROFILE, aimed(PROFILE), bench.now)
    bench.run(40)

    assert meanwhile == set(bench.hands.is_out) == {SERVERS[0].key}
    assert "UP" not in bench.kinds


def test_what_is_checked_no_more_comes_back() -> None:
    hands = FakeHands({SERVERS[1].key: Down(1, "refuses the connection")})
    bench = Bench(fine, replace(PROFILE, real_servers=SERVERS[:1]), hands=hands)

    bench.run(1)

    assert hands.is_out == {}


def test_who_is_put_back_by_somebody_else_is_said_to_serve_again() -> None:
    """An apply of a profile without the check does it before the keeper looks."""
    bench = Bench(refusing(1, since=10.0))
    bench.run(20)
    unchecked = replace(PROFILE, own_health={HTTP: None})
    bench.hands.is_out.clear()

    bench.checks.begin(unchecked, [], bench.now)
    bench.checks.look_again(bench.now)
    bench.run(30)

    assert bench.kinds == ["DOWN", "UP"]


def test_another_profile_keeps_what_is_known() -> None:
    bench = Bench(refusing(1, since=0.0))
    bench.run(10)
    more = replace(PROFILE, real_servers=SERVERS[:2])

    bench.checks.begin(more, aimed(more), bench.now)
    bench.run(20)

    assert bench.checkers[0].closed
    assert bench.kinds == ["DOWN"]


@pytest.mark.parametrize("seed", range(20))
def test_random_troubles_end_as_they_should(seed: int) -> None:
    """Whatever happens on the way: in the end whoever serves is in, and who does not is out."""
    chance = random.Random(seed)
    spells = {n: sorted(chance.uniform(0, 500) for _ in range(10)) for n in range(3)}

    def says(number: int, now: float) -> tuple[str, float]:
        changes = sum(at <= now for at in spells[number])
        return ("refuses the connection", 0.002) if changes % 2 else ("", 0.002)

    bench = Bench(says)
    while bench.now < 500:
        bench.run(bench.now + chance.uniform(1, 30))
        bench.hands.refuses = chance.random() < 0.2
    bench.hands.refuses = False
    bench.run(600)

    assert bench.hands.is_out == {}
