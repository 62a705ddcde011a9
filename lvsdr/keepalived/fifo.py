"""keepalived's notify_fifo: its lines in order, whatever becomes of who writes them."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.model.closed_on_exit import Closing

# keepalived's lines are shorter by far; who writes more without an end is not keepalived.
LONGEST_LINE = 4096
# A FIFO that was removed and made again wakes nobody who waits on the old one.
LOOK_EVERY = 1.0


class Lines:
    """Cuts bytes into lines; what is no line is counted in `torn`."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False
        self.torn = 0

    def feed(self, text: bytes) -> Iterator[str]:
        """Yield the lines that end in `text`."""
        *whole, self._rest = (self._rest + text).split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False
            elif len(line) > LONGEST_LINE:
                self.torn += 1
            else:
                yield line.decode("utf-8", "replace")
        if len(self._rest) > LONGEST_LINE:
            self.torn += not self._skipping
            self._rest, self._skipping = b"", True

    def end(self) -> None:
        """Forget what the writer left unfinished: its successor starts a line of its own."""
        self.torn += bool(self._rest)
        self._rest, self._skipping = b"", False


class Fifo(Closing):
    """The FIFO at `path`, made where it is missing; `wake` is a descriptor that ends the waiting.

    Whoever waits for other things too does so with `fileno` and `look`. Raises CannotRun for what
    is no FIFO, or one that others may write.
    """

    def __init__(self, path: Path, wake: int = -1) -> None:
        self._path = path
        self._wake = wake
        self._descriptor = _opened(path)
        self._lines = Lines()
        # Whether somebody has it open for writing: keepalived does as long as it lives.
        self.has_writer = False

    @property
    def torn(self) -> int:
        return self._lines.torn

    def close(self) -> None:
        """Give back what was opened."""
        os.close(self._descriptor)

    def batches(self) -> Iterator[list[str]]:
        """Yield the lines as they come, those that came together at once, until woken up.

        At the beginning, and where nothing comes for a while, none.
        """
        yield self.waiting()
        while True:
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            poll.register(self._descriptor, select.POLLIN)
            happened = dict(poll.poll(LOOK_EVERY * 1000))
            if self._wake in happened:
                return
            yield self.look(readable=self._descriptor in happened)

    def fileno(self) -> int:
        """Return the descriptor that can be read once there is a line; another one after a look."""
        return self._descriptor

    def look(self, *, readable: bool) -> list[str]:
        """Return the lines that have come; to be called LOOK_EVERY seconds after the last look too.

        `readable`: the descriptor can be read, be it that the writer has gone.
        """
        text = self._read()
        if not text and (readable or self._replaced()):
            # The writer has gone. Without a new descriptor a poll would never rest again.
            self._reopen()
        return self._cut(text)

    def waiting(self) -> list[str]:
        """Return the lines that have come since the last batch; wait for none."""
        return self._cut(self._read())

    def _cut(self, text: bytes) -> list[str]:
        lines = list(self._lines.feed(text))
        if not self.has_writer:
            # Before the next writer comes: nobody could tell the two apart then.
            self._lines.end()
        return lines

    def _read(self) -> bytes:
        found = b""
        # All that waits, so that what has been overtaken already is not carried out.
        while len(found) < 1 << 20:
            try:
                text = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                self.has_writer = True
                break
            if not text:
                self.has_writer = False
                break
            found += text
        return found

    def _replaced(self) -> bool:
        try:
            seen, mine = self._path.stat(), os.fstat(self._descriptor)
        except OSError:
            return True
        return (seen.st_dev, seen.st_ino) != (mine.st_dev, mine.st_ino)

    def _reopen(self) -> None:
        self._lines.end()
        fresh = _opened(self._path)
        os.close(self._descriptor)
        self._descriptor = fresh


def _opened(path: Path) -> int:
    try:
        if not path.exists():
            os.mkfifo(path, 0o600)
        # Not to wait for a writer: keepalived may start later.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, str(error.errno))
        reason = (error.strerror or "").lower()
        raise CannotRun(f"cannot open {path}: {reason} ({code})") from error
    fault = _fault(os.fstat(descriptor))
    if fault:
        os.close(descriptor)
        # It may be anything, as a profile in the place of the FIFO: nothing to be removed unseen.
        raise CannotRun(
            f"cannot trust {path}: {fault}",
            hints=[
                "name the FIFO of keepalived's notify_fifo: root's alone, and made where there is"
                " none; what this is tells ls -l"
            ],
        )
    return descriptor


def _fault(seen: os.stat_result) -> str:
    if not stat.S_ISFIFO(seen.st_mode):
        return "it is no FIFO"
    if seen.st_uid not in (0, os.geteuid()):
        return "it is not of root or of this user"
    return "others may write it" if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""
