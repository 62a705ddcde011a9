"""The counters of the IPVS table; the kernel sums them up every two seconds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.netlink import ipvs_dump, ipvs_messages, listed_services
from lvsdr.kernel.netlink.netlink_messages import (
    NOTHING,
    Attributes,
    as_number,
    decode_message,
    each_message,
    unpack_attributes,
)
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.model.address import IPAddress
from lvsdr.model.counters import Counters, Traffic
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Key
from lvsdr.model.plain_data import service_of_key

# linux/ip_vs.h. The second has 32 bits where the first has 64, and is all that kernels before 4.1
# have; the numbers are the same for virtual and for real servers.
STATS64, STATS = 12, 10
# Active, inactive, persistent.
CONNECTIONS = range(7, 10)
# Connections, packets in and out, bytes in and out.
TOTALS = range(1, 6)
# The kernel's own estimate, an average of the last eight seconds or so.
RATES = range(6, 11)


def counters(
    sockets: Sockets, services: Collection[Key], rips: Collection[str] = ()
) -> dict[Key, Counters]:
    """Return the counters of the virtual servers `services`, and of all their real servers.

    The connections of a virtual server are those of its real servers. With `rips`, of the real
    servers at these addresses alone.
    """
    found: dict[Key, Counters] = {}
    if not services:
        return found
    with reading("the counters"):
        wire, addresses = sockets.ipvs, ipvs_dump.listed_addresses(rips)
        if addresses:
            # What the virtual servers have counted is not asked.
            for key in services:
                found |= _real_servers(wire, service_of_key(key[1:]), addresses)
            return found
        listed = each_message(wire.dump(ipvs_messages.GET_SERVICE))
        for service, traffic in [decode_message(each, _virtual_server) for each in listed]:
            key = (VirtualServer.kind, *service.key)
            if key in services:
                real_servers = dict(_real_servers(wire, service, addresses))
                found[key] = _summed(real_servers.values(), traffic)
                found |= real_servers
    return found


def _real_servers(
    wire: GenericSocket, service: Service, addresses: frozenset[bytes]
) -> Iterator[tuple[Key, Counters]]:
    listing = wire.dump(ipvs_messages.GET_DEST, ipvs_messages.identity(service))
    for message in ipvs_dump.messages_at(listing, addresses):
        rip, port, counted = decode_message(message, partial(_real_server, service))
        yield (RealServer.kind, *service.key, str(rip), port), counted


def _summed(real_servers: Collection[Counters], traffic: tuple[Traffic, Traffic]) -> Counters:
    return Counters(
        sum(each.active for each in real_servers),
        sum(each.inactive for each in real_servers),
        sum(each.persistent for each in real_servers),
        *traffic,
    )


def _virtual_server(message: memoryview) -> tuple[Service, tuple[Traffic, Traffic]]:
    service, found = listed_services.of_service(message)
    return service, _traffic(found)


def _real_server(service: Service, message: memoryview) -> tuple[IPAddress, int, Counters]:
    rip, port, found = ipvs_dump.of_real_server(message, service)
    active, inactive, persistent = (as_number(found.get(kind, NOTHING)) for kind in CONNECTIONS)
    return rip, port, Counters(active, inactive, persistent, *_traffic(found))


def _traffic(found: Attributes) -> tuple[Traffic, Traffic]:
    stats = unpack_attributes(found[STATS64] if STATS64 in found else found[STATS])
    numbers = {kind: as_number(value) for kind, value in stats.items()}
    totals, rates = (
        Traffic(*(numbers.get(kind, 0) for kind in kinds)) for kinds in (TOTALS, RATES)
    )
    return totals, rates
