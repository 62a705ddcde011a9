"""The record on disk, in /run/lvsdr: whole or not there, never trusted when it lies; the lock.

One record for each network namespace. It lies in /run, so that it lives exactly as long as the
kernel state that it speaks of.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lvsdr.core import durable_file, lock
from lvsdr.core.record import Record
from lvsdr.core.record_text import before_of, by_owner, entry_of, listed
from lvsdr.errors import CannotRun
from lvsdr.model import compact_objects
from lvsdr.model.ipvs import RealServer, by_service
from lvsdr.model.late_dataclasses import asdict, dataclass
from lvsdr.model.objects import Baseline, Key, keyed
from lvsdr.model.profile import Origin

ROOT = Path("/run/lvsdr")
FORMAT = "lvsdr/baseline/3"
# In it `absent` has every key that was not there, and each column of real servers one value.
FORMER = "lvsdr/baseline/2"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Book:
    """The record of one network namespace on disk, and its lock."""

    namespace: str
    root: Path = ROOT

    @property
    def path(self) -> Path:
        return self.root / f"{self.namespace}.json"

    def load(self, known: Iterable[RealServer] = ()) -> Record:
        """Return the record; an empty one where there is none; raise CannotRun where it lies.

        Claims that are as `known` says are those very objects.
        """
        try:
            # Not to wait for a pipe that somebody has put there.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(self.path, flags), "rb") as file:
                seen = os.fstat(file.fileno())
                text = file.read()
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise _unusable("read", self.path, error) from error
        if seen.st_uid not in (0, os.geteuid()) or seen.st_nlink != 1:
            raise self._untrusted("it is not a file of root or of this user alone")
        return self._parse(text, known)

    def save(self, record: Record) -> None:
        """Write the record so that it is whole on disk, whatever happens; an empty one goes."""
        try:
            self._make_root()
            if record == Record():
                durable_file.remove_file(self.path)
            else:
                durable_file.replace_file(self.path, self._text(record))
        except OSError as error:
            raise _unusable("write", self.path, error) from error

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

    def _text(self, record: Record) -> Iterator[str]:
        """Yield the record as JSON, in pieces: a large one need not be in memory twice."""
        head = {"format": FORMAT, "boot": _boot(), "namespace": self.namespace}
        yield json.dumps(head)[:-1]
        yield ',\n"baseline": '
        found = ((key, before) for key, before in record.baseline.items() if before is not None)
        yield from listed(entry_of(key, before) for key, before in found)
        # Most of what is claimed was not there before: that is said by their number alone.
        yield f',\n"absent": {sum(before is None for before in record.baseline.values())}'
        yield ',\n"claims": '
        yield from by_owner({owner: held.values() for owner, held in record.claims.items()})
        yield ',\n"intents": '
        yield from by_owner(record.intents)
        if record.links:
            yield f',\n"links": {json.dumps(dict(record.links))}'
        if record.origins:
            origins = {owner: asdict(origin) for owner, origin in record.origins.items()}
            yield f',\n"origins": {json.dumps(origins)}'
        for name, owned in (("drained", record.drained), ("given_back", record.given_back)):
            if owned:
                rows = {owner: sorted(map(list, keys), key=str) for owner, keys in owned.items()}
                yield f',\n"{name}": {json.dumps(rows)}'
        yield "}\n"

    def _parse(self, text: bytes, known: Iterable[RealServer] = ()) -> Record:
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._untrusted(f"it is not JSON ({error})") from error
        try:
            return self._understood(plain, known)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._untrusted("it is not a record of lvsdr") from error

    def _understood(self, plain: dict[str, Any], known: Iterable[RealServer]) -> Record:
        if plain["format"] not in (FORMAT, FORMER):
            raise self._untrusted(
                f"its format is {plain['format']!r}, ours is {FORMAT!r}",
                "withdraw with the version of lvsdr that has written it, if it is there",
            )
        if plain["boot"] != _boot():
            # What it speaks of went with that boot; nothing of it can be given back.
            return Record(notes=(f"{self.path} is from an earlier boot: not used",))
        if plain["namespace"] != self.namespace:
            raise self._untrusted(f"it is of another network namespace ({plain['namespace']!r})")
        likely = by_service(known)
        claims = {
            owner: keyed(compact_objects.from_rows(held, likely))
            for owner, held in plain["claims"].items()
        }
        intents = {
            owner: tuple(compact_objects.from_rows(held))
            for owner, held in plain["intents"].items()
        }
        baseline = self._baseline(plain, Record({}, claims, intents).claimed_keys())
        # Records of older versions have no such entries.
        links = {str(name): int(number) for name, number in plain.get("links", {}).items()}
        origins = {
            owner: Origin(str(each["file"]), int(each["applied"]))
            for owner, each in plain.get("origins", {}).items()
        }
        drained, given_back = (_keys(plain.get(name, {})) for name in ("drained", "given_back"))
        record = Record(baseline, claims, intents, drained, links, origins, given_back)
        if any(key[0] != RealServer.kind for keys in drained.values() for key in keys):
            raise self._untrusted("it has drained what is no real server")
        return record

    def _baseline(self, plain: dict[str, Any], claimed: Set[Key]) -> Baseline:
        """Return how each object was before; what no entry says of was not there."""
        there = {tuple(entry["key"]): before_of(entry) for entry in plain["baseline"]}
        if plain["format"] == FORMER:
            absent = dict.fromkeys(compact_objects.keys_from_rows(plain["absent"]))
            whole = claimed <= absent.keys() | there.keys()
        else:
            absent = dict.fromkeys(key for key in claimed if key not in there)
            whole = len(absent) == plain["absent"]
        if not whole:
            raise self._untrusted("it claims what it has no baseline of")
        return {**absent, **there}

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


def _keys(owners: dict[str, Any]) -> dict[str, frozenset[Key]]:
    return {owner: frozenset(map(tuple, keys)) for owner, keys in owners.items()}


def _boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()


def _unusable(verb: str, path: Path, error: OSError) -> CannotRun:
    code = errno.errorcode.get(error.errno or 0, str(error.errno))
    hints = ["run it as root, or with sudo"] if error.errno in (errno.EACCES, errno.EPERM) else []
    return CannotRun(
        f"cannot {verb} {path}: {(error.strerror or '').lower()} ({code})", hints=hints
    )
