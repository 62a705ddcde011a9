"""The requests to IPVS: what pyroute2's classes would encode, stamped from parts that recur.

Encoding one message there takes longer than the kernel takes to carry it out.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address
from operator import attrgetter, itemgetter

from lvsdr.kernel.netlink.ipvs_attributes import (
    ADDR,
    ADDR_FAMILY,
    AF,
    BE16,
    DEST,
    DEST_ADDR,
    FWMARK,
    PORT,
    PROTOCOL,
    SERVICE,
    virtual_server_settings,
)
from lvsdr.kernel.netlink.ipvs_packing import Packing, dest_port, sent_settings
from lvsdr.kernel.netlink.netlink_messages import AF_INET, AF_INET6, U16, U32, pack_attribute
from lvsdr.model.ipvs import RealServer, Service, VirtualServer

# linux/ip_vs.h
NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE = 1, 2, 3, 4
NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = 5, 6, 7, 8

Around = Mapping[int, tuple[bytes, bytes, bytes]]

_key_of, _text_in = attrgetter("key"), itemgetter(-2)

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}
PROTOCOL_NAMES = {int(number): name for name, number in PROTOCOLS.items()}
FAMILIES = {"inet": AF_INET, "inet6": AF_INET6}


def identity(service: Service) -> bytes:
    """Return what tells a service from others, as an attribute."""
    return pack_attribute(SERVICE, _identity(service))


def virtual_server(server: VirtualServer) -> bytes:
    """Return a virtual server with all its settings, as an attribute."""
    return pack_attribute(SERVICE, _identity(server.service) + virtual_server_settings(server))


def real_server(server: RealServer) -> bytes:
    """Return a real server with all its settings, as an attribute."""
    return real_servers([server])[0]


def real_servers(servers: Sequence[RealServer]) -> list[bytes]:
    """Return each of `servers` with all its settings, as an attribute."""
    return joined(servers, DEST_HEADS, sent_settings)


def real_server_identity(server: RealServer) -> bytes:
    """Return what tells a real server from the others of its service, as an attribute."""
    (family,), (rip,) = families_and_bytes([server])
    family_is = pack_attribute(ADDR_FAMILY, U16.pack(family))
    return pack_attribute(DEST, pack_attribute(DEST_ADDR, rip) + family_is + dest_port(server.port))


def joined(servers: Sequence[RealServer], around: Around, settings: Packing) -> list[bytes]:
    """Return `servers` with their `settings` as attributes: a column at a time, which is faster.

    `around` is what stands before an address, after it, and at the end, by its family.
    """
    if not servers:
        return []
    families, rips = families_and_bytes(servers)
    before, after, end = zip(*map(around.__getitem__, families), strict=True)
    return list(map(b"".join, zip(before, rips, after, settings(servers), end, strict=True)))


def families_and_bytes(servers: Iterable[RealServer]) -> tuple[list[int], list[bytes]]:
    """Return the kernel's numbers of the families of RIPs, and the RIPs as they go on the wire."""
    # From their texts, which are there: to ask an address takes five times as long.
    texts = list(map(str, map(_text_in, map(_key_of, servers))))
    if ":" in "".join(texts):
        families = [AF_INET6 if ":" in text else AF_INET for text in texts]
    else:
        families = [AF_INET] * len(texts)
    return families, list(map(socket.inet_pton, families, texts))


def address_bytes(text: str) -> tuple[int, bytes]:
    """Return the kernel's number of an address's family, and the address as it goes on the wire."""
    family = AF_INET6 if ":" in text else AF_INET
    return family, socket.inet_pton(family, text)


def _dest_head(family: int, size: int) -> tuple[bytes, bytes, bytes]:
    """Return what stands before the address of a real server, after it, and at the end."""
    family_is = pack_attribute(ADDR_FAMILY, U16.pack(family))
    address = pack_attribute(DEST_ADDR, bytes(size))
    any_server = RealServer(Service("fwmark"), IPv4Address(0), 0)
    settings = next(sent_settings([any_server]))
    length = len(address) + len(family_is) + len(settings)
    return pack_attribute(DEST, bytes(length))[:4] + address[:4], family_is, b""


DEST_HEADS: Around = {
    AF_INET: _dest_head(AF_INET, 4),
    AF_INET6: _dest_head(AF_INET6, 16),
}


# Of a real server with its settings, as an attribute, in bytes.
DEST_SIZES = {family: U16.unpack_from(before)[0] for family, (before, _, _) in DEST_HEADS.items()}


def _identity(service: Service) -> bytes:
    family = pack_attribute(AF, U16.pack(FAMILIES[service.family]))
    if service.vip is None:
        return family + pack_attribute(FWMARK, U32.pack(service.fwmark))
    return b"".join(
        (
            family,
            pack_attribute(PROTOCOL, U16.pack(PROTOCOLS[service.protocol])),
            pack_attribute(ADDR, service.vip.packed),
            pack_attribute(PORT, BE16.pack(service.port)),
        )
    )
