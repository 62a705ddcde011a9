"""The record on disk, in /run/lvsdr: whole or not there, never trusted when it lies; the lock.

One record for each network namespace. It lies in /run, so that it lives exactly as long as the
kernel state that it speaks of.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from lvsdr.core import durable_file, lock
from lvsdr.core.columns_on_disk import TextMark, decoded_head, head_of, known_by, places_of
from lvsdr.core.record import Record
from lvsdr.core.record_columns import joined
from lvsdr.core.record_decoding import FORMAT, FORMATS, Lie, record_of
from lvsdr.core.record_text import text_of
from lvsdr.core.unfolding import unfolded
from lvsdr.core.written_record import as_written
from lvsdr.core.written_servers import Columns
from lvsdr.errors import CannotRun
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import dataclass, replace

ROOT = Path("/run/lvsdr")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


# A profile is read with what the record knows, and planned with the record: once for both. Of a
# record whose columns are as it says, what stands before them: it has their fingerprints.
_LAST: dict[Path, tuple[bytes, Record | None]] = {}


@dataclass(frozen=True, slots=True)
class Book:
    """The record of one network namespace on disk, and its lock."""

    namespace: str
    root: Path = ROOT

    @property
    def path(self) -> Path:
        return self.root / f"{self.namespace}.json"

    def load(self, known: Iterable[RealServer] = (), *, folding: bool = False) -> Record:
        """Return the record; an empty one where there is none; raise CannotRun where it lies.

        Claims that are as `known` says are those very objects. With `folding`, real servers that
        can be known by their fingerprints are no objects; they tell that they lie once they are.
        """
        try:
            # Not to wait for a pipe that somebody has put there.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(self.path, flags), "rb") as file:
                seen = os.fstat(file.fileno())
                if seen.st_uid not in (0, os.geteuid()) or seen.st_nlink != 1:
                    raise self._untrusted("it is not a file of root or of this user alone")
                return self._load(file, known, folding)
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise _unusable("read", self.path, error) from error

    def _load(self, file: BinaryIO, known: Iterable[RealServer], folding: bool) -> Record:
        text, cut = head_of(file.fileno())
        mark = known_by(text)
        before, record = _LAST.get(self.path, (b"", None))
        if record is None or before != mark or not (folding or known == ()):
            # What is claimed as it is known is compared by its columns: all are read.
            record = self._parse_head(text, file.fileno()) if cut and folding else None
            if record is None:
                if cut:
                    file.seek(len(text))
                    text += file.read()
                record, mark = self._parse(text, known, folding=folding), known_by(text)
            if folding:
                _LAST[self.path] = mark, record
        return record if folding else unfolded(record, ())

    def _parse_head(self, head: bytearray, descriptor: int) -> Record | None:
        """Return the record whose columns are on disk; None where it is not plainly one."""
        try:
            plain = decoded_head(head)
            if plain["format"] != FORMAT or plain["boot"] != _boot():
                return None
            places = places_of(plain, len(head), descriptor)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        if places is None:
            return None
        with self._understood():
            self._must_be_ours(plain)
            return record_of(plain, folding=True, columns=Columns(places, self._understood))

    def save(self, record: Record, *, known: bool = False) -> None:
        """Write the record so that it is whole on disk, whatever happens; an empty one goes.

        Where it is `known` this process need not read it again: what is folded in it is what would
        be if it did.
        """
        mark = TextMark() if known and self.path in _LAST and not record.intents else None
        try:
            self._make_root()
            if (record := as_written(record)) == Record():
                durable_file.remove_file(self.path)
                return
            start = {"format": FORMAT, "boot": _boot(), "namespace": self.namespace}
            durable_file.replace_file(self.path, text_of(record, start, mark))
        except OSError as error:
            raise _unusable("write", self.path, error) from error
        if mark is not None:
            _LAST[self.path] = mark.mark(), replace(record, notes=())

    @contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Hold the namespace's lock inside the block; raise CannotRun after `timeout` seconds."""
        path = self.root / f"{self.namespace}.lock"
        try:
            self._make_root()
            descriptor = lock.open_lock(path)
        except OSError as error:
            raise _unusable("lock", path, error) from error
        with lock.hold_lock(descriptor, timeout):
            self._sweep()
            yield

    @contextmanager
    def lock_beside(self, path: Path) -> Iterator[int]:
        """Give the descriptor of a lock for a file that lies beside the record.

        Raises CannotRun. Whoever takes the lock closes it.
        """
        try:
            self._make_root()
            descriptor = lock.open_lock(path.with_name(f"{path.name}.lock"))
        except OSError as error:
            raise _unusable("lock", path, error) from error
        try:
            yield descriptor
        except OSError as error:
            raise _unusable("write", path, error) from error

    def _sweep(self) -> None:
        """Remove what runs that were killed have left beside the record; the lock is held."""
        try:
            durable_file.remove_half_written(self.path)
        except OSError as error:
            raise _unusable("clean", self.root, error) from error

    def _make_root(self) -> None:
        with suppress(FileExistsError):
            self.root.mkdir(mode=0o750, parents=True)
        seen = self.root.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "not a directory of this user", str(self.root))
        if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(errno.EPERM, "others may write that directory", str(self.root))

    def _parse(
        self, text: bytes | bytearray, known: Iterable[RealServer] = (), *, folding: bool = False
    ) -> Record:
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._untrusted(f"it is not JSON ({error})") from error
        with self._understood():
            self._must_be_ours(plain)
            if plain["boot"] != _boot():
                # What it speaks of went with that boot; nothing of it can be given back.
                return Record(notes=(f"{self.path} is from an earlier boot: not used",))
            columns = Columns({}, self._understood)
            return record_of(joined(plain), known, folding=folding, columns=columns)

    def _must_be_ours(self, plain: dict[str, Any]) -> None:
        if plain["format"] not in FORMATS:
            raise self._untrusted(
                f"its format is {plain['format']!r}, ours is {FORMAT!r}",
                "withdraw with the version of lvsdr that has written it, if it is there",
            )
        if plain["boot"] == _boot() and plain["namespace"] != self.namespace:
            raise self._untrusted(f"it is of another network namespace ({plain['namespace']!r})")

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except Lie as lie:
            raise self._untrusted(str(lie)) from lie
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._untrusted("it is not a record of lvsdr") from error

    def _untrusted(self, reason: str, *first: str) -> CannotRun:
        return CannotRun(
            f"cannot trust {self.path}: {reason}",
            notes=["withdraw then names what is left, and takes it away with --without-record"],
            hints=[
                *first,
                f"look at it, then remove it: rm {self.path}",
                "what was there before the first apply is then forgotten",
            ],
        )


def _boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()


def _unusable(verb: str, path: Path, error: OSError) -> CannotRun:
    code = errno.errorcode.get(error.errno or 0, str(error.errno))
    hints = ["run it as root, or with sudo"] if error.errno in (errno.EACCES, errno.EPERM) else []
    return CannotRun(
        f"cannot {verb} {path}: {(error.strerror or '').lower()} ({code})", hints=hints
    )
