"""Network namespaces: enter one, visit one, tell one from another."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lvsdr.errors import CannotRun

CLONE_NEWNET = 0x40000000
SO_NETNS_COOKIE = 71
NAMED = Path("/run/netns")


def enter(name: str) -> None:
    """Move this thread into the namespace `name`: one of `ip netns`, or a path.

    Call it before any socket is opened: a socket stays in the namespace in which it was opened.
    """
    path = Path(name) if "/" in name else NAMED / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _no_such(name, path, error) from error
    try:
        _setns(name, descriptor)
    finally:
        os.close(descriptor)


def current() -> int:
    """Return a descriptor of the namespace that this thread is in; the caller closes it."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def visiting(descriptor: int) -> Iterator[int]:
    """Move this thread into another namespace inside the block; give a descriptor of the old one.

    Sockets that were opened before stay where they are; those opened in the block stay there.
    """
    own = current()
    try:
        _setns("of the host", descriptor)
        try:
            yield own
        finally:
            _setns("of the container", own)
    finally:
        os.close(own)


def identity() -> str:
    """Return an identity of this namespace that no other has until the next boot.

    It is the namespace's cookie, which the kernel never gives twice; before Linux 5.14 it is the
    inode, which may be given again.
    """
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as probe:
        try:
            packed = probe.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                raise
            return f"inode-{Path('/proc/thread-self/ns/net').stat().st_ino}"
    return f"cookie-{int.from_bytes(packed, 'little')}"


def _setns(name: str, descriptor: int) -> None:
    # Most commands stay where they are.
    import ctypes  # noqa: PLC0415

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise CannotRun(
            f"cannot enter network namespace {name}: {os.strerror(number).lower()}"
            f" ({errno.errorcode.get(number, number)})",
            hints=["run it as root: entering a namespace needs CAP_SYS_ADMIN"]
            if number == errno.EPERM
            else ["ip netns list"],
        )


def _no_such(name: str, path: Path, error: OSError) -> CannotRun:
    reason = (error.strerror or "").lower()
    code = errno.errorcode.get(error.errno or 0, str(error.errno))
    return CannotRun(
        f"cannot enter network namespace {name}: {path}: {reason} ({code})",
        hints=["ip netns list"],
    )
