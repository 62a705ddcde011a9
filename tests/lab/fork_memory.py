"""What a fork has of the memory of the process that it comes from, in User-Mode Linux.

There each page that a fork reads of a file, or copies as it writes to it, takes 65 us of CPU time.
And it writes wherever it uses an object, which counts who does: to 1,400 pages in a run of lvsdr.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import PAGESIZE, PROT_EXEC, PROT_READ, PROT_WRITE
from pathlib import Path

OF_FILES = {"r--p": PROT_READ, "r-xp": PROT_READ | PROT_EXEC}
# The frame of a page in memory, where it has one (Documentation/admin-guide/mm/pagemap.rst).
PRESENT, FRAME = 1 << 63, (1 << 55) - 1
# How many pieces process_vm_readv(2) takes at once.
MOST = 1024

_libc = ctypes.CDLL(None, use_errno=True)


class Piece(ctypes.Structure):
    """A struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@dataclass(frozen=True, slots=True)
class Mapping:
    """A stretch of this process's memory."""

    begin: int
    end: int
    access: str
    name: str


def mappings() -> Iterator[Mapping]:
    """Yield what /proc/self/maps shows."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        span, access, _, _, _, *name = line.split(maxsplit=5)
        begin, end = (int(each, 16) for each in span.split("-"))
        yield Mapping(begin, end, access, "".join(name))


def give_along() -> None:
    """Let forks begin with the pages of programs and libraries that this process has.

    Linux copies what is known of a mapped file's pages only where one of them was written to, and
    so has a page of its own: the first, with what it held (vma_needs_copy in mm/memory.c).
    """
    for each in mappings():
        if each.access in OF_FILES and each.name.startswith("/"):
            access = OF_FILES[each.access]
            _protect(each, access | PROT_WRITE)
            ctypes.memmove(each.begin, each.begin, 1)
            _protect(each, access)


def _protect(mapping: Mapping, access: int) -> None:
    begin, length = ctypes.c_void_p(mapping.begin), mapping.end - mapping.begin
    if _libc.mprotect(begin, ctypes.c_size_t(length), access) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def written_by(work: Callable[[], object]) -> list[int]:
    """Return the addresses of the pages that a fork writes to while it does `work`."""
    before, (reading, writing) = _frames(), os.pipe()
    if not (pid := os.fork()):
        try:
            work()
            after = _frames()
            found = array("Q", (page for page in before if after.get(page) != before[page]))
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(found.tobytes())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        written = array("Q", pipe.read())
    os.waitpid(pid, 0)
    return list(written)


def _frames() -> dict[int, int]:
    """Return where in memory the pages are that only this process, and its forks, can write to."""
    found: dict[int, int] = {}
    with Path("/proc/self/pagemap").open("rb", buffering=0) as file:
        for each in mappings():
            if each.access.startswith("rw"):
                file.seek(each.begin // PAGESIZE * 8)
                seen = array("Q", file.read((each.end - each.begin) // PAGESIZE * 8))
                pages = range(each.begin, each.end, PAGESIZE)
                found |= {
                    page: entry & FRAME
                    for page, entry in zip(pages, seen, strict=False)
                    if entry & PRESENT
                }
    return found


def pieces_of(pages: list[int]) -> list[ctypes.Array[Piece]]:
    """Return a byte of each page, as many together as `copy` takes at once."""
    some = (pages[begin : begin + MOST] for begin in range(0, len(pages), MOST))
    return [(Piece * len(each))(*(Piece(page, 1) for page in each)) for each in some]


def copy(pieces: list[ctypes.Array[Piece]]) -> None:
    """Make the pages of a fork its own, at a third of what it takes to make each when it is used.

    A byte of each is copied to where it is, by the kernel, which need not be interrupted for it.
    One that the kernel would not copy is made when it is used, as without this.
    """
    pid = os.getpid()
    for each in pieces:
        count = ctypes.c_ulong(len(each))
        _libc.process_vm_readv(pid, each, count, each, count, ctypes.c_ulong(0))
