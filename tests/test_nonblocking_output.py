"""Printing where nobody reads: nothing waits for it, and what is left out is counted."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO, cast

import pytest

from fake import FakeSession, host
from lvsdr.cli import nonblocking_output
from lvsdr.cli.main import run
from lvsdr.cli.nonblocking_output import NonblockingOutput
from lvsdr.keepalived.ledger import Ledger

PROFILE = str(Path(__file__).parent.parent / "profiles" / "director.json")


@contextmanager
def nobody_reads() -> Iterator[BinaryIO]:
    """Let standard output be a pipe, and give the end from which nobody reads."""
    end, beginning = os.pipe()
    os.set_blocking(end, False)
    # Not in a fixture: what pytest captures it replaces once more when a test begins.
    with (
        os.fdopen(end, "rb", buffering=0) as reader,
        os.fdopen(beginning, "w") as writer,
        redirect_stdout(writer),
    ):
        yield cast(BinaryIO, reader)


def read(end: BinaryIO) -> bytes:
    return b"".join(iter(lambda: end.read(1 << 16), None))


def test_lines_are_written_where_somebody_reads() -> None:
    lines = NonblockingOutput()
    lines.say("one")
    lines.say("zwei: \u00fc")

    with nobody_reads() as end:
        left_out = lines.flush()
        found = read(end)

    assert (left_out, found.decode()) == (0, "one\nzwei: \u00fc\n")


def test_who_reads_late_gets_what_was_kept_and_hears_what_was_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nonblocking_output, "MOST", 1 << 17)
    lines, many = NonblockingOutput(), [f"line {number:06}" for number in range(30_000)]

    with nobody_reads() as end:
        for line in many:
            lines.say(line)
            if line.endswith("000"):
                lines.flush()
        stuck = lines.flush()
        found, told = b"", 0
        while text := read(end):
            found += text
            told += lines.flush()

    got = found.decode().splitlines()
    assert stuck == 0
    assert got == many[: len(got)]
    assert len(got) + told == len(many)
    assert told > 0


def test_who_has_gone_is_told_nothing_more() -> None:
    lines = NonblockingOutput()
    lines.say("one")

    with nobody_reads() as end:
        end.close()
        with pytest.raises(BrokenPipeError):
            lines.flush()
        left_out = lines.flush()

    assert left_out == 0


def test_a_stream_of_pythons_alone_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    lines = NonblockingOutput()
    lines.say("one")

    lines.flush()

    assert stream.getvalue() == "one\n"


def test_a_reader_whose_output_nobody_reads_takes_over_all_the_same(
    tmp_path: Path,
) -> None:
    session = FakeSession(host(), tmp_path / "run")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    settled: list[bool] = []

    def settle() -> bool:
        return any(each.settled for each in Ledger(session.book(), PROFILE).notices().values())

    def write() -> None:
        with fifo.open("w") as writer:
            for _ in range(3000):
                writer.write("RS [192.168.1.11]:tcp:80 [192.168.1.2]:tcp:80 DOWN\n")
            writer.write('INSTANCE "A" BACKUP 100\n')
            writer.flush()
            deadline = monotonic() + 10
            while not settle() and monotonic() < deadline:
                sleep(0.01)
        settled.append(settle())
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=write).start()
    words = ("keepalived", "fifo", "--allow-insecure-profile", "--director", PROFILE)
    with nobody_reads() as end:
        code = run((*words, str(fifo)), session)
        found = read(end)

    assert (code, settled) == (0, [True])
    assert found.startswith(b"RS [192.168.1.11]:tcp:80 ")
