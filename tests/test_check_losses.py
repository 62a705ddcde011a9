"""With a fifth of all frames lost each way: how often checks fail by mistake, by simulation."""

from __future__ import annotations

import random
from ipaddress import ip_address

import pytest

from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import TRIES, TRIES_IN_DOUBT
from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path, RealServerRoute
from lvsdr.wire.checks.answer_meaning import silence
from lvsdr.wire.checks.check_rounds import CheckRounds
from lvsdr.wire.checks.next_hop_watch import Hop
from lvsdr.wire.checks.watched_path import Check, WatchedPath

VIP, RIP, DIP = (ip_address(f"192.0.2.{end}") for end in (10, 11, 1))
ITEM = CheckedPath(
    0, Path(Service("tcp", VIP, 80), VIP, RIP, 80), RealServerRoute(RIP, "eth0", RIP, DIP)
)
LOST = 1 - 0.8 * 0.8
HOUR = 3600


def failed(rounds: CheckRounds, chance: random.Random, now: float, doubtful: bool) -> bool:
    """Check once by the real timetable, over a wire that loses; return whether nobody answered."""
    check = Check(WatchedPath(ITEM, Hop(RIP, DIP)), now)
    rounds.begin([(check, doubtful)], now)
    answered = chance.random() > LOST
    while not answered:
        now += 0.004
        for _, ask, over in rounds.turns(now):
            if over:
                return True
            answered = answered or (ask and chance.random() > LOST)
    rounds.clear()
    return False


def test_the_calculation_allows_no_double_failure_in_an_hour_of_ten_thousand_real_servers() -> None:
    twice = LOST**TRIES * LOST**TRIES_IN_DOUBT

    assert twice * HOUR * 10_000 < 0.02


@pytest.mark.parametrize(("doubtful", "questions"), [(False, TRIES), (True, TRIES_IN_DOUBT)])
def test_the_timetable_asks_so_often_and_listens_after_the_last(
    doubtful: bool, questions: int
) -> None:
    rounds = CheckRounds(0.0)
    check = Check(WatchedPath(ITEM, Hop(RIP, DIP)), 0.0)
    rounds.begin([(check, doubtful)], 0.0)

    asked, now, end = [0.0], 0.0, None
    while end is None:
        now += 0.001
        for _, ask, over in rounds.turns(now):
            asked += [now] * ask
            end = now if over else None

    assert len(asked) == questions
    assert end == pytest.approx(ITEM.timeout, abs=0.03)
    assert end - asked[-1] >= ITEM.timeout / questions * 0.9


def test_a_host_that_was_late_still_asks_as_often(  # a gap of the clock, such as SIGSTOP
) -> None:
    rounds = CheckRounds(0.0)
    check = Check(WatchedPath(ITEM, Hop(RIP, DIP)), 0.0)
    rounds.begin([(check, False)], 0.0)

    asked, now, over = 1, 60.0, False
    while not over:
        for _, ask, over in rounds.turns(now):  # noqa: B007 - the last one is asked for below
            asked += ask
        now += 0.01

    assert asked == TRIES
    assert now - 60.0 > ITEM.timeout / 2


def test_an_hour_of_loss_fails_as_often_as_calculated() -> None:
    chance, rounds = random.Random(16), CheckRounds(0.0)
    first = [failed(rounds, chance, second, False) for second in range(5 * HOUR)]
    mistaken = sum(first) / len(first)
    after = range(len(first), len(first) + sum(first))
    twice = sum(failed(rounds, chance, second, True) for second in after)

    assert 0.5 < mistaken / LOST**TRIES < 1.5
    assert twice == 0


def test_a_single_question_would_fail_every_third_check() -> None:
    chance = random.Random(16)

    lost = sum(chance.random() < LOST for _ in range(HOUR)) / HOUR

    assert lost > 0.3


def test_of_very_many_silent_ones_not_more_is_asked_than_the_rate_allows() -> None:
    rounds, asked, now, over = CheckRounds(0.0), 0, 0.0, 0
    checks = [
        Check(WatchedPath(CheckedPath(n, ITEM.path, ITEM.route), Hop(RIP, DIP)), 0.0)
        for n in range(5000)
    ]
    for at in range(0, 5000, 100):
        rounds.begin([(check, True) for check in checks[at : at + 100]], now)
        now += 0.01
    start = now

    while over < 5000:
        now += 0.005
        for some, ask, ended in rounds.turns(now):
            asked += len(some) * ask
            over += len(some) * ended

    assert asked <= 10_000 * now + 500
    assert asked >= 3 * 5000, "each was asked four times"
    assert now - start < 3.0


@pytest.mark.parametrize("often", [False, True])
@pytest.mark.parametrize(("heard", "silent"), [(0.02, True), (0.24, False), (0.48, True)])
def test_a_host_that_was_heard_at_one_end_of_a_check_alone_may_have_been_cut_off(
    often: bool, heard: float, silent: bool
) -> None:
    """An outage began after that, or ended before it, and the questions there got lost."""
    hop = Hop(RIP, DIP, mac=b"\x02" * 6)
    check = Check(WatchedPath(ITEM, hop), 10.0, often, sent=1)

    for step in range(1, 21):
        now = 10.0 + step * ITEM.timeout / 20
        if now - ITEM.timeout / 20 < 10.0 + heard <= now:
            hop.heard = now
        check.look(now)
    found = silence(check, 10.0 + ITEM.timeout)

    assert found is not None
    assert (found.why, found.silent) == ("does not answer", silent)
