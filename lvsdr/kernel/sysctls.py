"""Sysctls, read and written through /proc/sys of the current network namespace."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.kernel.errno import explained, reading
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, Sysctl

ROOT = Path("/proc/sys")


class Sysctls:
    """The settings below /proc/sys."""

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each sysctl that the kernel has."""
        for _, path in keys:
            value = value_of(str(path))
            if value is not None:
                yield Sysctl(str(path), value)

    def execute(self, change: Change) -> None:
        """Write the new value; a sysctl cannot be made or removed."""
        assert isinstance(change.after, Sysctl), "every sysctl has a value to go back to"
        with explained(f"set sysctl {change.after}"):
            (ROOT / change.after.path).write_text(change.after.value + "\n", encoding="ascii")


def value_of(path: str) -> str | None:
    """Return the value of a sysctl; that of `default` for a link that is not there yet.

    A link starts with the values of `default`, so that is what it goes back to.
    """
    value = _read(path)
    parts = path.split("/")
    if value is None and parts[:3] == ["net", "ipv4", "conf"]:
        value = _read("/".join((*parts[:3], "default", parts[-1])))
    return value


def writable() -> None:
    """Raise CannotRun where /proc/sys is mounted read-only, as in most containers."""
    if os.statvfs(ROOT / "net").f_flag & os.ST_RDONLY:
        raise CannotRun(
            "cannot set sysctls: /proc/sys is mounted read-only (EROFS)",
            hints=[
                "from the container's host: lvsdr realserver apply --netns /proc/PID/ns/net",
                "or let the container engine set them: --sysctl net.ipv4.conf.all.arp_ignore=1"
                " --sysctl net.ipv4.conf.all.arp_announce=2",
            ],
        )


def _read(path: str) -> str | None:
    with reading(f"sysctl {path}"):
        try:
            return (ROOT / path).read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
