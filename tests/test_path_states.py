"""The pure part of health checks: who is down, and who only seems to be."""

from __future__ import annotations

import os
import random

import pytest

from lvsdr.keeper.path_states import PROGRAMS, Checked, PathStates, Sight, Turn
from lvsdr.keeper.timetable import Timetable
from lvsdr.model.health import TRIES, TRIES_IN_DOUBT, CheckResult

LAN = Checked(fall=2, rise=2, side="eth0")


def good(number: int, at: float) -> CheckResult:
    return CheckResult(number, ok=True, began=at - 0.001, at=at)


def refused(number: int, at: float) -> CheckResult:
    return CheckResult(number, False, "refuses the connection", began=at - 0.001, at=at)


def silent(number: int, began: float) -> CheckResult:
    return CheckResult(number, False, "no answer", silent=True, began=began, at=began + 0.5)


def test_a_path_is_down_after_as_many_refusals_as_fall_says() -> None:
    states = PathStates([LAN, LAN])

    first = states.take([refused(0, 1.0), good(1, 1.0)])
    second = states.take([refused(0, 2.0), good(1, 2.0)])

    assert first == []
    assert second == [Turn(0, up=False, why="refuses the connection")]
    assert states.down() == {0: "refuses the connection"}


def test_one_good_check_between_two_bad_ones_counts_from_the_beginning() -> None:
    states = PathStates([LAN])

    turns = [states.take([each]) for each in (refused(0, 1), good(0, 2), refused(0, 3))]

    assert turns == [[], [], []]


def test_a_path_serves_again_after_as_many_good_checks_as_rise_says() -> None:
    states = PathStates([LAN, LAN], {0: "no answer"})

    turns = [states.take([each]) for each in (good(0, 1), refused(0, 2), good(0, 3), good(0, 4))]

    assert turns == [[], [], [], [Turn(0, up=True)]]


def test_the_reason_is_the_last_one() -> None:
    states = PathStates([LAN, LAN], {0: "no answer"})

    states.take([refused(0, 1.0)])

    assert states.down() == {0: "refuses the connection"}


PROGRAM = Checked(fall=1, rise=1, side="eth0", proves=False)


def test_a_program_that_says_nothing_takes_nobody_out_though_others_are_heard() -> None:
    states = PathStates([LAN, PROGRAM, PROGRAM])

    turns = [
        turn
        for at in range(20)
        for turn in states.take([good(0, at + 0.2), silent(1, at), silent(2, at)])
    ]

    assert turns == []
    assert states.sights() == [(PROGRAMS, Sight.BLIND)]
    assert states.blind == (PROGRAMS,)


def test_programs_see_again_once_each_says_something() -> None:
    states = PathStates([PROGRAM, PROGRAM], {1: "the command says 1"})
    states.take([silent(0, 0.0), silent(1, 0.0)])

    first = states.take([good(0, 1.0)])
    second = states.take([refused(1, 1.0)])
    third = states.take([refused(0, 2.0)])

    assert (first, second) == ([], [])
    assert third == [Turn(0, up=False, why="refuses the connection")]
    assert states.sights() == [(PROGRAMS, Sight.BLIND), (PROGRAMS, Sight.SEES)]
    assert states.down() == {0: "refuses the connection", 1: "refuses the connection"}


def test_who_is_down_by_a_program_stays_so_while_it_says_nothing() -> None:
    states = PathStates([PROGRAM], {0: "the command says 1"})

    assert states.take([silent(0, at) for at in range(5)]) == []
    assert states.down() == {0: "the command says 1"}


def test_the_silent_is_down_where_another_was_heard_during_its_check() -> None:
    states = PathStates([LAN, LAN])

    first = states.take([good(1, 0.2), silent(0, 0.0)])
    second = states.take([good(1, 0.72), silent(0, 0.5)])

    assert first == []
    assert second == [Turn(0, up=False, why="no answer")]


def test_nobody_is_down_where_all_fall_silent_at_once() -> None:
    states = PathStates([LAN, LAN])
    states.take([good(0, 0.0), good(1, 0.0)])

    turns = [
        turn for at in range(1, 60) for turn in states.take([silent(0, at), silent(1, at + 0.1)])
    ]

    assert turns == []
    assert states.sights() == [("eth0", Sight.BLIND)]
    assert states.blind == ("eth0",)


def test_without_that_guard_all_would_be_down() -> None:
    states = PathStates([LAN, LAN])

    deaf = [CheckResult(n, False, "no answer", silent=False, at=1.0) for n in (0, 1)]
    turns = states.take(deaf) + states.take(deaf)

    assert turns == [Turn(0, False, "no answer"), Turn(1, False, "no answer")]


def test_what_was_silent_while_we_were_blind_does_not_count() -> None:
    states = PathStates([LAN, LAN])
    for at in range(1, 10):
        states.take([silent(0, at), silent(1, at)])

    back = states.take([good(1, 10.2), silent(0, 10.0)])
    later = states.take([good(1, 11.2), silent(0, 11.0)])

    assert back == []
    assert later == [Turn(0, up=False, why="no answer")]
    assert [sight for _, sight in states.sights()] == [Sight.BLIND, Sight.SEES]


def test_an_answer_that_was_on_its_way_when_the_outage_began_proves_nothing() -> None:
    states = PathStates([Checked(fall=1, rise=1, side="eth0"), LAN])

    turns = states.take([good(1, 1.002), silent(0, 1.0)])

    assert turns == []


def test_an_answer_after_the_outage_proves_nothing_of_what_was_asked_in_it() -> None:
    states = PathStates([Checked(fall=1, rise=1, side="eth0"), LAN])

    turns = states.take([silent(0, 0.5), good(1, 0.97), good(1, 1.01)])

    assert turns == []


@pytest.mark.parametrize(("guarded", "out"), [(True, set()), (False, {0})])
def test_an_answer_that_lay_unread_may_be_one_from_before_the_outage(
    guarded: bool, out: set[int]
) -> None:
    """Without that guard a host that was busy for a moment would take it for a proof."""
    states = PathStates([LAN] * 2)
    for asked in (10.0, 10.5):
        states.take([good(1, asked + 0.2)], asked + (0.01 if guarded else 0.19))
        states.take([silent(0, asked)])

    assert states.down().keys() == out


def test_each_side_is_blind_by_itself() -> None:
    behind = Checked(fall=2, rise=2, side="eth0 via 192.0.2.1")
    states = PathStates([LAN, LAN, behind, behind])

    for at in range(1, 10):
        turns = states.take([good(0, at + 0.22), good(1, at + 0.22), silent(2, at), silent(3, at)])
        assert turns == []

    assert states.blind == ("eth0 via 192.0.2.1",)


def test_a_gateway_that_is_heard_is_a_witness() -> None:
    states = PathStates([LAN])

    states.heard("eth0", 0.2)
    states.heard("eth0", 0.72)
    turns = [states.take([silent(0, at)]) for at in (0.0, 0.5)]

    assert turns == [[], [Turn(0, up=False, why="no answer")]]


def test_the_witness_is_another_path_that_was_heard_last() -> None:
    states = PathStates([LAN, LAN, LAN])
    states.take([good(1, 1.0), good(0, 1.1)])

    assert states.witness(0) == 1
    assert states.witness(1) == 0
    assert states.witness(2) == 0


def test_what_was_under_way_counts_for_nothing_after_we_were_away() -> None:
    states = PathStates([LAN, LAN])
    states.take([refused(0, 1.0)])

    states.forget_unfinished(range(2))

    assert states.take([refused(0, 61.0)]) == []


SEEDS = range(300 if "LVSDR_TORTURE" in os.environ else 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_hour_of_loss_and_outages_takes_nobody_out(seed: int) -> None:
    """A simulation: 20 % loss each way, the cable out for up to 20 s now and then."""
    chance = random.Random(seed)
    paths = chance.choice([2, 3, 8])
    states = PathStates([LAN] * paths)
    outages = [(at, at + chance.uniform(0.05, 20)) for at in range(20, 3600, 60)]
    table = Timetable([1.0] * paths, 0.0)
    turns: list[Turn] = []
    under_way: list[CheckResult] = []
    asked: set[int] = set()

    def heard(at: float) -> bool:
        out = any(begin <= at <= end for begin, end in outages)
        return not out and chance.random() < 0.8 * 0.8

    while (now := table.next()) is not None and now < 3600:
        for number in table.take(now, 1000):
            if states.is_doubtful(number) and (other := states.witness(number)) is not None:
                table.bring_forward(other, now + 0.4 * 0.5)
                asked.add(other)
            doubtful = states.is_doubtful(number) or number in asked
            tries = TRIES_IN_DOUBT if doubtful else TRIES
            asked.discard(number)
            times = [now + 0.5 * place / tries for place in range(tries)]
            answer = next((at + 0.001 for at in times if heard(at)), None)
            under_way.append(
                silent(number, now)
                if answer is None
                else CheckResult(number, ok=True, began=now, at=answer)
            )
        ended = sorted((it for it in under_way if it.at <= now), key=lambda it: it.at)
        under_way = [it for it in under_way if it.at > now]
        turns += states.take(ended)
        for each in ended:
            if not each.ok:
                table.bring_forward(each.number, max(now, each.began + 0.5))

    assert turns == []


@pytest.mark.parametrize("seed", SEEDS)
def test_who_dies_alone_is_out_in_time_however_much_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    states = PathStates([LAN] * 3)
    died = 100 + chance.random()
    at, out = 90.0 + chance.random(), None
    other = [90.0 + chance.random(), 90.0 + chance.random()]

    while out is None and at < 200:
        if at < died:
            states.take([good(0, at + 0.001)])
            at += 1.0
            continue
        # A witness is asked beside whoever is doubtful; else the others when it is their turn.
        ends = at + 0.5
        answers = [good(1, at + 0.21)] if states.is_doubtful(0) else []
        answers += [good(n, when) for n, when in enumerate(other, 1) if at < when < ends]
        other = [when + 1.0 if when < ends else when for when in other]
        turns = states.take([*answers, silent(0, at)])
        out = ends if turns else None
        at = ends

    assert out is not None
    assert out - died < 2 * 1.0 + 0.5


def test_checks_are_spread_evenly_over_the_interval() -> None:
    table = Timetable([1.0] * 1000, 0.0)

    each = [len(table.take(at * 0.0999, 10_000)) for at in range(1, 11)]

    assert sum(each) == pytest.approx(1000, abs=2)
    assert max(each) <= 105
    assert min(each) >= 95


def test_a_late_check_moves_none_after_it_and_missed_ones_are_not_made_up_for() -> None:
    table = Timetable([1.0], 0.0)

    assert table.take(0.3, 10) == [0]
    assert table.next() == 1.0
    assert table.take(7.5, 10) == [0]
    assert table.next() == 8.5


def test_a_check_can_be_brought_forward_and_not_put_off() -> None:
    table = Timetable([10.0, 10.0], 0.0)
    assert table.take(7.0, 10) == [0, 1]

    table.bring_forward(1, 8.0)
    table.bring_forward(0, 99.0)

    assert table.take(7.9, 10) == []
    assert table.take(8.1, 10) == [1]
    assert table.take(10.1, 10) == [0]
    # It was one more: the others come when they would have come anyway.
    assert table.next() == 10.0 * 0.6180339887498949 + 10.0
