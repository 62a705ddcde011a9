"""What keepalived said last of each instance, until it is carried out: the newest counts, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lvsdr.core import lock
from lvsdr.core.book import Book
from lvsdr.core.durable_file import replace_file
from lvsdr.errors import LvsdrError
from lvsdr.keepalived.keepalived_process import ticks_now
from lvsdr.keepalived.vrrp_states import MASTER, Notice, notice_from_line
from lvsdr.model.late_dataclasses import replace

FORMAT = "lvsdr/ledger/2"
# Hooks that somebody else starts must not fill the memory.
MOST = 256
# It is held for as long as it takes to write a small file.
PATIENCE = 5.0

# By the path of a director's profile, and the key of an instance or group.
Notices = dict[tuple[str, str], Notice]


class Ledger:
    """The last notice of each instance: read, then written down, then under way, then settled.

    Written down in a file beside the record of the network namespace, so that hooks know of one
    another, and what a killed run leaves is done by the next. An instance may have hooks for
    several directors: each `profile`, a path, has its own notices. Where a `name` is given, that
    instance or group alone counts. `more` gives the FIFO's lines that have come in the meantime.
    """

    def __init__(
        self,
        book: Book,
        profile: str = "",
        name: str | None = None,
        more: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.book = book
        self.path = book.root / f"{book.namespace}.keepalived"
        self._profile = profile
        self._name = name
        self._more = more
        self._unwritten: dict[str, Notice] = {}
        self._lines: list[str] = []
        self._refused: list[LvsdrError] = []
        self._under_way: Notice | None = None

    def read(self, lines: Iterable[str]) -> None:
        """Take the notices among `lines`, of each instance the last."""
        for line in lines:
            self._lines.append(line)
            try:
                notice = notice_from_line(line)
            except LvsdrError as refused:
                self._refused.append(refused)
                continue
            if notice is not None and self._name in (None, notice.name):
                # Moved to the end: of two instances, the one that spoke last comes last.
                key = notice.key
                self._unwritten.pop(key, None)
                self._unwritten[key] = notice

    def read_more(self) -> None:
        """Take what has come in the meantime."""
        self.read(self._more())

    def assume(self, state: str) -> None:
        """Take it that who was MASTER has entered `state`, before all that was read last.

        MASTER still it is not, where anything else was read: the one that was the master may have
        got another name.
        """
        if state == MASTER and not all(each.is_master for each in self._unwritten.values()):
            return
        masters = [each for each in self.masters() if each.key not in self._unwritten]
        assumed = {each.key: replace(each, state=state) for each in masters}
        self._unwritten = assumed | self._unwritten

    def untold(self) -> tuple[list[str], list[LvsdrError]]:
        """Return the lines that were read, and why some were refused, once each."""
        lines, refused = self._lines, self._refused
        self._lines, self._refused = [], []
        return lines, refused

    def write_down(self) -> set[str]:
        """Write down what was read, as said now; return the keys. Raises, and keeps all of it."""
        if self._unwritten:
            now = ticks_now()
            with self._open() as notices:
                for notice in self._unwritten.values():
                    self._insert(notices, replace(notice, told_at=now))
        keys = set(self._unwritten)
        self._unwritten.clear()
        return keys

    def add(self, notice: Notice) -> Notice:
        """Write down a notice, unless a newer one is there already; return it with its number."""
        with self._open() as notices:
            return self._insert(notices, notice)

    def newest(self, key: str) -> Notice | None:
        """Return what was said last of an instance."""
        with self._open() as notices:
            return notices.get((self._profile, key))

    def notices(self) -> dict[str, Notice]:
        """Return what was said last of each instance that counts, the latest at the end.

        The file is replaced whole, so that nobody has to wait for the lock.
        """
        return {
            key: each
            for (profile, key), each in _in_order(_load(self.path)).items()
            if profile == self._profile and self._name in (None, each.name)
        }

    def of_all_profiles(self) -> list[Notice]:
        """Return what was said last of each instance to each profile, the latest at the end."""
        return list(_in_order(_load(self.path)).values())

    def by_profile(self) -> dict[str, list[Notice]]:
        """Return what was said last of each instance, by the path of the profile it was said to."""
        told: dict[str, list[Notice]] = {}
        for (profile, _), each in _in_order(_load(self.path)).items():
            told.setdefault(profile, []).append(each)
        return told

    def masters(self) -> list[Notice]:
        """Return those of which the last that was said is MASTER."""
        return [each for each in self.notices().values() if each.is_master]

    def says_master(self) -> bool:
        """Return whether the last that was said of any instance is MASTER."""
        return [each.is_master for each in self.notices().values()][-1:] == [True]

    def later(self, notice: Notice) -> Notice | None:
        """Return what was said after `notice` of another instance: of one host the last counts."""
        others = [
            each
            for each in self.notices().values()
            if each.key != notice.key and each.after(notice)
        ]
        return others[-1] if others else None

    def begin(self, notice: Notice) -> None:
        """Know that `notice` is under way, and is what this host is until another one begins."""
        self._under_way = notice

    def overtaken(self) -> bool:
        """Return whether something newer was said than is under way, and the opposite of it."""
        current = self._under_way
        if current is None:
            return False
        self.read_more()
        written = [each for each in self.notices().values() if each.after(current)]
        newer = [*written, *self._unwritten.values()]
        return bool(newer) and newer[-1].is_master != current.is_master

    def settle(self, notice: Notice) -> None:
        """Write down that `notice` has been carried out, unless a newer one is there already."""
        with self._open() as notices:
            if notices.get((self._profile, notice.key)) == notice:
                notices[self._profile, notice.key] = replace(notice, settled=True)

    def _insert(self, notices: Notices, notice: Notice) -> Notice:
        number = 1 + max((each.number for each in notices.values()), default=0)
        added = replace(notice, priority=None, number=number, settled=False)
        place = self._profile, notice.key
        known = notices.get(place)
        # What another boot has left is from the future, and not newer.
        if known is None or not notice.told_at < known.told_at <= ticks_now():
            notices[place] = added
        return added

    @contextmanager
    def _open(self) -> Iterator[Notices]:
        with locked_file(self.book, self.path):
            before = _load(self.path)
            notices = dict(before)
            yield notices
            if notices != before:
                _save(self.path, notices)


@contextmanager
def locked_file(book: Book, path: Path) -> Iterator[None]:
    """Hold the lock of a file that lies beside the record inside the block."""
    with book.lock_beside(path) as descriptor, lock.hold_lock(descriptor, PATIENCE):
        yield


def _in_order(notices: Notices) -> Notices:
    return dict(sorted(notices.items(), key=lambda item: item[1].number))


def _load(path: Path) -> Notices:
    try:
        plain = json.loads(path.read_bytes())
        if plain["format"] == FORMAT:
            return {
                (profile, key): _from_plain(key, **fields)
                for profile, told in plain["told"].items()
                for key, fields in told.items()
            }
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        # Nothing in it cannot be said again; who waits for somebody to mend it has an outage.
        pass
    return {}


def _from_plain(key: str, *, state: str, born: int, number: int, settled: bool) -> Notice:
    kind, _, name = key.partition(" ")
    return Notice(kind, name, state, told_at=born, number=number, settled=settled)


def _save(path: Path, notices: Notices) -> None:
    told: dict[str, dict[str, object]] = {}
    for (profile, key), each in list(_in_order(notices).items())[-MOST:]:
        plain = {"state": each.state, "born": each.told_at, "number": each.number}
        told.setdefault(profile, {})[key] = {**plain, "settled": each.settled}
    replace_file(path, [json.dumps({"format": FORMAT, "told": told})])
