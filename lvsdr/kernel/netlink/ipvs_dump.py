"""What the IPVS table holds: equal real servers are known by their bytes, the rest is decoded."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from ipaddress import ip_address

from lvsdr.kernel.netlink import ipvs_attributes as carried
from lvsdr.kernel.netlink import ipvs_messages, ipvs_packing
from lvsdr.kernel.netlink.netlink_messages import (
    AF_INET,
    AF_INET6,
    GENERIC,
    HEADER,
    U16,
    U32,
    Attributes,
    as_number,
    decode_message,
    each_message,
    pack_attribute,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service

# In a listed real server its settings come first, then the connections that it has, then its
# family, then statistics. Another kernel may list them otherwise: then nothing is known by its
# bytes, and all is decoded.
LISTED_ADDRESS = pack_attribute(carried.DEST_ADDR, bytes(16))
ANY_SERVER = RealServer(Service("fwmark"), ip_address(0), 0)
PORT_SIZE = len(ipvs_packing.dest_port(0))
SETTINGS_SIZE = len(LISTED_ADDRESS) + len(next(ipvs_packing.listed_settings([ANY_SERVER])))
CONNECTIONS_SIZE = 3 * len(pack_attribute(0, U32.pack(0)))
FAMILY_SIZE = len(pack_attribute(carried.ADDR_FAMILY, U16.pack(0)))
START = HEADER.size + GENERIC.size + 4
# How many addresses are known by their bytes once they were listed.
KNOWN = 4096
# As many are looked for in a list by their address alone, before anything else of it is looked at.
FEW = 4
LEAST = START + SETTINGS_SIZE + CONNECTIONS_SIZE + FAMILY_SIZE


def real_servers(
    wire: GenericSocket,
    service: Service,
    likely: Iterable[RealServer] = (),
    rips: Collection[str] = (),
) -> Iterator[RealServer]:
    """Yield the real servers of `service`, none where it is not there; raises OSError.

    One that is as one of `likely` is that very object: nothing of it is decoded. Nor is one that is
    none of `rips`, where there are any: it may be left out.
    """
    expected = list(likely)
    known = dict(zip(all_listed_bytes(expected), expected, strict=True))
    wanted: frozenset[bytes] = frozenset()
    listing = wire.dump(ipvs_messages.GET_DEST, ipvs_messages.identity(service))
    if 0 < len(rips) <= FEW and len(expected) <= FEW:
        addresses = listed_addresses({*rips, *(str(each.key[-2]) for each in expected)})
        listing = ((message, len(message)) for message in messages_at(listing, addresses))
    for chunk, length in listing:
        for place, packed in enumerate(packed_servers(chunk, length)):
            server = known.get(packed)
            if server is None:
                wanted = wanted or listed_addresses(rips)
                if wanted and is_another(packed, wanted):
                    continue
                start = place * length
                message = chunk[start : start + length]
                server = decode_message(message, partial(_real_server, service))
            yield server


def messages_at(
    listing: Iterable[tuple[memoryview, int]], addresses: frozenset[bytes]
) -> Iterator[memoryview]:
    """Yield the messages of real servers at `addresses`, and those that may be of some.

    Of the others none is looked at by itself. Without `addresses`, all are yielded.
    """
    for chunk, length in listing:
        if not addresses or length < LEAST:
            yield from each_message([(chunk, length)])
            continue
        first = _first_attributes(length).iter_unpack(chunk)
        for place, (address,) in enumerate(first):
            if address in addresses or not address.startswith(LISTED_ADDRESS[:4]):
                yield chunk[place * length : (place + 1) * length]


@lru_cache(maxsize=64)
def _first_attributes(length: int) -> struct.Struct:
    """Return what unpacks of messages of one length that in which the address is."""
    size = len(LISTED_ADDRESS)
    return struct.Struct(f"={START}x{size}s{length - START - size}x")


def listed_addresses(rips: Iterable[str]) -> frozenset[bytes]:
    """Return the attributes with which the kernel lists real servers at `rips`."""
    packed = (ipvs_messages.address_bytes(rip)[1] for rip in rips)
    return frozenset(LISTED_ADDRESS[:4] + each.ljust(16, b"\0") for each in packed)


def is_another(listed: bytes | memoryview, addresses: frozenset[bytes]) -> bool:
    """Return whether what is listed begins with an address, and with none of `addresses`."""
    address = bytes(listed[: len(LISTED_ADDRESS)])
    return address.startswith(LISTED_ADDRESS[:4]) and address not in addresses


def listed_bytes(server: RealServer) -> bytes:
    """Return the bytes by which a real server is known where the kernel lists it."""
    return all_listed_bytes([server])[0]


def all_listed_bytes(servers: Sequence[RealServer]) -> list[bytes]:
    """Return the bytes by which each of `servers` is known where the kernel lists it."""
    return ipvs_messages.joined(servers, LISTED, ipvs_packing.listed_settings)


def _listed(family: int, size: int) -> tuple[bytes, bytes, bytes]:
    """Return what stands before an address of `size` bytes, after it, and after the settings."""
    family_is = pack_attribute(carried.ADDR_FAMILY, U16.pack(family))
    return LISTED_ADDRESS[:4], bytes(16 - size), family_is


LISTED = {
    AF_INET: _listed(AF_INET, 4),
    AF_INET6: _listed(AF_INET6, 16),
}


def packed_servers(chunk: memoryview, length: int) -> Iterator[bytes]:
    """Yield for each message of a chunk the bytes by which its real server may be known."""
    if length < LEAST:
        return iter([b""] * (len(chunk) // length))
    return map(b"".join, _known_by(length).iter_unpack(chunk))


@lru_cache(maxsize=64)
def _known_by(length: int) -> struct.Struct:
    """Return what unpacks of messages of one length that by which they may be known."""
    return struct.Struct(
        f"={START}x{SETTINGS_SIZE}s{CONNECTIONS_SIZE}x{FAMILY_SIZE}s{length - LEAST}x"
    )


def of_real_server(message: memoryview, service: Service) -> tuple[IPAddress, int, Attributes]:
    """Return the address and port of a listed real server of `service`, and its attributes."""
    found = unpack_attributes(unpack_message(message, GENERIC)[1][carried.DEST])
    # Kernels before 3.18 know no real server of another family than its service's.
    family: int = ipvs_messages.FAMILIES[service.family]
    if carried.ADDR_FAMILY in found:
        family = as_number(found[carried.ADDR_FAMILY])
    return address_in(family, found[carried.DEST_ADDR]), port_in(found[carried.DEST_PORT]), found


def _real_server(service: Service, message: memoryview) -> RealServer:
    rip, port, found = of_real_server(message, service)
    return RealServer(service, rip, port, *carried.real_server_settings(found))


def address_in(family: int, packed: memoryview) -> IPAddress:
    """Return the address in an attribute; raise ValueError."""
    # The kernel gives every address the room of the longest.
    return _address(bytes(packed[:4] if family == AF_INET else packed))


# Many services have the same VIPs and RIPs.
_address = lru_cache(maxsize=KNOWN)(ip_address)


def port_in(packed: memoryview) -> int:
    """Return the port in an attribute."""
    return int.from_bytes(packed, "big")
