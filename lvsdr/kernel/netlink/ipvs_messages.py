"""The messages of IPVS: what pyroute2's classes would encode, stamped from parts that recur.

The layout is that of pyroute2.netlink.generic.ipvs, and a test holds the two against each other;
encoding one message there takes longer than the kernel takes to carry it out.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter

from lvsdr.kernel.netlink.netlink_messages import U8, U16, U32, attribute
from lvsdr.model.ipvs import RealServer, Service, VirtualServer

# linux/ip_vs.h
NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE = 1, 2, 3, 4
NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = 5, 6, 7, 8
SERVICE, DEST = 1, 2
AF, PROTOCOL, ADDR, PORT, FWMARK, SCHED_NAME, FLAGS, TIMEOUT, NETMASK = range(1, 10)
PE_NAME = 11
DEST_ADDR, DEST_PORT, FWD_METHOD, WEIGHT, U_THRESH, L_THRESH = range(1, 7)
ADDR_FAMILY, TUN_TYPE, TUN_PORT, TUN_FLAGS = 11, 13, 14, 15

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}
PROTOCOL_NAMES = {int(number): name for name, number in PROTOCOLS.items()}
METHODS = {"masquerade": 0, "local": 1, "tunnel": 2, "dr": 3}
METHOD_NAMES = {number: name for name, number in METHODS.items()}
FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}

PERSISTENT, HASHED, ONE_PACKET = 0x1, 0x2, 0x4
SCHEDULER_FLAGS = 0x38
ALL_FLAGS = 0xFFFFFFFF

BE16 = struct.Struct("!H")
FLAGS_AND_MASK = struct.Struct("=II")


def identity(service: Service) -> bytes:
    """Return what tells a service from others, as an attribute."""
    return attribute(SERVICE, _identity(service))


def described(server: VirtualServer, scheduler: str | None = None) -> bytes:
    """Return a service with all its settings, as an attribute; another scheduler on demand.

    Nothing is left out: what is, the kernel clears or invents.
    """
    flags = server.flags & SCHEDULER_FLAGS
    flags |= PERSISTENT if server.persistence is not None else 0
    flags |= ONE_PACKET if server.one_packet else 0
    parts = [
        _identity(server.service),
        attribute(SCHED_NAME, (scheduler or server.scheduler).encode() + b"\0"),
        attribute(FLAGS, FLAGS_AND_MASK.pack(flags, ALL_FLAGS)),
        attribute(TIMEOUT, U32.pack(server.persistence or 0)),
        attribute(NETMASK, _netmask(server)),
    ]
    if server.engine:
        parts.append(attribute(PE_NAME, server.engine.encode() + b"\0"))
    return attribute(SERVICE, b"".join(parts))


def destination(server: RealServer) -> bytes:
    """Return a real server with all its settings, as an attribute."""
    family, rip = family_and_bytes(server)
    head = DEST_HEADS[family]
    return b"".join((head[0], rip, head[1], _settings(settings_of(server))))


Settings = tuple[int, str, int, int, int, tuple[int, int, int]]


# All of a real server but its address: the same for many of them.
settings_of: Callable[[RealServer], Settings] = attrgetter(
    *("port", "forwarding_method", "weight", "upper_threshold", "lower_threshold", "tunnel")
)


def family_and_bytes(server: RealServer) -> tuple[int, bytes]:
    """Return the kernel's number of a RIP's family, and the RIP as it goes on the wire."""
    # From its text, which is there: to ask the address takes five times as long.
    text = str(server.key[-2])
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return family, socket.inet_pton(family, text)


@lru_cache(maxsize=1024)
def _settings(settings: Settings) -> bytes:
    port, method, weight, upper, lower, tunnel = settings
    kind, tunnel_port, flags = tunnel
    return b"".join(
        (
            attribute(DEST_PORT, BE16.pack(port)),
            attribute(FWD_METHOD, U32.pack(METHODS[method])),
            attribute(WEIGHT, U32.pack(weight)),
            attribute(U_THRESH, U32.pack(upper)),
            attribute(L_THRESH, U32.pack(lower)),
            attribute(TUN_TYPE, U8.pack(kind)),
            # The kernel wants network byte order here, and pyroute2 does not swap.
            attribute(TUN_PORT, BE16.pack(tunnel_port)),
            attribute(TUN_FLAGS, U16.pack(flags)),
        )
    )


def _dest_head(family: int, size: int) -> tuple[bytes, bytes]:
    """Return what stands before and after the address of a real server."""
    family_is = attribute(ADDR_FAMILY, U16.pack(family))
    address = attribute(DEST_ADDR, bytes(size))
    length = len(address) + len(family_is) + len(_settings((0, "dr", 0, 0, 0, (0, 0, 0))))
    return attribute(DEST, bytes(length))[:4] + address[:4], family_is


DEST_HEADS: Mapping[int, tuple[bytes, bytes]] = {
    socket.AF_INET: _dest_head(socket.AF_INET, 4),
    socket.AF_INET6: _dest_head(socket.AF_INET6, 16),
}


def _identity(service: Service) -> bytes:
    family = attribute(AF, U16.pack(FAMILIES[service.family]))
    if service.vip is None:
        return family + attribute(FWMARK, U32.pack(service.fwmark))
    return b"".join(
        (
            family,
            attribute(PROTOCOL, U16.pack(PROTOCOLS[service.protocol])),
            attribute(ADDR, service.vip.packed),
            attribute(PORT, BE16.pack(service.port)),
        )
    )


def _netmask(server: VirtualServer) -> bytes:
    prefix = server.persistence_prefix
    if server.service.family == "inet6":
        # For IPv6 the kernel wants the prefix length as a number in host byte order.
        return U32.pack(prefix or 128)
    mask = (0xFFFFFFFF << (32 - (32 if prefix is None else prefix))) & 0xFFFFFFFF
    return struct.pack("!I", mask)
