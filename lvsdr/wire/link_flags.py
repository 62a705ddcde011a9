"""What a link's flags say: whether it is up, has a carrier, and is one to ask for neighbours on."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct

from lvsdr.errors import CannotRun

# From the kernel's headers; Python's socket module has no names for them.
UP, RUNNING = 0x1, 0x40
_LOOPBACK, _NOARP = 0x8, 0x80
_SIOCGIFFLAGS, _ARPHRD_ETHER = 0x8913, 1
_SIOCETHTOOL, _ETHTOOL_GLINK = 0x8946, 0x0A


def link_flags(wire: socket.socket, link: str) -> int:
    """Return the flags of a link, asked through any socket of its namespace."""
    request = struct.pack("16sH22x", os.fsencode(link), 0)
    flags: int = struct.unpack("16xH22x", fcntl.ioctl(wire, _SIOCGIFFLAGS, request))[0]
    return flags


def has_carrier(wire: socket.socket, link: str) -> bool:
    """Return whether a link is up and has a carrier, as its driver says.

    The flag RUNNING follows up to a second later. Raises OSError where there is no such link.
    """
    answer = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_GLINK, 0))
    request = struct.pack("16sP", os.fsencode(link), ctypes.addressof(answer)).ljust(40, b"\0")
    flags = link_flags(wire, link)
    try:
        fcntl.ioctl(wire, _SIOCETHTOOL, request)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return bool(flags & RUNNING)
    carrier: int = struct.unpack("II", answer.raw[:8])[1]
    return bool(flags & UP and carrier)


def link_runs(link: str) -> bool:
    """Return whether a link of this namespace is there, up, and has a carrier."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        try:
            return has_carrier(wire, link)
        except OSError:
            return False


def require_neighbours(wire: socket.socket, link: str) -> None:
    """Raise CannotRun where nobody on the link, to which a packet socket is bound, can be asked."""
    flags = link_flags(wire, link)
    kinds = {
        "it is a loopback": flags & _LOOPBACK,
        "nobody asks for neighbours there (NOARP)": flags & _NOARP,
        "it is no Ethernet link": wire.getsockname()[3] != _ARPHRD_ETHER,
    }
    for reason in (reason for reason, holds in kinds.items() if holds):
        raise CannotRun(
            f"cannot open a packet socket on {link}: {reason}",
            hints=["name the link with the subnet of the VIPs: ip route show"],
        )
