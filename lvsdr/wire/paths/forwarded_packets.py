"""What becomes of a packet that this host forwards: taken, refused, or sent back to us.

An empty datagram is sent to the discard port, by the routes of this host, with a TTL of two hops.
A host that sends it back to us uses up the last of them, and we see it arrive.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from ipaddress import ip_address
from select import POLLERR, POLLIN, poll
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.route_lookup import REFUSED, RETURNED, SILENT, TAKEN, ForwardingOutcome
from lvsdr.wire.frames import ip, udp
from lvsdr.wire.frames.ethernet import IPV4, IPV6, FrameError
from lvsdr.wire.frames.ip import UDP
from lvsdr.wire.packet_socket import link_errors

DISCARD, HOPS = 9, 2
# linux/in.h, linux/in6.h and linux/errqueue.h, for which Python has no names.
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000
BY_ICMP = (2, 3)
_ERROR = struct.Struct("=I4B8x")
# By the version of IP: where the address lies in a sockaddr, the type of ICMP's "unreachable", its
# code for a port, and those that say that there is no such host; others are a firewall's.
_OFFENDER = {4: slice(4, 8), 6: slice(8, 24)}
UNREACHABLE, PORT, NOBODY = {4: 3, 6: 1}, {4: 3, 6: 4}, {4: (0, 1), 6: (0, 3)}
_LARGEST = 65536


def forwarding_outcomes(
    links: Mapping[IPAddress, str], seconds: float
) -> dict[IPAddress, ForwardingOutcome]:
    """Return what becomes of a packet to each address; `links` says which link it leaves by.

    Returns once all outcomes are known, after `seconds` at the latest. Raises CannotRun.
    """
    with ExitStack() as stack:
        attempt = _Attempt()
        for address, link in links.items():
            with link_errors(f"cannot send to {address}", link):
                attempt.senders[address] = stack.enter_context(_sender(address))
        for link, version in sorted({(link, address.version) for address, link in links.items()}):
            with link_errors(f"cannot listen on {link}", link):
                attempt.receivers.append(stack.enter_context(_receiver(link, version)))
        attempt.send()
        attempt.listen(monotonic() + seconds)
    return {address: attempt.found.get(address, ForwardingOutcome(SILENT)) for address in links}


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The sockets that send the packets, those that see them come back, and the outcomes so far."""

    senders: dict[IPAddress, socket.socket] = field(default_factory=dict)
    receivers: list[socket.socket] = field(default_factory=list)
    found: dict[IPAddress, ForwardingOutcome] = field(default_factory=dict)

    def send(self) -> None:
        for address, sender in self.senders.items():
            try:
                sender.sendto(b"", (str(address), DISCARD))
            except OSError:
                # The routes have changed since, and lead nowhere now.
                self.found[address] = ForwardingOutcome(REFUSED)

    def listen(self, deadline: float) -> None:
        waiting = poll()
        for each in (*self.receivers, *self.senders.values()):
            waiting.register(each, POLLIN | POLLERR)
        while self.found.keys() < self.senders.keys() and (left := deadline - monotonic()) > 0:
            if waiting.poll(left * 1000):
                self._look()

    def _look(self) -> None:
        for receiver in self.receivers:
            self._returned(receiver)
        for address, sender in self.senders.items():
            outcome = _outcome(address, sender)
            if outcome is not None:
                self.found.setdefault(address, outcome)

    def _returned(self, receiver: socket.socket) -> None:
        try:
            packet = ip.decode(receiver.recv(_LARGEST))
            sender = self.senders.get(packet.destination)
            if sender is None or packet.protocol != UDP:
                return
            datagram = udp.decode(packet.payload)
        except (BlockingIOError, FrameError):
            return
        if datagram.source_port == sender.getsockname()[1]:
            # It outweighs what an ICMP error may have said before.
            self.found[packet.destination] = ForwardingOutcome(RETURNED)


def _sender(address: IPAddress) -> socket.socket:
    four = address.version == 4
    family = socket.AF_INET if four else socket.AF_INET6
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    level = socket.IPPROTO_IP if four else socket.IPPROTO_IPV6
    made.setsockopt(level, IP_RECVERR if four else IPV6_RECVERR, 1)
    made.setsockopt(level, socket.IP_TTL if four else socket.IPV6_UNICAST_HOPS, HOPS)
    return made


def _receiver(link: str, version: int) -> socket.socket:
    """Return a socket that receives the packets arriving on `link`, without link-layer headers."""
    protocol = IPV4 if version == 4 else IPV6
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    # Protocol 0 receives nothing: so nothing of another link comes in before it is bound.
    made = socket.socket(socket.AF_PACKET, kind, 0)
    made.bind((link, protocol))
    return made


def _outcome(address: IPAddress, sender: socket.socket) -> ForwardingOutcome | None:
    """Return the outcome that an error or an answer at `sender` tells, None where there is none."""
    try:
        _, ancillary, _, _ = sender.recvmsg(_LARGEST, _LARGEST, MSG_ERRQUEUE)
    except BlockingIOError:
        try:
            sender.recv(_LARGEST)
        except OSError:
            return None
        return ForwardingOutcome(TAKEN)
    _, origin, kind, code, _ = _ERROR.unpack_from(data := ancillary[0][2])
    version = address.version
    if origin not in BY_ICMP or kind != UNREACHABLE[version]:
        # Somebody forwards it to others, for all that we know.
        return None
    by = ip_address(data[_ERROR.size :][_OFFENDER[version]])
    if by == address or code == PORT[version]:
        return ForwardingOutcome(TAKEN, by)
    return ForwardingOutcome(REFUSED, by) if code in NOBODY[version] else None
