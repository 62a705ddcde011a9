"""Signals that ask to stop: which are heard, and what is as before afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from threading import Thread

import pytest

from lvsdr.core.signals import STOPPING, handled, ignore_signals, noted, raising
from lvsdr.errors import Interrupted


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOPPING)
def test_the_first_is_raised_and_those_after_it_are_ignored(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match=f"interrupted by {number.name}"), raising():
        try:
            send(number)
        finally:
            for each in STOPPING:
                send(each)


@pytest.mark.parametrize("number", STOPPING)
def test_one_is_noted_and_nothing_is_raised(number: signal.Signals) -> None:
    with noted() as stop:
        before = stop()
        send(number)

        assert (before, stop()) == (False, True)


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with raising():
        send(signal.SIGHUP)
    with noted() as stop:
        send(signal.SIGHUP)

        assert not stop()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_afterwards_the_handlers_are_as_before() -> None:
    before = [signal.getsignal(each) for each in STOPPING]

    with raising():
        ignore_signals()
        ignored = [signal.getsignal(each) for each in STOPPING]

    assert ignored == [signal.SIG_IGN] * len(STOPPING)
    assert [signal.getsignal(each) for each in STOPPING] == before


def test_what_others_listen_with_is_not_silenced() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))

    ignore_signals()
    send(signal.SIGTERM)

    assert heard == [signal.SIGTERM]


def test_outside_of_the_main_thread_nothing_is_done() -> None:
    seen: list[object] = []

    def elsewhere() -> None:
        with handled(lambda *_: None), raising():
            ignore_signals()
            seen.extend(signal.getsignal(each) for each in STOPPING)

    with raising():
        before = [signal.getsignal(each) for each in STOPPING]
        thread = Thread(target=elsewhere)
        thread.start()
        thread.join()

    assert seen == before
