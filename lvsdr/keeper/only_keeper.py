"""One keeper of a profile at a time: two of them would undo each other's judgements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lvsdr.core.book import Book
from lvsdr.core.lock import hold_lock


@contextmanager
def only_keeper(owner: str, book: Book, patience: float) -> Iterator[None]:
    """Be the only keeper of the profile `owner` in this network namespace inside the block.

    Raises CannotRun where another one still is after `patience` seconds. The kernel frees the place
    of one that dies.
    """
    # A profile's name has no character that a file's cannot have, but a colon stands before it.
    path = book.root / f"{book.namespace}.keep-{owner.replace(':', '-')}"
    with (
        book.lock_beside(path) as descriptor,
        hold_lock(descriptor, patience, f"keep {owner} beside another keeper"),
    ):
        yield
