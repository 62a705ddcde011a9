"""The counters of the IPVS table; the kernel sums them up every two seconds."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from typing import Any

from pyroute2.ipvs import IPVSService

from lvsdr.kernel.errno import reading
from lvsdr.kernel.ipvs.messages import PROTOCOL_NAMES
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.counters import Counters, Traffic
from lvsdr.model.objects import Key

TOTALS = ("CONNS", "INPKTS", "OUTPKTS", "INBYTES", "OUTBYTES")
# The kernel's own estimate, an average of the last eight seconds or so.
RATES = ("CPS", "INPPS", "OUTPPS", "INBPS", "OUTBPS")


def counters(sockets: Sockets, services: Collection[Key]) -> dict[Key, Counters]:
    """Return the counters of the virtual servers `services`, and of all their real servers.

    The connections of a virtual server are those of its real servers.
    """
    found: dict[Key, Counters] = {}
    if not services:
        return found
    with reading("the counters"):
        for message in sockets.counters.service("dump"):
            attributes = message.get_attr("IPVS_CMD_ATTR_SERVICE")
            key = _key(attributes)
            if ("virtual_server", *key) in services:
                real_servers = dict(_real_servers(sockets, attributes, key))
                found[("virtual_server", *key)] = _summed(attributes, real_servers.values())
                found |= real_servers
    return found


def _real_servers(sockets: Sockets, service: Any, key: Key) -> Iterator[tuple[Key, Counters]]:
    for message in sockets.counters.dest("dump", service=_identity(service)):
        attributes = message.get_attr("IPVS_CMD_ATTR_DEST")
        rip, port = (attributes.get_attr(f"IPVS_DEST_ATTR_{name}") for name in ("ADDR", "PORT"))
        active, inactive, persistent = (
            attributes.get_attr(f"IPVS_DEST_ATTR_{name}_CONNS") or 0
            for name in ("ACTIVE", "INACT", "PERSIST")
        )
        traffic = _traffic(attributes.get_attr("IPVS_DEST_ATTR_STATS64"))
        yield ("real_server", *key, rip, port), Counters(active, inactive, persistent, *traffic)


def _summed(service: Any, real_servers: Collection[Counters]) -> Counters:
    return Counters(
        sum(each.active for each in real_servers),
        sum(each.inactive for each in real_servers),
        sum(each.persistent for each in real_servers),
        *_traffic(service.get_attr("IPVS_SVC_ATTR_STATS64")),
    )


def _traffic(stats: Any) -> Iterator[Traffic]:
    for names in (TOTALS, RATES):
        yield Traffic(*(stats.get_attr(f"IPVS_STATS_ATTR_{name}") or 0 for name in names))


def _key(service: Any) -> Key:
    """Return what tells a service from others, as in the key of its virtual server."""
    fwmark = service.get_attr("IPVS_SVC_ATTR_FWMARK")
    if fwmark:
        inet6 = service.get_attr("IPVS_SVC_ATTR_AF") == socket.AF_INET6
        return ("fwmark", fwmark, "inet6" if inet6 else "inet")
    number = service.get_attr("IPVS_SVC_ATTR_PROTOCOL")
    protocol = PROTOCOL_NAMES.get(number, str(number))
    address, port = (service.get_attr(f"IPVS_SVC_ATTR_{name}") for name in ("ADDR", "PORT"))
    return (protocol, address, port)


def _identity(service: Any) -> Any:
    names = ("AF", "FWMARK") if service.get_attr("IPVS_SVC_ATTR_FWMARK") else IDENTITY
    return IPVSService(**{n.lower(): service.get_attr(f"IPVS_SVC_ATTR_{n}") for n in names})


IDENTITY = ("AF", "PROTOCOL", "ADDR", "PORT")
