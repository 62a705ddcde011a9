"""Descriptors: many links need many, and who has none left is told so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

import pytest

from lvsdr.cli.hook_process import room_for_descriptors
from lvsdr.errors import CannotRun
from lvsdr.wire.paths.probe_ports import own_ports


@contextmanager
def at_most(descriptors: int) -> Iterator[int]:
    """Let this process open fewer files inside the block; give how many it might."""
    before = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (descriptors, before[1]))
    try:
        yield before[1]
    finally:
        setrlimit(RLIMIT_NOFILE, before)


def test_a_resident_may_open_as_many_as_the_host_lets_it() -> None:
    with at_most(64) as most:
        room_for_descriptors()
        after = getrlimit(RLIMIT_NOFILE)

    assert after == (most, most)


def test_who_has_none_left_is_not_told_of_ports() -> None:
    with at_most(40), pytest.raises(CannotRun, match="too many open files") as told, own_ports():
        pass

    assert "ulimit -n" in told.value.hints[0]
