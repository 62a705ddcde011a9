"""The table of sysctls: read and written through /proc/sys of the current network namespace."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.kernel.kernel_errors import Reasons, explained, reading
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, Sysctl

ROOT = Path("/proc/sys")
# What the kernel gives of a setting at once.
LONGEST = 4096
WORD = 1 << 64
IPVS = "net/ipv4/vs/"
# The kernel keeps it in ticks of its clock, and may read back a negative one as a huge number.
IN_TICKS = IPVS + "sync_refresh_period"
# On automatic the kernel itself goes from 1 to 2 while memory is short, and back.
DEFENCES = frozenset(IPVS + name for name in ("drop_entry", "drop_packet", "secure_tcp"))
NOT_THERE: Reasons = {
    errno.ENOENT: ("this kernel has no such setting", ("leave it out of the profile",)),
    # Of est_cpulist alone.
    errno.ERANGE: ("this host has no such processor", ("nproc",)),
}
NO_IPV6: Reasons = {
    errno.ENOENT: ("this kernel has no IPv6", ("leave the IPv6 VIPs out of the profile",))
}


class Sysctls:
    """The settings below /proc/sys."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each sysctl that the kernel has."""
        wanted = list(keys)
        if any(str(path).startswith(IPVS) for _, path in wanted):
            self._sockets.need_ipvs()
        for _, path in wanted:
            value = value_of(str(path))
            if value is not None:
                yield Sysctl(str(path), value)

    def execute(self, change: Change) -> None:
        """Write the new value; a sysctl cannot be created or deleted."""
        assert isinstance(change.after, Sysctl), "every sysctl has a value to go back to"
        reasons = NO_IPV6 if change.after.path.startswith("net/ipv6/") else NOT_THERE
        with explained(f"set sysctl {change.after}", reasons):
            (ROOT / change.after.path).write_text(change.after.value + "\n", encoding="ascii")


def value_of(path: str) -> str | None:
    """Return the value of a sysctl; for a link that does not exist yet, the value of `default`.

    A new link starts with the values of `default`, so they are what it goes back to.
    """
    value = _read(path)
    parts = path.split("/")
    if value is None and parts[:3] in (["net", "ipv4", "conf"], ["net", "ipv6", "conf"]):
        value = _read("/".join((*parts[:3], "default", parts[-1])))
    return value


def values_of(paths: Iterable[str]) -> dict[str, str]:
    """Return the values of sysctls, without those that this kernel does not have."""
    values = ((path, value_of(path)) for path in paths)
    return {path: value for path, value in values if value is not None}


def known(wanted: Iterable[Sysctl]) -> None:
    """Raise CannotRun where this kernel lacks one of the settings of IPVS that are `wanted`."""
    of_ipvs = (item.path for item in wanted if item.path.startswith(IPVS))
    lacking = [path for path in of_ipvs if _read(path) is None]
    if lacking:
        names = [path.removeprefix(IPVS) for path in lacking]
        raise CannotRun(
            f"cannot set {', '.join(lacking)}: Linux {os.uname().release} has no such setting",
            hints=[f"leave {', '.join(names)} out of the profile's sysctls"],
        )


def writable(wanted: Collection[Sysctl]) -> None:
    """Raise CannotRun where /proc/sys is mounted read-only, as in most containers."""
    if wanted and os.statvfs(ROOT / "net").f_flag & os.ST_RDONLY:
        settings = (f"--sysctl {item.path.replace('/', '.')}={item.value}" for item in wanted)
        raise CannotRun(
            "cannot set sysctls: /proc/sys is mounted read-only (EROFS)",
            hints=[
                "from the container's host: lvsdr realserver apply --netns /proc/PID/ns/net",
                f"or let the container engine set them: {' '.join(settings)}",
            ],
        )


def _content(file: str) -> str:
    """Return what a file of /proc/sys says: there may be hundreds, and Path takes seven calls."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, LONGEST).decode("ascii")
    finally:
        os.close(descriptor)


def _read(path: str) -> str | None:
    with reading(f"sysctl {path}"):
        try:
            # Some values are two numbers with a tab between them.
            value = " ".join(_content(f"{ROOT}/{path}").split())
            if path == IN_TICKS:
                return in_seconds(value)
            return "1" if path in DEFENCES and value == "2" else value
        except (FileNotFoundError, NotADirectoryError):
            return None


def in_seconds(value: str) -> str:
    """Return seconds that the kernel keeps in ticks, as they were written.

    Linux 7.2 takes -n, and shows it as what is left of 64 bits: -(2**64 - 2**64 // HZ + n), which
    it does not take back.
    """
    left = WORD + int(value)
    if left > WORD // 2 or int(value) >= 0:
        return value
    # HZ is at most 1200, and n less than 2**31, so the other term is nearly all of it.
    ticks = round(WORD / left)
    return str(left - WORD // ticks)
