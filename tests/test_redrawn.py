"""A status that is watched on a terminal: in one place, within its size, and tidy at its end."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from fake import FakeKernel, FakeSession, host
from lvsdr.cli import redrawn, status
from lvsdr.cli.main import run
from lvsdr.model.counters import Counters
from lvsdr.model.objects import Key
from test_cli import DIP, DIRECTOR

COLOUR = re.compile(r"\x1b\[\d+m")
SEQUENCE = re.compile(r"\x1b\[[?\d]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stdout that is a terminal of `size`, and ends the program at a look."""

    size = os.terminal_size((80, 24))

    def isatty(self) -> bool:
        return True

    @property
    def frames(self) -> list[list[str]]:
        """Return the lines of each frame, without colours and what moves the cursor."""
        found = self.getvalue().split(redrawn.HOME)[1:]
        return [SEQUENCE.sub("", each).replace("\r", "").splitlines() for each in found]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(redrawn, "_size", lambda: made.size)
    monkeypatch.setenv("COLUMNS", "80")
    return made


class Ended(FakeKernel):
    """A kernel at whose third look somebody presses Ctrl-C."""

    looks = 0

    def counters(
        self, services: Collection[Key], rips: Collection[str] = ()
    ) -> dict[Key, Counters]:
        self.looks += 1
        if self.looks > 2:
            os.kill(os.getpid(), signal.SIGINT)
        return super().counters(services, rips)


def watched(tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> int:
    """Watch a director's status for two looks."""
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(status, "EACH", 0.01)
    kernel = Ended(host().bare, {DIP.key: DIP})
    return run(["director", "status", "--watch", DIRECTOR], FakeSession(kernel, tmp_path))


def test_each_look_is_drawn_over_the_last_one(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = watched(tmp_path, terminal, monkeypatch)

    said = terminal.getvalue()
    assert code == 1
    assert len(terminal.frames) == 2
    assert said.count(redrawn.ERASE_ALL) == 1
    assert said.startswith(redrawn.HIDE_CURSOR)
    assert said.endswith(redrawn.SHOW_CURSOR)
    assert all("until Ctrl-C" in each[0] for each in terminal.frames)


def test_states_have_their_colour_and_nothing_else_of_a_row(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(tmp_path, terminal, monkeypatch)

    assert "\x1b[31mmissing\x1b[0m" in terminal.getvalue()


def test_without_colour_it_is_drawn_all_the_same(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    watched(tmp_path, terminal, monkeypatch)

    assert set(COLOUR.findall(terminal.getvalue())) == {redrawn.PLAIN}
    assert len(terminal.frames) == 2


@pytest.mark.parametrize("size", [(80, 24), (40, 5), (20, 3), (1, 1)])
def test_a_frame_never_scrolls(
    size: tuple[int, int], tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.size = os.terminal_size(size)

    watched(tmp_path, terminal, monkeypatch)

    # The cursor stands in a line of its own below; of three rows at least, two have words.
    assert all(len(each) < max(size[1], 3) for each in terminal.frames)
    if size[1] < 20:
        assert all(each[-1].endswith("more lines") for each in terminal.frames)


@pytest.mark.parametrize("term", ["", "dumb"])
def test_a_terminal_that_cannot_is_written_to_line_by_line(
    term: str, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)

    watched(tmp_path, terminal, monkeypatch)

    assert terminal.frames == []
    assert terminal.getvalue().count("missing") == 8


def test_a_program_gets_what_it_always_got(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    session = FakeSession(host(DIP), tmp_path)
    words = ["director", "status", DIRECTOR, "--format", "json"]

    run(words, session)

    assert json.loads(terminal.getvalue())["format"] == "lvsdr/status/1"


def test_another_size_is_drawn_soon(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = redrawn.Redrawn(FakeSession(host(DIP), Path("/nowhere")), 3600.0)
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        terminal.size = os.terminal_size((100, 30))

    monkeypatch.setattr("time.sleep", rest)

    screen.rest()

    assert rests == [redrawn.SOON]
