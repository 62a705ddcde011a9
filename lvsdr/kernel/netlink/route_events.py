"""rtnetlink's notices: what others do to links, addresses and routes, as soon as it is done."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from lvsdr.kernel.kernel_errors import explained
from lvsdr.kernel.netlink import netlink_socket, rtm_address, rtm_link, rtm_route
from lvsdr.kernel.netlink.netlink_messages import (
    HEADER,
    decode_message,
    walk_messages,
)
from lvsdr.kernel.netlink.netlink_socket import LARGEST_REPLY, NETLINK_ROUTE, OWN_PORTS
from lvsdr.kernel.netlink.rtm_address import RTM_DELADDR, RTM_NEWADDR
from lvsdr.kernel.netlink.rtm_link import RTM_DELLINK, RTM_NEWLINK
from lvsdr.kernel.netlink.rtm_route import (
    BLACKHOLE,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    RTMSG,
    UNREACHABLE,
)
from lvsdr.model.address import kernel_identity
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.route_event import RouteEvent

# linux/rtnetlink.h: the groups as bits.
RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE = 0x40, 0x400
# A host may have thousands of links at once; what finds no room is told as an overrun.
ROOM = 4 << 20
# What is read at one look, so that a storm keeps nobody from his other work.
MOST = 256
# pyroute2 gives its sockets the number of the process in these bits.
PID_BITS = (1 << 22) - 1
OVERRUN = RouteEvent("overrun")


class RouteEvents(Closing):
    """The notices of one namespace, that in which it is opened; raises KernelError.

    With `routes`, of dead ends among the routes as well: a router has millions of others.
    """

    def __init__(self, *, routes: bool) -> None:
        groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
        groups |= (RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE) if routes else 0
        with explained("listen for changes of links and addresses"):
            kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_ROUTE)
            try:
                self._give_room()
                self._socket.bind((0, groups))
            except OSError:
                self.close()
                raise

    def fileno(self) -> int:
        """Return the descriptor that can be read once something was told."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give back what was opened."""
        self._socket.close()

    def events(self) -> tuple[RouteEvent, ...]:
        """Return what others have done since the last call; wait for nothing."""
        found: list[RouteEvent] = []
        for _ in range(MOST):
            try:
                packet, (sender, _) = self._socket.recvfrom(LARGEST_REPLY)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found.append(OVERRUN)
                continue
            if sender == 0:
                # Anybody with the privilege may send to a group.
                found += events_in(packet)
        return tuple(found)

    def _give_room(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, netlink_socket.SO_RCVBUFFORCE, ROOM)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)


def events_in(packet: bytes) -> Iterator[RouteEvent]:
    """Yield what others did, of the notices in `packet`; a broken one is an overrun."""
    try:
        for message in walk_messages(memoryview(packet)):
            _, kind, _, _, port = HEADER.unpack_from(message)
            if not _is_ours(port):
                yield from decode_message(message, partial(_decoded, kind, port))
    except OSError:
        yield OVERRUN


def who_is(port: int, proc: Path = Path("/proc")) -> str:
    """Return the name of the process that has the number `port`, if there is one."""
    with suppress(OSError):
        return (proc / str(port) / "comm").read_text(errors="replace").strip() if port else ""
    return ""


def _is_ours(port: int) -> bool:
    own = os.getpid()
    return port in OWN_PORTS or (port != 0 and port & PID_BITS == own & PID_BITS)


def _decoded(kind: int, port: int, message: memoryview) -> Iterable[RouteEvent]:
    if kind in {RTM_NEWADDR, RTM_DELADDR}:
        address = rtm_address.decode(message)
        link, gone = _name_of(address.index), kind == RTM_DELADDR
        subject = kernel_identity(address.ip)
        return [RouteEvent("address", link, address.index, subject, gone, port, who_is(port))]
    if kind in {RTM_NEWLINK, RTM_DELLINK}:
        found = rtm_link.decode(message)
        gone = kind == RTM_DELLINK
        return [RouteEvent("link", found.name, found.index, "", gone, port, who_is(port))]
    if kind in {RTM_NEWROUTE, RTM_DELROUTE} and _leads_nowhere(message):
        route = rtm_route.decode(message)
        gone, subject = kind == RTM_DELROUTE, str(route.destination)
        return [RouteEvent("route", "", 0, subject, gone, port, who_is(port))]
    return []


def _leads_nowhere(message: memoryview) -> bool:
    """Return whether a route drops packets; of the others there may be many, none of them ours."""
    return RTMSG.unpack_from(message, HEADER.size)[7] in {BLACKHOLE, UNREACHABLE}


def _name_of(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except (OSError, OverflowError):
        return ""
