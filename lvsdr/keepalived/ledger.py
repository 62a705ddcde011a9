"""What keepalived said last of each instance: the newest counts, and only once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lvsdr.core import lock
from lvsdr.core.book import Book
from lvsdr.core.durable_file import replace_file
from lvsdr.keepalived import birth

FORMAT = "lvsdr/ledger/2"
# Hooks that somebody else starts must not fill the memory.
MOST = 256
# It is held for as long as it takes to write a small file.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One state: `born` when keepalived said so (clock ticks), `number` the how many-th it is."""

    state: str
    born: int
    number: int
    settled: bool = False

    def after(self, other: Entry) -> bool:
        """Return whether it was said, and heard of, after `other`: hooks overtake one another."""
        return self.number > other.number and self.born >= other.born


Told = dict[tuple[str, str], Entry]


class Ledger:
    """The last entry of each instance, in a file beside the record of the network namespace.

    An instance may have hooks for several directors: each `profile`, a path, has its own entries.
    """

    def __init__(self, book: Book, profile: str = "") -> None:
        self._book = book
        self._profile = profile
        self.path = book.root / f"{book.namespace}.keepalived"

    def tell(self, key: str, state: str, born: int) -> Entry:
        """Write down a state, unless a newer one is there already; return its entry."""
        with self._open() as entries:
            number = 1 + max((each.number for each in entries.values()), default=0)
            entry = Entry(state, born, number)
            known = entries.get((self._profile, key))
            if known is None or not born < known.born <= birth.now():
                entries[self._profile, key] = entry
        return entry

    def newest(self, key: str) -> Entry | None:
        """Return what was said last."""
        with self._open() as entries:
            return entries.get((self._profile, key))

    def entries(self) -> dict[str, Entry]:
        """Return what was said last of each instance, the latest at the end.

        The file is replaced whole, so that nobody has to wait for the lock.
        """
        told = _in_order(_read(self.path))
        return {key: entry for (profile, key), entry in told.items() if profile == self._profile}

    def of_all_profiles(self) -> list[tuple[str, Entry]]:
        """Return what was said last of each instance to each profile, the latest at the end."""
        return [(key, entry) for (_, key), entry in _in_order(_read(self.path)).items()]

    def later(self, key: str, entry: Entry) -> tuple[str, Entry] | None:
        """Return what was said after `entry` of another instance: of one host the last counts."""
        others = [
            (other, each)
            for other, each in self.entries().items()
            if other != key and each.after(entry)
        ]
        return others[-1] if others else None

    def settle(self, key: str, entry: Entry) -> None:
        """Write down that `entry` has been carried out, unless a newer one is there already."""
        with self._open() as entries:
            if entries.get((self._profile, key)) == entry:
                entries[self._profile, key] = replace(entry, settled=True)

    @contextmanager
    def _open(self) -> Iterator[Told]:
        with alone(self._book, self.path):
            before = _read(self.path)
            entries = dict(before)
            yield entries
            if entries != before:
                _write(self.path, entries)


@contextmanager
def alone(book: Book, path: Path) -> Iterator[None]:
    """Hold the lock of a file that lies beside the record inside the block."""
    with book.lock_beside(path) as descriptor, lock.hold_lock(descriptor, PATIENCE):
        yield


def _in_order(told: Told) -> Told:
    return dict(sorted(told.items(), key=lambda item: item[1].number))


def _read(path: Path) -> Told:
    try:
        plain = json.loads(path.read_bytes())
        if plain["format"] == FORMAT:
            return {
                (profile, key): Entry(**entry)
                for profile, told in plain["told"].items()
                for key, entry in told.items()
            }
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        # Nothing in it cannot be said again; who waits for somebody to mend it has an outage.
        pass
    return {}


def _write(path: Path, entries: Told) -> None:
    told: dict[str, dict[str, object]] = {}
    for (profile, key), entry in list(_in_order(entries).items())[-MOST:]:
        told.setdefault(profile, {})[key] = asdict(entry)
    replace_file(path, [json.dumps({"format": FORMAT, "told": told})])
