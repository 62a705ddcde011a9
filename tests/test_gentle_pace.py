"""A look in a thread of its own leaves most of the time to the checks beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic

from fake import FakeKernel, host
from lvsdr.keeper.background_look import BackgroundLook
from lvsdr.keeper.gentle_pace import GentlePace
from lvsdr.kernel.netlink import listed_services
from netlink_wire import SEQUENCE, Listing, Opened, end


class Clock:
    """The seconds that the thread has worked."""

    def __init__(self) -> None:
        self.worked = 0.0

    def __call__(self) -> float:
        return self.worked


def took(work: Callable[[], None]) -> float:
    begun = monotonic()
    work()
    return monotonic() - begun


def test_who_has_worked_rests_three_times_as_long() -> None:
    clock = Clock()
    pace = GentlePace(clock)
    pace.begin()

    assert took(pace) < 0.02
    clock.worked += 0.05
    assert took(pace) >= 0.14
    assert took(pace) < 0.1


def test_a_rest_ends_at_once_when_somebody_waits_for_the_end() -> None:
    clock = Clock()
    pace = GentlePace(clock)
    pace.begin()
    clock.worked += 100.0
    pace.hurry()

    assert took(pace) < 5.0


def test_each_request_of_a_look_may_rest_and_closing_hurries() -> None:
    """A look that would rest for minutes is at its end as soon as it is closed."""
    resting, rested = Event(), Event()

    @contextmanager
    def opened(pause: Callable[[], None]) -> Iterator[FakeKernel]:
        assert isinstance(pause, GentlePace)
        pause._work = lambda: 1e9
        pause._since = -1e9
        resting.set()
        pause()
        rested.set()
        yield host()

    background = BackgroundLook(opened)
    background.begin([lambda _: True])
    assert resting.wait(10.0)
    assert not rested.wait(0.05)

    background.close()

    assert rested.is_set()


def test_the_pause_comes_before_each_request() -> None:
    asked = list[int]()
    wire = Listing(*(end(sequence=SEQUENCE + number) for number in range(3)))
    sockets = Opened(ipvs=wire)
    wire.pause = lambda: asked.append(wire._sequence)

    for _ in range(3):
        assert list(listed_services.virtual_servers(sockets.ipvs)) == []

    assert asked == [SEQUENCE - 1, SEQUENCE, SEQUENCE + 1]
    wire.close()
