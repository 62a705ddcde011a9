"""When a keeper gives way to whoever undoes what it repairs, and when it tries again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lvsdr.keeper.fights import FIRST_PAUSE, LONGEST_PAUSE, MOST, PEACE, WITHIN, Fights
from lvsdr.model.objects import Key

VIP: Key = ("address", "192.0.2.10/32", "eth0")


def repaired(fights: Fights, times: list[float]) -> None:
    for now in times:
        assert fights.begun([VIP], now) == []
        assert not fights.leaves(VIP, now)
        fights.repaired([VIP], now)


def test_what_is_undone_three_times_within_a_minute_is_left() -> None:
    fights = Fights()
    repaired(fights, [0.0, 2.0, 4.0])

    begun = fights.begun([VIP], 6.0)

    assert (begun, fights.pause(VIP), fights.under_way) == ([VIP], FIRST_PAUSE, [VIP])
    assert fights.leaves(VIP, 6.0 + FIRST_PAUSE - 1)
    assert not fights.leaves(VIP, 6.0 + FIRST_PAUSE)


def test_what_is_undone_more_rarely_is_repaired_each_time() -> None:
    fights = Fights()

    repaired(fights, [number * (WITHIN / 2) for number in range(20)])

    assert fights.under_way == []


def test_it_is_told_once_while_it_is_left() -> None:
    fights = Fights()
    repaired(fights, [0.0, 1.0, 2.0])
    fights.begun([VIP], 3.0)

    assert [fights.begun([VIP], now) for now in (4.0, 5.0, 62.0)] == [[], [], []]


def test_each_time_it_was_in_vain_it_is_left_for_twice_as_long() -> None:
    fights = Fights()
    repaired(fights, [0.0, 1.0, 2.0])
    now, pauses = 3.0, list[float]()
    for _ in range(9):
        assert fights.begun([VIP], now) == [VIP]
        pauses.append(fights.pause(VIP))
        now += pauses[-1]
        assert fights.begun([VIP], now) == []
        assert not fights.leaves(VIP, now)
        fights.repaired([VIP], now)
        now += 2.0

    assert pauses[:6] == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0]
    assert pauses[6:] == [LONGEST_PAUSE] * 3


def test_it_is_over_once_the_object_has_stayed_for_a_minute() -> None:
    fights = Fights()
    repaired(fights, [0.0, 1.0, 2.0])
    fights.begun([VIP], 3.0)
    tried = 3.0 + FIRST_PAUSE
    fights.repaired([VIP], tried)

    assert fights.over([], tried + PEACE - 1) == []
    assert fights.over([], tried + PEACE) == [VIP]
    assert (fights.under_way, fights.leaves(VIP, tried + PEACE)) == ([], False)


def test_who_was_left_alone_and_put_it_right_himself_ends_it_too() -> None:
    fights = Fights()
    repaired(fights, [0.0, 1.0, 2.0])
    fights.begun([VIP], 3.0)

    assert fights.over([VIP], 500.0) == []
    assert fights.over([], 500.0) == [VIP]


def test_of_an_object_that_was_repaired_once_nothing_is_told_and_nothing_kept() -> None:
    fights = Fights()
    fights.repaired([VIP], 0.0)

    assert fights.over([], PEACE) == []
    assert fights.begun([VIP], PEACE + 1) == []


@given(st.lists(st.floats(0.1, 30.0), max_size=400))
def test_however_often_it_is_undone_it_is_repaired_a_few_times_an_hour(gaps: list[float]) -> None:
    """Three times at first, then after 1, 2, 4 ... minutes; a quiet minute starts it all anew."""
    fights, now, repairs = Fights(), 0.0, list[float]()
    for gap in gaps:
        now += gap
        fights.begun([VIP], now)
        if not fights.leaves(VIP, now):
            fights.repaired([VIP], now)
            repairs.append(now)

    for start in repairs:
        assert sum(start <= each < start + WITHIN for each in repairs) <= MOST + 1
