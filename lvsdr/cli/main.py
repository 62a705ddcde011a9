"""The program: one command is run, whatever becomes of it is told."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lvsdr.cli.plain_lines import plain_line
from lvsdr.cli.session import Session
from lvsdr.core import signals
from lvsdr.errors import Interrupted, LvsdrError

GARBAGE = 200_000
# A shell asks by it what may come next.
COMPLETE = "_LVSDR_COMPLETE"


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command and return its exit code; every error is reported, bugs of lvsdr too."""
    try:
        return _invoke(arguments, session)
    except Interrupted as interrupted:
        interrupted.notes = interrupted.notes or ["nothing was changed"]
        return session.fail(interrupted)
    except LvsdrError as failure:
        return session.fail(failure)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as bug:  # noqa: BLE001 - exit code 1 would say that the host differs
        from lvsdr.cli.asked_format import asked_for
        from lvsdr.cli.internal_error import internal_error

        session.at_rest()
        session.output = asked_for(arguments)
        return session.fail(internal_error(bug))


def main() -> None:
    """Run the program."""
    # A table of fifty thousand real servers is no garbage: looking for some takes longer than
    # reading it.
    gc.set_threshold(GARBAGE)
    session = Session()
    _open_streams()
    try:
        code = _complete(session) if COMPLETE in os.environ else _run(session)
    finally:
        session.at_rest()
    if session.stopwatch is not None:
        session.tell([session.stopwatch.line()])
    _close_streams(session)
    # At its end Python looks through all that is left for garbage, several times: in vain, and for
    # longer than a profile takes to be read.
    gc.freeze()
    sys.exit(code)


def program() -> None:
    """Run the program as the process that it is, and end that.

    After a plain line nothing is left for Python to put in order: no thread, no temporary file.
    What it would do all the same takes as long as to ask the kernel.
    """
    try:
        main()
    except SystemExit as done:
        if plain_line(sys.argv[1:]) is None or sys.gettrace() or sys.getprofile():
            raise
        # What main() prints, it flushes; whoever closed stderr does not want to know.
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(done.code if isinstance(done.code, int) else 0)


def _run(session: Session) -> int:
    if sys.stderr.isatty():
        from lvsdr.cli.progress_line import accompany

        accompany(session, sys.argv[1:])
    return run(sys.argv[1:], session)


def _invoke(arguments: Sequence[str], session: Session) -> int:
    line = plain_line(arguments)
    if line is not None:
        with signals.raising():
            return line.run(session)
    from lvsdr.cli.command_line import invoke

    return invoke(arguments, session)


def _complete(session: Session) -> int:
    from lvsdr.cli.command_line import complete

    return complete(session)


def _open_streams() -> None:
    """Give the program somewhere to write to where its caller closed stdout or stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _close_streams(session: Session) -> None:
    """Write out what is left, and say so once where nobody takes the result."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if stream is sys.stdout and not session.lost:
                session.unheard(error)
            # Python would complain once more when it ends, from 3.14 on by its exit code as well.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
