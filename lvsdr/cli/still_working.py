"""A word on stderr for what takes longer than a second, and cannot say which share is done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Seconds until the first word, and between one and the next.
AFTER, EVERY = 1.0, 1.0
LINE = "\r{doing}: {seconds:.0f} s"
# ECMA-48: erase the line from the cursor on.
GONE = "\r\x1b[K"


@contextmanager
def still_working(doing: str) -> Iterator[None]:
    """Say what is `doing`, and for how long, while the block takes longer than a second.

    On stderr, where that is a terminal; at the end nothing of it is left there.
    """
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(doing, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tell(doing: str, done: threading.Event) -> None:
    start, said = time.monotonic(), False
    # Whoever has closed stderr does not want to know.
    with suppress(OSError, ValueError):
        while not done.wait(EVERY if said else AFTER):
            sys.stderr.write(LINE.format(doing=doing, seconds=time.monotonic() - start))
            sys.stderr.flush()
            said = True
        if said:
            sys.stderr.write(GONE)
            sys.stderr.flush()
