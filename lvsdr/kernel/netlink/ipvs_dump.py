"""What the IPVS table holds: equal real servers are known by their bytes, the rest is decoded."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from ipaddress import ip_address

from lvsdr.kernel.netlink import ipvs_messages
from lvsdr.kernel.netlink.ipvs_messages import BE16
from lvsdr.kernel.netlink.netlink_messages import (
    GENERIC,
    HEADER,
    NOTHING,
    U8,
    U16,
    U32,
    Attributes,
    as_number,
    as_text,
    attribute,
    attributes,
    decoded,
    opened,
    singly,
)
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service, VirtualServer

# In a listed real server its settings come first, then the connections that it has, then its
# family, then statistics. Another kernel may list them otherwise: then nothing is known by its
# bytes, and all is decoded.
SETTINGS_SIZE, CONNECTIONS_SIZE, FAMILY_SIZE = 84, 24, 8
START = HEADER.size + GENERIC.size + 4
LEAST = START + SETTINGS_SIZE + CONNECTIONS_SIZE + FAMILY_SIZE


def virtual_servers(wire: GenericSocket) -> Iterator[VirtualServer]:
    """Yield the virtual servers of the namespace; raises OSError."""
    for message in singly(wire.dump(ipvs_messages.GET_SERVICE)):
        yield decoded(message, _virtual_server)


def real_servers(
    wire: GenericSocket, service: Service, likely: Iterable[RealServer] = ()
) -> Iterator[RealServer]:
    """Yield the real servers of `service`, none where it is not there; raises OSError.

    One that is as one of `likely` is that very object: nothing of it is decoded.
    """
    known = {listed(server): server for server in likely}
    for chunk, length in wire.dump(ipvs_messages.GET_DEST, ipvs_messages.identity(service)):
        for place, packed in enumerate(_packed(chunk, length)):
            server = known.get(packed)
            if server is None:
                start = place * length
                message = chunk[start : start + length]
                server = decoded(message, partial(_real_server, service))
            yield server


def listed(server: RealServer) -> bytes:
    """Return the bytes by which a real server is known where the kernel lists it."""
    family, rip = ipvs_messages.family_and_bytes(server)
    return LISTED_ADDRESS + rip.ljust(16, b"\0") + _after(family, ipvs_messages.settings_of(server))


LISTED_ADDRESS = attribute(ipvs_messages.DEST_ADDR, bytes(16))[:4]


@lru_cache(maxsize=1024)
def _after(family: int, settings: ipvs_messages.Settings) -> bytes:
    """Return what is known of a listed real server after its address."""
    port, method, weight, upper, lower, tunnel = settings
    kind, tunnel_port, flags = tunnel
    parts = (
        attribute(ipvs_messages.DEST_PORT, BE16.pack(port)),
        attribute(ipvs_messages.FWD_METHOD, U32.pack(ipvs_messages.METHODS[method])),
        attribute(ipvs_messages.WEIGHT, U32.pack(weight)),
        attribute(ipvs_messages.TUN_TYPE, U8.pack(kind)),
        attribute(ipvs_messages.TUN_PORT, BE16.pack(tunnel_port)),
        attribute(ipvs_messages.TUN_FLAGS, U16.pack(flags)),
        attribute(ipvs_messages.U_THRESH, U32.pack(upper)),
        attribute(ipvs_messages.L_THRESH, U32.pack(lower)),
        attribute(ipvs_messages.ADDR_FAMILY, U16.pack(family)),
    )
    return b"".join(parts)


def _packed(chunk: memoryview, length: int) -> Iterator[bytes]:
    """Yield for each message of a chunk the bytes by which its real server may be known."""
    if length < LEAST:
        return iter([b""] * (len(chunk) // length))
    layout = struct.Struct(
        f"={START}x{SETTINGS_SIZE}s{CONNECTIONS_SIZE}x{FAMILY_SIZE}s{length - LEAST}x"
    )
    return (settings + family for settings, family in layout.iter_unpack(chunk))


def of_service(message: memoryview) -> tuple[Service, Attributes]:
    """Return which virtual server a message lists, and its attributes."""
    found = attributes(opened(message, GENERIC)[1][ipvs_messages.SERVICE])
    number = as_number(found[ipvs_messages.AF])
    family = "inet6" if number == socket.AF_INET6 else "inet"
    if ipvs_messages.FWMARK in found:
        return Service(
            "fwmark", fwmark=as_number(found[ipvs_messages.FWMARK]), family=family
        ), found
    protocol = as_number(found[ipvs_messages.PROTOCOL])
    service = Service(
        protocol=ipvs_messages.PROTOCOL_NAMES.get(protocol, str(protocol)),
        vip=_address(number, found[ipvs_messages.ADDR]),
        port=_port(found[ipvs_messages.PORT]),
        family=family,
    )
    return service, found


def of_real_server(message: memoryview, service: Service) -> tuple[IPAddress, int, Attributes]:
    """Return the address and port of a listed real server of `service`, and its attributes."""
    found = attributes(opened(message, GENERIC)[1][ipvs_messages.DEST])
    # Kernels before 3.18 know no real server of another family than its service's.
    family: int = ipvs_messages.FAMILIES[service.family]
    if ipvs_messages.ADDR_FAMILY in found:
        family = as_number(found[ipvs_messages.ADDR_FAMILY])
    return (
        _address(family, found[ipvs_messages.DEST_ADDR]),
        _port(found[ipvs_messages.DEST_PORT]),
        found,
    )


def _virtual_server(message: memoryview) -> VirtualServer:
    service, found = of_service(message)
    flags = (
        ipvs_messages.FLAGS_AND_MASK.unpack(found[ipvs_messages.FLAGS])[0] & ~ipvs_messages.HASHED
    )
    persistent = bool(flags & ipvs_messages.PERSISTENT)
    return VirtualServer(
        service=service,
        scheduler=as_text(found.get(ipvs_messages.SCHED_NAME, NOTHING)),
        persistence=as_number(found[ipvs_messages.TIMEOUT]) if persistent else None,
        persistence_prefix=_prefix(service, found[ipvs_messages.NETMASK]),
        one_packet=bool(flags & ipvs_messages.ONE_PACKET),
        flags=flags & ipvs_messages.SCHEDULER_FLAGS,
        engine=as_text(found.get(ipvs_messages.PE_NAME, NOTHING)) or None,
    )


def _prefix(service: Service, netmask: memoryview) -> int | None:
    if service.family == "inet6":
        length = as_number(netmask)
        return None if length == 128 else length
    length = int.from_bytes(netmask, "big").bit_count()
    return None if length == 32 else length


def _real_server(service: Service, message: memoryview) -> RealServer:
    rip, port, found = of_real_server(message, service)
    method = as_number(found[ipvs_messages.FWD_METHOD]) & 0x7
    return RealServer(
        service=service,
        rip=rip,
        port=port,
        weight=as_number(found[ipvs_messages.WEIGHT]),
        forwarding_method=ipvs_messages.METHOD_NAMES.get(method, str(method)),
        upper_threshold=as_number(found.get(ipvs_messages.U_THRESH, NOTHING)),
        lower_threshold=as_number(found.get(ipvs_messages.L_THRESH, NOTHING)),
        tunnel=(
            as_number(found.get(ipvs_messages.TUN_TYPE, NOTHING)),
            _port(found.get(ipvs_messages.TUN_PORT, NOTHING)),
            as_number(found.get(ipvs_messages.TUN_FLAGS, NOTHING)),
        ),
    )


def _address(family: int, packed: memoryview) -> IPAddress:
    # The kernel gives every address the room of the longest.
    return ip_address(bytes(packed[:4] if family == socket.AF_INET else packed))


def _port(packed: memoryview) -> int:
    return int.from_bytes(packed, "big")
