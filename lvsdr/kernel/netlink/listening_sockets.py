"""Which addresses and ports of this host's namespace somebody listens on, by sock_diag(7)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from lvsdr.kernel.netlink.netlink_messages import AF_INET, AF_INET6, HEADER, unpack_attributes
from lvsdr.kernel.netlink.netlink_socket import NetlinkSocket
from lvsdr.model.address import IPAddress

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, SKV6ONLY = 4, 20, 11
PROTOCOLS = {"tcp": 6, "udp": 17}
# net/tcp_states.h: a socket of UDP without a peer is said to be closed.
_LISTENS = {"tcp": 1 << 10, "udp": 1 << 7}
_REQUEST = struct.Struct("=BBBxI48x")
_MESSAGE = 72
_PORT, _SOURCE4, _SOURCE6 = slice(4, 6), slice(8, 12), slice(8, 24)

Listening = tuple[IPAddress, int]
"""An address, which may be the one that stands for all, and a port."""
ANY4, ANY6 = IPv4Address(0), IPv6Address(0)


class ListeningSockets(NetlinkSocket):
    """A socket for sock_diag."""

    def __init__(self) -> None:
        super().__init__(NETLINK_SOCK_DIAG)

    def listening(self, protocol: str) -> set[Listening]:
        """Return all that listens over tcp or udp; raises OSError.

        What listens on all addresses of IPv6 listens on those of IPv4 as well, if it is not told
        otherwise, and is in there for both.
        """
        found: set[Listening] = set()
        for family in (AF_INET, AF_INET6):
            request = _REQUEST.pack(family, PROTOCOLS[protocol], 0, _LISTENS[protocol])
            for chunk, length in self.dump_chunks(
                SOCK_DIAG_BY_FAMILY, request, SOCK_DIAG_BY_FAMILY
            ):
                for at in range(0, len(chunk), length):
                    found.update(_decoded(chunk[at + HEADER.size : at + length]))
        return found


def _decoded(message: memoryview) -> Iterator[Listening]:
    port = int.from_bytes(message[_PORT])
    if message[0] == AF_INET:
        yield IPv4Address(bytes(message[_SOURCE4])), port
        return
    address = IPv6Address(bytes(message[_SOURCE6]))
    yield address, port
    if address == ANY6 and not any(unpack_attributes(message[_MESSAGE:]).get(SKV6ONLY, b"")):
        yield ANY4, port
