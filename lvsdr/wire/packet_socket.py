"""A packet socket on one link: it sends whole frames, and receives those that pass its filter."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from select import POLLIN, poll
from time import monotonic, sleep
from typing import Self

from lvsdr.errors import CannotRun, NoCarrier
from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.wire import message_batches
from lvsdr.wire.frames.ethernet import IPV6, mac_text
from lvsdr.wire.link_flags import RUNNING, UP, link_flags, require_neighbours
from lvsdr.wire.message_batches import Inbox
from lvsdr.wire.packet_filters import Way, ethertype_filter

# From the kernel's headers; Python's socket module has no names for them.
_ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_STATISTICS, _PACKET_IGNORE_OUTGOING = 263, 1, 6, 23
_PACKET_MR_ALLMULTI = 2
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_IFNAMSIZ = 16

_BUFFER = 16 << 20
BACKLOG = 8
# linux/if_packet.h, struct tpacket_stats: frames, and those of them that were dropped.
_STATISTICS = struct.Struct("II")
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
    And with `way`, only what is sent to this host's MAC, or only the rest. `only` is a BPF program
    that takes the place of the filter for ethertypes.
    """

    def __init__(
        self,
        link: str,
        *ethertypes: int,
        about: Iterable[IPAddress] = (),
        only: bytes | None = None,
        way: Way | None = None,
    ) -> None:
        self.link = link
        self._ethertypes = ethertypes
        self._receives = bool(ethertypes or only)
        self._only = only or ethertype_filter(ethertypes, about, way)
        self._wider = only or ethertype_filter(ethertypes, (), way)
        self._inbox = Inbox()
        # Of what one call received the caller may not have wanted more yet.
        self._came: deque[bytes] = deque()

    def __enter__(self) -> Self:
        with link_errors(f"cannot open a packet socket on {self.link}", self.link):
            self._socket = self._opened()
            self._index = socket.if_nametoindex(self.link)
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
            try:
                _attach_filter(wire, self._only)
            except OSError as error:
                if error.errno != errno.ENOMEM:
                    raise
                # Some 300 addresses are too many for net.core.optmem_max of Linux before 6.7.
                _attach_filter(wire, self._wider)
            _bind(wire, self.link, _ETH_P_ALL if self._receives else 0)
            require_neighbours(wire, self.link)
            if IPV6 in self._ethertypes:
                _hear_groups(wire)
        except BaseException:
            wire.close()
            raise
        return wire

    def fileno(self) -> int:
        """Return the descriptor of the socket, to wait for frames."""
        return self._socket.fileno()

    def taken(self) -> list[bytes]:
        """Return frames that have come, at most those of one system call."""
        with link_errors(f"cannot listen on {self.link}", self.link):
            return self._inbox.receive(self.fileno())

    def count_lost(self) -> int:
        """Return how many frames the kernel had no room for, since the last time this was asked."""
        with link_errors(f"cannot ask for what was lost on {self.link}", self.link):
            counted = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        lost: int = _STATISTICS.unpack(counted)[1]
        return lost

    @property
    def mac(self) -> str:
        """The MAC address of the link."""
        return mac_text(self._socket.getsockname()[4])

    def wait_for_carrier(self, seconds: float = 1.0) -> None:
        """Return once the link has a carrier; raise NoCarrier if it has none within `seconds`.

        Without a carrier silence proves nothing. The kernel reports a carrier up to a second after
        it is there (net/core/link_watch.c).
        """
        deadline = monotonic() + seconds
        while not (flags := link_flags(self._socket, self.link)) & RUNNING:
            if not flags & UP:
                down = _cannot(f"cannot ask on {self.link}", self.link, errno.ENETDOWN)
                raise NoCarrier(down.message, hints=down.hints)
            if monotonic() > deadline:
                raise NoCarrier(
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

    def send_all(self, frames: Sequence[bytes]) -> None:
        """Send whole frames one after the other, as `send` does, in fewer system calls."""
        while frames:
            taken = message_batches.send(self.fileno(), self._index, frames)
            if not taken:
                # Which says why, or has waited until there is room again.
                self.send(frames[0])
            frames = frames[max(1, taken) :]

    def frames(self, until: float) -> Iterator[bytes]:
        """Yield whole frames until the monotonic clock reads `until`.

        A few frames that were queued before `until` are yielded after it: a
        late caller still gets answers, and a flood does not hold it up.
        """
        late, past = 0, monotonic() > until
        while late < BACKLOG:
            if not self._came:
                if not self._wait(until):
                    return
                past = monotonic() > until
            late += past
            yield self._came.popleft()

    def _wait(self, until: float) -> bool:
        """Return whether frames have come before the clock reads `until`."""
        while not (came := self.taken()):
            left = until - monotonic()
            if left <= 0:
                return False
            self._poll.poll(left * 1000)
        self._came += came
        return True


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
