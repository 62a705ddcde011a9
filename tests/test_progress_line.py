"""What takes longer than a second says so on a terminal, and leaves nothing of it there."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from lvsdr.cli.hook_process import unhurried_output
from lvsdr.cli.progress_line import ProgressLine, accompany
from lvsdr.cli.session import Session
from lvsdr.core.book import Book
from lvsdr.errors import KernelError, LockHeld
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.model.change import Change
from lvsdr.model.objects import Sysctl
from terminals import OnTerminal

PROFILES = Path(__file__).parent.parent / "profiles"
DIRECTOR = "director.json"
SOUND = f"{DIRECTOR}: a sound director profile, called web"

# The program, drawing its line so many seconds after its start and then again; what reads profiles
# takes its time.
SLOWLY = """
import sys, time
from lvsdr.cli import progress_line
from lvsdr.cli.main import program
progress_line.AFTER, progress_line.EVERY = {after}, {after}
from lvsdr.profile.reader import every_mistake
read_all = every_mistake.read_all
def slowly(path):
    end = time.monotonic() + {lasts}
    while time.monotonic() < end:
        time.sleep(0.01)
    return read_all(path)
every_mistake.read_all = slowly
{more}
sys.argv = ["lvsdr", *sys.argv[1:]]
program()
"""
CTRL_C, CTRL_Q, CTRL_S = b"\x03", b"\x11", b"\x13"
# What somebody sees who is not told to look away: the guard is gone.
NEVER_HIDDEN = (
    "progress_line.ProgressLine.hide = progress_line.ProgressLine.resume = lambda *_, **__: 0"
)
NEVER_ASKED = "progress_line.ProgressLine._may_draw = lambda _: True"


def slowly(more: str = "", after: float = 0.05, lasts: float = 0.5) -> list[str]:
    return [sys.executable, "-c", SLOWLY.format(after=after, lasts=lasts, more=more)]


def on_terminal(words: list[str], **how: Any) -> OnTerminal:
    return OnTerminal(words, folder=PROFILES, **how)


def test_a_command_that_takes_long_says_what_it_does_and_leaves_its_result_alone() -> None:
    seen = on_terminal([*slowly(), "check", DIRECTOR])

    assert seen.told[0] == "lvsdr: reading the profile (0 s)"
    assert seen.lines == [SOUND]
    assert seen.code == 0


def test_it_is_no_part_of_what_timings_say() -> None:
    seen = on_terminal([*slowly(), "check", DIRECTOR, "--timings"])

    assert seen.told
    assert [line[:21] for line in seen.lines] == [SOUND[:21], "lvsdr: timings: start"]


def test_without_the_guard_it_stays_in_the_midst_of_the_result() -> None:
    seen = on_terminal([*slowly(NEVER_HIDDEN), "check", DIRECTOR])

    assert seen.lines != [SOUND]


def test_it_is_gone_before_an_error_is_told() -> None:
    seen = on_terminal([*slowly(), "check", "none.json"])

    assert seen.told
    assert seen.lines[0] == "lvsdr: cannot read none.json: no such file (ENOENT)"
    assert seen.code == 2


def test_it_is_gone_before_a_signal_ends_the_program() -> None:
    def interrupted(terminal: int, heard: bytes) -> bool:
        if b"reading" not in heard:
            return False
        # As a person types it.
        os.write(terminal, CTRL_C)
        return True

    seen = on_terminal([*slowly(after=1.0, lasts=60), "check", DIRECTOR], during=interrupted)

    assert seen.lines == ["lvsdr: interrupted by SIGINT", "  nothing was changed"]
    assert seen.code == 3


def test_nothing_is_said_before_the_first_second() -> None:
    seen = on_terminal([*slowly(after=1.0, lasts=0.0), "check", DIRECTOR])

    assert seen.written.decode() == f"{SOUND}\r\n"


def test_a_program_that_reads_json_from_a_terminal_gets_json_alone(tmp_path: Path) -> None:
    words = [*slowly(), "check", DIRECTOR, "--format", "json"]

    seen = on_terminal(words)
    aside = on_terminal(words, stdout=tmp_path / "out.json")

    assert json.loads(seen.written)["format"] == "lvsdr/check/1"
    assert aside.told
    assert aside.lines == []
    assert json.loads((tmp_path / "out.json").read_text())["format"] == "lvsdr/check/1"


@pytest.mark.parametrize("guarded", [True, False])
def test_in_the_background_nothing_is_drawn_over_what_is_typed(guarded: bool) -> None:
    seen = on_terminal(
        [*slowly("" if guarded else NEVER_ASKED), "check", DIRECTOR], background=True
    )

    assert bool(seen.told) != guarded
    assert seen.lines == [SOUND]


@pytest.mark.parametrize("terminal", ["dumb", ""])
def test_a_terminal_that_cannot_erase_a_line_is_left_alone(terminal: str) -> None:
    seen = on_terminal([*slowly(), "check", DIRECTOR], environment={"TERM": terminal})

    assert seen.written.decode() == f"{SOUND}\r\n"


@pytest.mark.parametrize("drawn", [False, True], ids=["nothing drawn", "drawn before"])
def test_a_terminal_that_is_stopped_does_not_stop_the_work(drawn: bool, tmp_path: Path) -> None:
    """Ctrl-S: it ends without Ctrl-Q, and leaves a line that it cannot take away."""
    out, stops = tmp_path / "out", list[int]()

    def stop(terminal: int, heard: bytes) -> bool:
        if heard or not drawn:
            stops.append(os.write(terminal, CTRL_S))
        return bool(stops)

    seen = on_terminal([*slowly(), "check", DIRECTOR], stdout=out, during=stop)

    assert stops
    assert (seen.code, out.read_text()) == (0, f"{SOUND}\n")


def test_where_it_is_written_to_all_the_same_the_work_waits_for_a_person(tmp_path: Path) -> None:
    out, looks = tmp_path / "out", list[bool]()

    def stopped(terminal: int, heard: bytes) -> bool:
        if not looks and heard:
            os.write(terminal, CTRL_S)
        if heard:
            looks.append(out.read_text() != "")
        # Longer than the work takes.
        over = len(looks) > 100
        if over:
            os.write(terminal, CTRL_Q)
        return over

    seen = on_terminal(
        [*slowly(NEVER_ASKED, lasts=3.0), "check", DIRECTOR], stdout=out, during=stopped
    )

    assert len(looks) > 100
    assert not any(looks)
    assert (seen.code, out.read_text()) == (0, f"{SOUND}\n")


def test_drawing_it_takes_longer_than_the_time_between_and_ends_all_the_same() -> None:
    """A signal in the midst of the last one's work would be one more, and so on for ever."""
    slow = (
        "draw = progress_line.ProgressLine._may_draw\n"
        "progress_line.ProgressLine._may_draw = lambda it: time.sleep(0.02) or draw(it)\n"
        "progress_line.EVERY = 0.001"
    )

    seen = on_terminal([*slowly(slow), "check", DIRECTOR])

    assert seen.told
    assert (seen.code, seen.lines) == (0, [SOUND])


def test_it_is_gone_once_a_resident_prints_as_it_goes(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Lines that nobody is waited for with go past what hides it."""
    session = Session()
    monkeypatch.setenv("TERM", "xterm")
    accompany(session, ["director", "keep"])
    assert session.line is not None

    with unhurried_output(session) as (say, flush):
        say("kept")
        flush()

    assert session.line is None
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert capfd.readouterr().out == "kept\n"


# --- what it says --------------------------------------------------------------------------------

SETTINGS = [Change(Sysctl(f"net/ipv4/conf/eth{n}/arp_ignore", "0"), None) for n in range(2000)]


@pytest.fixture
def line() -> ProgressLine:
    return ProgressLine(Session())


class Slow:
    """A kernel's side of one kind of object, which looks at the line as it goes on."""

    def __init__(self, line: ProgressLine, refused: int = -1) -> None:
        self.line, self.refused, self.seen = line, refused, list[str]()

    def execute(self, change: Change) -> None:
        self.seen.append(self.line.text)
        if len(self.seen) - 1 == self.refused:
            raise KernelError("cannot change it", errno=1)


def test_it_counts_what_is_changed_and_what_is_undone(
    line: ProgressLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, slow = LinuxKernel(), Slow(line, refused=500)
    monkeypatch.setattr(kernel, "_table", lambda _: slow)

    with line.watching(kernel) as watched:
        before = line.text
        with pytest.raises(KernelError):
            watched.execute(tuple(SETTINGS))
        watched.attempt(tuple(SETTINGS[:500]))
        after = line.text

    assert before == "lvsdr: working out what differs (0 s)"
    assert slow.seen[0] == f"lvsdr: changing this host [{'-' * 20}] 0 of 2,000 (0 s)"
    assert slow.seen[500] == f"lvsdr: changing this host [#####{'-' * 15}] 500 of 2,000 (0 s)"
    assert slow.seen[501] == f"lvsdr: undoing what was done [{'-' * 20}] 0 of 500 (0 s)"
    assert slow.seen[-1] == f"lvsdr: undoing what was done [{'#' * 19}-] 499 of 500 (0 s)"
    assert after == "lvsdr: writing the record (0 s)"
    # What a command does without the kernel, it says itself.
    assert line.text == "lvsdr: reading the profile (0 s)"


def test_nothing_of_a_plan_that_was_carried_out_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = LinuxKernel()
    monkeypatch.setattr(kernel, "_table", lambda _: Slow(ProgressLine(Session())))

    kernel.execute(tuple(SETTINGS))

    assert kernel.under_way is None


def test_it_tells_the_share_of_what_knows_it(line: ProgressLine) -> None:
    session = line.session

    with session.bar("asking the segment") as tell:
        tell(0.333)
        asking = line.text
        tell(7.0)
        most = line.text

    assert asking == f"lvsdr: asking the segment [######{'-' * 14}] 33% (0 s)"
    assert most == f"lvsdr: asking the segment [{'#' * 20}] 100% (0 s)"
    assert line.text == "lvsdr: reading the profile (0 s)"


def test_looks_at_the_kernel_meanwhile_do_not_take_its_place(
    line: ProgressLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, seen = LinuxKernel(), list[str]()
    monkeypatch.setattr(kernel, "counters", lambda _: seen.append(line.text))

    with line.watching(kernel) as watched, line.session.bar("draining 192.0.2.11") as tell:
        tell(0.5)
        watched.counters(())

    assert seen == [f"lvsdr: draining 192.0.2.11 [{'#' * 10}{'-' * 10}] 50% (0 s)"]


def test_it_says_that_another_is_waited_for_and_what_follows(
    tmp_path: Path, line: ProgressLine
) -> None:
    session, book = line.session, Book("test", tmp_path)
    session.lock_timeout = 0.1

    with book.locked(0), pytest.raises(LockHeld), session.locked(book):
        pass
    waiting = line.text
    session.doing = "reading the profile"
    with session.locked(book):
        held = line.text

    assert waiting == "lvsdr: waiting until another lvsdr has ended (0 s)"
    assert held == "lvsdr: reading the profile (0 s)"
