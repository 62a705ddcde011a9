"""A large file, looked at from its beginning to its end through one buffer: it is never in memory.

Each page of memory that a program touches is one that the kernel has to find: for a file that is as
it was known, that takes longer than to look at it.
"""

from __future__ import annotations

import os

from lvsdr.model.blake2 import blake2b

ROOM = 1 << 17


def mark_of(text: bytes | memoryview) -> str:
    """Return the fingerprint of a text."""
    return blake2b(text, digest_size=12).hexdigest()


class FileWindow:
    """What a file has from `offset` on; raises OSError where it cannot be read."""

    def __init__(self, descriptor: int, offset: int = 0) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._room = memoryview(bytearray(ROOM))
        self._first = self._last = 0

    def ahead(self, size: int) -> memoryview:
        """Return the next `size` bytes, fewer at the end of the file; the next call ends them."""
        while self._last - self._first < size and self._more(size):
            pass
        return self._room[self._first : min(self._first + size, self._last)]

    def skip(self, size: int) -> None:
        """Leave behind `size` bytes of what is ahead."""
        self._first += size

    def _more(self, size: int) -> bool:
        left = bytes(self._room[self._first : self._last])
        if size > len(self._room):
            self._room = memoryview(bytearray(max(size, 2 * len(self._room))))
        self._room[: len(left)] = left
        self._first, self._last = 0, len(left)
        read = os.preadv(self._descriptor, [self._room[self._last :]], self._offset)
        self._offset += read
        self._last += read
        return read > 0
