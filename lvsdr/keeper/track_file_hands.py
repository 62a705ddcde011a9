"""What keepalived is told of real servers that do not serve: a file for each, which it reads."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from time import time

from lvsdr.core.out_of_service import OutOfService
from lvsdr.errors import CannotRun
from lvsdr.formats.keepalived.track_files import DOWN, UP, track_file_name
from lvsdr.keeper.director_health import Changes
from lvsdr.model.health import Down
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import Key

# What is not known of one that was out of service before this process began.
BEFORE = "was down before"


class TrackFileHands:
    """Says in the files of `folder` which of `servers` serve; the table is keepalived's.

    The files are what it knows after a restart. Of `others`, which are not checked any more, a file
    may still say that they are down. Raises CannotRun where the folder is not for us.
    """

    def __init__(
        self,
        folder: Path,
        servers: Callable[[], Iterable[RealServer]],
        others: Callable[[], Iterable[RealServer]] = tuple,
    ) -> None:
        self._folder, self._servers, self._others = folder, servers, others
        self._out: dict[Key, Down] = {}

    def begin(self) -> None:
        """Make the files that are missing, and read those that are there; raises CannotRun."""
        self.must_be_ours()
        for server in self._servers():
            if self._look(server) is None:
                self._write(server, up=server.key not in self._out)
        for server in self._others():
            self._look(server)

    def out(self) -> OutOfService:
        """Return whose files say that they are down; who is drained keepalived knows."""
        return OutOfService(down=dict(self._out))

    def carry_out(self, changes: Changes) -> None:
        """Write the files of those that change; raises CannotRun, and the rest is not written."""
        named = {each.key: each for each in (*self._servers(), *self._others())}
        for key, down in changes.items():
            if key in named:
                self._write(named[key], up=down is None)
            if down is None:
                self._out.pop(key, None)
            else:
                self._out[key] = down

    def _look(self, server: RealServer) -> str | None:
        """Return what the file of a real server says; take note of one that is down."""
        said = self._read(server)
        if said is not None and server.key not in self._out and said.strip() != UP.strip():
            self._out[server.key] = Down(int(time()), BEFORE)
        return said

    def _write(self, server: RealServer, *, up: bool) -> None:
        path = self._path(server)
        fresh = path.with_name(f".{path.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            # keepalived must not read half of it. What a power cut leaves is written anew.
            with os.fdopen(os.open(fresh, flags, 0o644), "w", encoding="ascii") as file:
                file.write(UP if up else DOWN)
            fresh.replace(path)
        except OSError as error:
            raise _cannot("write", path, error) from error

    def _read(self, server: RealServer) -> str | None:
        path = self._path(server)
        try:
            with os.fdopen(
                os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb"
            ) as file:
                return file.read(64).decode("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _cannot("read", path, error) from error

    def _path(self, server: RealServer) -> Path:
        return self._folder / track_file_name(server)

    def must_be_ours(self) -> None:
        """Make the folder where there is none; raise CannotRun where it is not for us."""
        try:
            self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            seen = self._folder.stat()
        except OSError as error:
            raise _cannot("use", self._folder, error) from error
        if seen.st_uid not in (0, os.geteuid()) or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise CannotRun(
                f"cannot use {self._folder}: others than root may write there, and so say who"
                " serves",
                hints=["give a folder of root's, such as /run/lvsdr/track"],
            )


def _cannot(verb: str, path: Path, error: OSError) -> CannotRun:
    code = errno.errorcode.get(error.errno or 0, str(error.errno))
    return CannotRun(f"cannot {verb} {path}: {(error.strerror or '').lower()} ({code})")
