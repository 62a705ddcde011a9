"""How packets reach very many real servers is looked up where nobody's check waits for it."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from fake import FakeKernel, host
from lvsdr.errors import CannotRun
from lvsdr.keeper.background_look import BackgroundLook
from lvsdr.keeper.target_look import TargetLook
from test_health_checks import PROFILE


class Scene:
    """A look of which each takes `took` seconds by its clock; the thread waits for `go`."""

    def __init__(self, took: float) -> None:
        self.kernel: FakeKernel = host()
        self.go, self.fails, self._took, self._now = Event(), False, took, 0.0
        self.background = BackgroundLook(self.opened)
        self.look = TargetLook(self.kernel, self.background, self.clock)
        self.first = self.look.now(PROFILE)

    @contextmanager
    def opened(self, _: Callable[[], None]) -> Iterator[FakeKernel]:
        assert self.go.wait(10.0)
        if self.fails:
            raise CannotRun("cannot open a socket")
        yield self.kernel

    def clock(self) -> float:
        self._now += self._took
        return self._now

    def wait(self) -> None:
        self.go.set()
        assert select.select(self.look.filenos(), [], [], 10.0)[0]


Made = Callable[[float], Scene]


@pytest.fixture
def scene() -> Iterator[Made]:
    made: list[Scene] = []

    def make(took: float) -> Scene:
        made.append(Scene(took))
        return made[-1]

    yield make
    for each in made:
        each.go.set()
        each.look.close()


def test_what_takes_long_is_looked_up_beside_the_checks(scene: Made) -> None:
    made = scene(1.0)

    begun = made.look.has_begun(PROFILE)
    during = made.look.ended(PROFILE)
    made.wait()

    assert (begun, during) == (True, None)
    assert made.look.ended(PROFILE) == made.first
    assert made.look.ended(PROFILE) is None


def test_what_takes_a_moment_is_looked_up_at_once(scene: Made) -> None:
    made = scene(0.001)

    assert not made.look.has_begun(PROFILE)
    assert not made.background.is_under_way


def test_what_changes_meanwhile_is_looked_up_again(scene: Made) -> None:
    made = scene(1.0)
    made.look.has_begun(PROFILE)
    made.look.has_begun(PROFILE)

    made.wait()
    first = made.look.ended(PROFILE)
    made.wait()

    assert first is None
    assert made.look.ended(PROFILE) == made.first


def test_what_was_begun_before_another_profile_says_nothing(scene: Made) -> None:
    made = scene(1.0)
    made.look.has_begun(PROFILE)
    made.look.now(PROFILE)

    made.wait()

    assert made.look.ended(PROFILE) is None


def test_what_cannot_be_looked_up_there_is_looked_up_at_once(scene: Made) -> None:
    made = scene(1.0)
    made.fails = True
    made.look.has_begun(PROFILE)
    reads = made.kernel.reads

    made.wait()

    assert made.look.ended(PROFILE) == made.first
    assert made.kernel.reads > reads
