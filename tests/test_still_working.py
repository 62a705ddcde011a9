"""What takes longer than a second says so on a terminal, and leaves nothing of it there."""

from __future__ import annotations

import io
import sys
import threading
import time

import pytest

from lvsdr.cli import still_working as module
from lvsdr.cli.still_working import GONE, still_working


class Terminal(io.StringIO):
    """A stderr that may be a terminal, and knows when it was written to."""

    def __init__(self, *, terminal: bool = True) -> None:
        super().__init__()
        self._terminal = terminal
        self.written = threading.Event()

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        done = super().write(text)
        self.written.set()
        return done


def put(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch, after: float = 0.01) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(module, "AFTER", after)


def test_it_says_what_goes_on_and_takes_that_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    put(stderr, monkeypatch)

    with still_working("reading"):
        assert stderr.written.wait(10)

    assert stderr.getvalue().startswith("\rreading: 0 s")
    assert stderr.getvalue().endswith(GONE)


def test_what_is_done_within_a_second_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    put(stderr, monkeypatch, after=1000.0)
    start = time.monotonic()

    with still_working("reading"):
        pass

    assert stderr.getvalue() == ""
    # Nor does its end wait for the next word.
    assert time.monotonic() - start < 100


def test_a_program_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal(terminal=False)
    put(stderr, monkeypatch)
    before = threading.active_count()

    with still_working("reading"):
        assert threading.active_count() == before

    assert stderr.getvalue() == ""


def test_it_ends_with_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    put(stderr, monkeypatch)
    before = threading.active_count()

    with pytest.raises(ZeroDivisionError), still_working("reading"):
        assert stderr.written.wait(10)
        raise ZeroDivisionError

    assert threading.active_count() == before
    assert stderr.getvalue().endswith(GONE)
