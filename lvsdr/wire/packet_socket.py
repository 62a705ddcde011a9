"""A packet socket on one link: it sends whole frames, and receives those that pass its filter."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import product
from select import POLLIN, poll
from time import monotonic, sleep
from typing import Self

from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.wire.frames.ethernet import IPV6, mac_text
from lvsdr.wire.link_flags import RUNNING, UP, link_flags, require_neighbours
from lvsdr.wire.packet_filters import ethertype_filter

# From the kernel's headers; Python's socket module has no names for them.
_ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_IGNORE_OUTGOING = 263, 1, 23
_PACKET_MR_ALLMULTI = 2
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_IFNAMSIZ = 16

_LARGEST = 65536
_BUFFER = 16 << 20
_BACKLOG = 8
RATE = 5000
_PAUSES = (0.001, 0.01, 0.1)

_REASONS = {
    errno.EPERM: ("operation not permitted", "run as root, or give CAP_NET_RAW"),
    errno.ENODEV: ("no such link", "ip link show"),
    errno.ENXIO: ("the link is gone", "ip link show"),
    errno.ENETDOWN: ("the link is down", "ip link set {link} up"),
    errno.EAFNOSUPPORT: ("this kernel has no packet sockets", "modprobe af_packet"),
    errno.EAGAIN: ("its queue stays full", "tc -s qdisc show dev {link}"),
    errno.ENOBUFS: ("its queue stays full", "tc -s qdisc show dev {link}"),
}


class PacketSocket(Closing):
    """Send frames on `link`, and receive those of `ethertypes`; of IPv6 neighbour discovery alone.

    Entering it raises CannotRun without the privilege, and for a link that
    is missing or does not use ARP: a loopback, IFF_NOARP, not Ethernet.
    Without ethertypes it only sends. With `about`, what is said of other addresses is not received.
    `only` is a BPF program that takes the place of the filter for ethertypes.
    """

    def __init__(
        self,
        link: str,
        *ethertypes: int,
        about: Iterable[IPAddress] = (),
        only: bytes | None = None,
    ) -> None:
        self.link = link
        self._ethertypes = ethertypes
        self._receives = bool(ethertypes or only)
        self._only = only or ethertype_filter(ethertypes, about)

    def __enter__(self) -> Self:
        with link_errors(f"cannot open a packet socket on {self.link}", self.link):
            self._socket = self._opened()
        self._poll = poll()
        self._poll.register(self._socket, POLLIN)
        return self

    def close(self) -> None:
        """Give back what was opened."""
        self._socket.close()

    def _opened(self) -> socket.socket:
        # Protocol 0 receives nothing: no frame can come before the filter is there.
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            _enlarge_buffer(wire)
            _attach_filter(wire, self._only)
            _bind(wire, self.link, _ETH_P_ALL if self._receives else 0)
            require_neighbours(wire, self.link)
            if IPV6 in self._ethertypes:
                _hear_groups(wire)
        except BaseException:
            wire.close()
            raise
        return wire

    @property
    def mac(self) -> str:
        """The MAC address of the link."""
        return mac_text(self._socket.getsockname()[4])

    def wait_for_carrier(self, seconds: float = 1.0) -> None:
        """Return once the link has a carrier; raise CannotRun if it has none within `seconds`.

        Without a carrier silence proves nothing. The kernel reports a carrier up to a second after
        it is there (net/core/link_watch.c).
        """
        deadline = monotonic() + seconds
        while not (flags := link_flags(self._socket, self.link)) & RUNNING:
            if not flags & UP:
                raise _cannot(f"cannot ask on {self.link}", self.link, errno.ENETDOWN)
            if monotonic() > deadline:
                raise CannotRun(
                    f"cannot ask on {self.link}: no carrier", hints=[f"ip link show {self.link}"]
                )
            sleep(0.01)

    def send(self, frame: bytes) -> None:
        """Send one whole frame; wait a little where the link's queue is full."""
        # With its ethertype, for filters and bridges that look at it on the way out.
        where = self.link, int.from_bytes(frame[12:14], "big")
        with link_errors(f"cannot send on {self.link}", self.link):
            for pause in _PAUSES:
                try:
                    self._socket.sendto(frame, where)
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                        raise
                    sleep(pause)
                else:
                    return
            self._socket.sendto(frame, where)

    def frames(self, until: float) -> Iterator[bytes]:
        """Yield whole frames until the monotonic clock reads `until`.

        A few frames that were queued before `until` are yielded after it: a
        late caller still gets answers, and a flood does not hold it up.
        """
        late = 0
        while late < _BACKLOG and (frame := self._receive(until)) is not None:
            late += monotonic() > until
            yield frame

    def _receive(self, until: float) -> bytes | None:
        while (frame := self._queued()) is None:
            left = until - monotonic()
            if left <= 0:
                return None
            self._poll.poll(left * 1000)
        return frame

    def _queued(self) -> bytes | None:
        with link_errors(f"cannot listen on {self.link}", self.link):
            try:
                return self._socket.recv(_LARGEST)
            except BlockingIOError:
                return None


def paced(
    frames: Sequence[bytes], rounds: int, gap: float, rate: float = RATE
) -> list[tuple[float, bytes]]:
    """Return when to send each frame, in seconds after the start, for `rounds` of all `frames`.

    Rounds begin `gap` seconds apart, or later where one takes longer at `rate` frames a second.
    The default of 5,000, a twentieth of 100 Mbit/s, fits the queues of switches and hosts.
    """
    gap = max(gap, len(frames) / rate)
    return [
        (turn * gap + number / rate, frame)
        for turn, (number, frame) in product(range(rounds), enumerate(frames))
    ]


def _enlarge_buffer(wire: socket.socket) -> None:
    try:
        wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        # Without CAP_NET_ADMIN the kernel caps it at net.core.rmem_max.
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def _attach_filter(wire: socket.socket, program: bytes) -> None:
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HP", len(program) // 8, ctypes.addressof(code))
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)


def _bind(wire: socket.socket, link: str, protocol: int) -> None:
    # Python cuts a long name off and would bind the link of the shorter one.
    if len(os.fsencode(link)) >= _IFNAMSIZ:
        raise OSError(errno.ENODEV, "no such link")
    # All protocols, for only then does the kernel still know what came in a VLAN (net/core/dev.c).
    # Outgoing frames it would copy for us one by one, and a director sends many. Before 4.20 it
    # cannot do otherwise: there the filter alone drops them.
    with suppress(OSError):
        wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    wire.bind((link, protocol))


def _hear_groups(wire: socket.socket) -> None:
    # Solicitations go to groups of their targets, and a host without IPv6 is not even in ff02::1.
    index = socket.if_nametoindex(wire.getsockname()[0])
    request = struct.pack("iHH8s", index, _PACKET_MR_ALLMULTI, 0, b"")
    wire.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)


@contextmanager
def link_errors(doing: str, link: str) -> Iterator[None]:
    """Turn an OSError of a socket on `link` into CannotRun; its message starts with `doing`."""
    try:
        yield
    except OSError as error:
        raise _cannot(doing, link, error.errno or errno.EIO) from error


def _cannot(doing: str, link: str, number: int) -> CannotRun:
    reason, hint = _REASONS.get(number, (os.strerror(number).lower(), ""))
    name = errno.errorcode.get(number, str(number))
    hints = [hint.format(link=link)] if hint else []
    return CannotRun(f"{doing}: {reason} ({name})", hints=hints)
