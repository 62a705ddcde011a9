"""What the IPVS table holds: equal real servers are known by their bytes, the rest is decoded."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address

from lvsdr.kernel.ipvs import messages
from lvsdr.kernel.ipvs.messages import BE16, U8, U16, U32
from lvsdr.kernel.netlink import GenericSocket
from lvsdr.kernel.netlink_messages import GENERIC, HEADER, attribute, attributes
from lvsdr.model.address import IPAddress
from lvsdr.model.objects import RealServer, Service, VirtualServer

Attributes = Mapping[int, memoryview]

# In a listed real server its settings come first, then the connections that it has, then its
# family, then statistics. Another kernel may list them otherwise: then nothing is known by its
# bytes, and all is decoded.
SETTINGS_SIZE, CONNECTIONS_SIZE, FAMILY_SIZE = 84, 24, 8
START = HEADER.size + GENERIC.size + 4
LEAST = START + SETTINGS_SIZE + CONNECTIONS_SIZE + FAMILY_SIZE


def virtual_servers(wire: GenericSocket) -> Iterator[VirtualServer]:
    """Yield the virtual servers of the namespace; raises OSError."""
    for chunk, length in wire.dump(messages.GET_SERVICE):
        for start in range(0, len(chunk), length):
            yield _virtual_server(_nested(chunk[start : start + length], messages.SERVICE))


def real_servers(
    wire: GenericSocket, service: Service, likely: Iterable[RealServer] = ()
) -> Iterator[RealServer]:
    """Yield the real servers of `service`, none where it is not there; raises OSError.

    One that is as one of `likely` is that very object: nothing of it is decoded.
    """
    known = {listed(server): server for server in likely}
    for chunk, length in wire.dump(messages.GET_DEST, messages.identity(service)):
        for place, packed in enumerate(_packed(chunk, length)):
            server = known.get(packed)
            if server is None:
                start = place * length
                found = _nested(chunk[start : start + length], messages.DEST)
                server = _real_server(service, found)
            yield server


def listed(server: RealServer) -> bytes:
    """Return the bytes by which a real server is known where the kernel lists it."""
    family, rip = messages.family_and_bytes(server)
    return LISTED_ADDRESS + rip.ljust(16, b"\0") + _after(family, messages.settings_of(server))


LISTED_ADDRESS = attribute(messages.DEST_ADDR, bytes(16))[:4]


@lru_cache(maxsize=1024)
def _after(family: int, settings: messages.Settings) -> bytes:
    """Return what is known of a listed real server after its address."""
    port, method, weight, upper, lower, tunnel = settings
    kind, tunnel_port, flags = tunnel
    parts = (
        attribute(messages.DEST_PORT, BE16.pack(port)),
        attribute(messages.FWD_METHOD, U32.pack(messages.METHODS[method])),
        attribute(messages.WEIGHT, U32.pack(weight)),
        attribute(messages.TUN_TYPE, U8.pack(kind)),
        attribute(messages.TUN_PORT, BE16.pack(tunnel_port)),
        attribute(messages.TUN_FLAGS, U16.pack(flags)),
        attribute(messages.U_THRESH, U32.pack(upper)),
        attribute(messages.L_THRESH, U32.pack(lower)),
        attribute(messages.ADDR_FAMILY, U16.pack(family)),
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


def _nested(message: memoryview, kind: int) -> Attributes:
    return attributes(attributes(message[HEADER.size + GENERIC.size :])[kind])


def _virtual_server(found: Attributes) -> VirtualServer:
    service = _service(found)
    flags = messages.FLAGS_AND_MASK.unpack(found[messages.FLAGS])[0] & ~messages.HASHED
    persistent = bool(flags & messages.PERSISTENT)
    return VirtualServer(
        service=service,
        scheduler=_text(found.get(messages.SCHED_NAME)),
        persistence=_number(U32, found[messages.TIMEOUT]) if persistent else None,
        persistence_prefix=_prefix(service, found[messages.NETMASK]),
        one_packet=bool(flags & messages.ONE_PACKET),
        flags=flags & messages.SCHEDULER_FLAGS,
        engine=_text(found.get(messages.PE_NAME)) or None,
    )


def _service(found: Attributes) -> Service:
    number = _number(U16, found[messages.AF])
    family = "inet6" if number == socket.AF_INET6 else "inet"
    if messages.FWMARK in found:
        return Service("fwmark", fwmark=_number(U32, found[messages.FWMARK]), family=family)
    protocol = _number(U16, found[messages.PROTOCOL])
    return Service(
        protocol=messages.PROTOCOL_NAMES.get(protocol, str(protocol)),
        vip=_address(number, found[messages.ADDR]),
        port=_number(BE16, found[messages.PORT]),
        family=family,
    )


def _prefix(service: Service, netmask: memoryview) -> int | None:
    if service.family == "inet6":
        length = _number(U32, netmask)
        return None if length == 128 else length
    length = int.from_bytes(netmask, "big").bit_count()
    return None if length == 32 else length


def _real_server(service: Service, found: Attributes) -> RealServer:
    # Kernels before 3.18 know no real server of another family than its service's.
    family = found.get(messages.ADDR_FAMILY)
    number = messages.FAMILIES[service.family] if family is None else _number(U16, family)
    method = _number(U32, found[messages.FWD_METHOD]) & 0x7
    return RealServer(
        service=service,
        rip=_address(number, found[messages.DEST_ADDR]),
        port=_number(BE16, found[messages.DEST_PORT]),
        weight=_number(U32, found[messages.WEIGHT]),
        forwarding_method=messages.METHOD_NAMES.get(method, str(method)),
        upper_threshold=_number(U32, found.get(messages.U_THRESH)),
        lower_threshold=_number(U32, found.get(messages.L_THRESH)),
        tunnel=(
            _number(U8, found.get(messages.TUN_TYPE)),
            _number(BE16, found.get(messages.TUN_PORT)),
            _number(U16, found.get(messages.TUN_FLAGS)),
        ),
    )


def _address(family: int, packed: memoryview) -> IPAddress:
    # The kernel gives every address the room of the longest.
    return ip_address(bytes(packed[:4] if family == socket.AF_INET else packed))


def _number(form: struct.Struct, packed: memoryview | None) -> int:
    return 0 if packed is None else int(form.unpack(packed)[0])


def _text(packed: memoryview | None) -> str:
    return "" if packed is None else bytes(packed).partition(b"\0")[0].decode(errors="replace")
