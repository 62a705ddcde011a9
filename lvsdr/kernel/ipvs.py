"""The IPVS table, through pyroute2.ipvs, whose traps are met here and nowhere else."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from pyroute2.ipvs import IPVSDest, IPVSService

from lvsdr.kernel.errno import Reasons, explained, reading
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, RealServer, Service, VirtualServer

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}
PROTOCOL_NAMES = {int(number): name for name, number in PROTOCOLS.items()}
METHODS = {"masquerade": 0, "local": 1, "tunnel": 2, "dr": 3}
METHOD_NAMES = {number: name for name, number in METHODS.items()}

PERSISTENT, HASHED, ONE_PACKET = 0x1, 0x2, 0x4
SCHEDULER_FLAGS = 0x38
ALL_FLAGS = 0xFFFFFFFF

# What people call a scheduler, and what the kernel does.
NICKNAMES = {"maglev": "mh", "roundrobin": "rr", "leastconn": "lc", "source": "sh"}


class VirtualServers:
    """The virtual servers of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each virtual server that is there."""
        wanted = set(keys)
        with reading("the virtual servers"):
            found = [_virtual_server(message) for message in self._sockets.ipvs.service("dump")]
        yield from (server for server in found if server.key in wanted)

    def execute(self, change: Change) -> None:
        """Add, change or delete one virtual server."""
        subject = change.subject
        assert isinstance(subject, VirtualServer), "the table is for virtual servers"
        reasons = _scheduler_reasons(subject) if change.after else None
        with explained(f"{change.verb} virtual server {subject}", reasons):
            command, described = (
                ("del", _identity(subject.service))
                if change.after is None
                else ("add" if change.before is None else "set", _described(subject))
            )
            self._sockets.ipvs.service(command, service=described)


class RealServers:
    """The real servers of the namespace's virtual servers."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each real server that is there."""
        wanted = set(keys)
        services = {("virtual_server", *key[1:4]) for key in wanted}
        yield from (found for found in self.of_services(services) if found.key in wanted)

    def of_services(self, keys: Iterable[Key]) -> Iterator[RealServer]:
        """Yield every real server of the virtual servers `keys`."""
        wanted = set(keys)
        with reading("the real servers"):
            for message in self._sockets.ipvs.service("dump"):
                service = _service(message.get_attr("IPVS_CMD_ATTR_SERVICE"))
                if ("virtual_server", *service.key) in wanted:
                    yield from self._of(service)

    def execute(self, change: Change) -> None:
        """Add, change or delete one real server."""
        subject = change.subject
        assert isinstance(subject, RealServer), "the table is for real servers"
        with explained(f"{change.verb} real server {subject}", NO_SUCH_SERVER):
            command = {"+": "add", "-": "del", "~": "set"}[change.sign]
            service, dest = _identity(subject.service), _destination(subject)
            self._sockets.ipvs.dest(command, service=service, dest=dest)

    def _of(self, service: Service) -> Iterator[RealServer]:
        for message in self._sockets.ipvs.dest("dump", service=_identity(service)):
            yield _real_server(service, message.get_attr("IPVS_CMD_ATTR_DEST"))


NO_SUCH_SERVER: Reasons = {
    errno.ESRCH: ("no such virtual server", ()),
    errno.ENOENT: ("no such real server", ()),
    errno.EEXIST: ("it is there already", ()),
    # So says a namespace in which no link is up, not even lo.
    errno.EINVAL: ("invalid argument", ("ip link set lo up",)),
}


def _scheduler_reasons(server: VirtualServer) -> Reasons:
    known = NICKNAMES.get(server.scheduler, server.scheduler)
    if known != server.scheduler:
        hint = f"the scheduler is called {known}; its module is ip_vs_{known}"
        return {errno.ENOENT: ("no such scheduler", (hint,))}
    modules = [f"ip_vs_{known}", *([f"ip_vs_pe_{server.engine}"] if server.engine else [])]
    hints = [f"its module is {module}: modprobe {module}" for module in modules]
    at_boot = f"at each boot: echo {modules[-1]} >> /etc/modules-load.d/lvsdr.conf"
    # One errno for both.
    reason = "no such scheduler" + (" or persistence engine" if server.engine else "")
    return {errno.ENOENT: (reason, (*hints, at_boot))}


def _identity(service: Service) -> Any:
    """Return what tells a service from others, as the kernel wants it."""
    family = socket.AF_INET6 if service.family == "inet6" else socket.AF_INET
    if service.vip is None:
        return IPVSService(af=family, fwmark=service.fwmark)
    return IPVSService(
        af=family,
        protocol=int(PROTOCOLS[service.protocol]),
        addr=str(service.vip),
        port=service.port,
    )


def _described(server: VirtualServer) -> Any:
    """Return a service with all its settings; the class's defaults would clear or invent some."""
    described = _identity(server.service)
    flags = server.flags & SCHEDULER_FLAGS
    flags |= PERSISTENT if server.persistence is not None else 0
    flags |= ONE_PACKET if server.one_packet else 0
    described["sched_name"] = server.scheduler
    described["flags"] = {"flags": flags, "mask": ALL_FLAGS}
    described["timeout"] = server.persistence or 0
    described["netmask"] = _netmask(server)
    if server.engine:
        described["pe_name"] = server.engine
    return described


def _netmask(server: VirtualServer) -> str:
    """Return the persistence mask in the shape of pyroute2's attribute type, four bytes dotted."""
    if server.service.family == "inet6":
        # For IPv6 the kernel wants the prefix length as a number in host byte order.
        return socket.inet_ntoa(struct.pack("=I", server.persistence_prefix or 128))
    prefix = 32 if server.persistence_prefix is None else server.persistence_prefix
    return socket.inet_ntoa(struct.pack("!I", (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF))


def _destination(server: RealServer) -> Any:
    kind, port, flags = server.tunnel
    return IPVSDest(
        addr=str(server.rip),
        port=server.port,
        fwd_method=METHODS[server.forwarding_method],
        weight=server.weight,
        u_thresh=server.upper_threshold,
        l_thresh=server.lower_threshold,
        tun_type=kind,
        # The kernel wants network byte order here, and pyroute2 does not swap.
        tun_port=socket.htons(port),
        tun_flags=flags,
    )


def _virtual_server(message: Any) -> VirtualServer:
    # The attributes themselves: pyroute2's from_message() returns its class's defaults for some.
    attributes = message.get_attr("IPVS_CMD_ATTR_SERVICE")
    flags = attributes.get_attr("IPVS_SVC_ATTR_FLAGS")["flags"] & ~HASHED
    service = _service(attributes)
    persistent = bool(flags & PERSISTENT)
    return VirtualServer(
        service=service,
        scheduler=attributes.get_attr("IPVS_SVC_ATTR_SCHED_NAME") or "",
        persistence=attributes.get_attr("IPVS_SVC_ATTR_TIMEOUT") if persistent else None,
        persistence_prefix=_prefix(service, attributes.get_attr("IPVS_SVC_ATTR_NETMASK")),
        one_packet=bool(flags & ONE_PACKET),
        flags=flags & SCHEDULER_FLAGS,
        engine=attributes.get_attr("IPVS_SVC_ATTR_PE_NAME") or None,
    )


def _prefix(service: Service, netmask: str) -> int | None:
    packed = socket.inet_aton(netmask)
    if service.family == "inet6":
        length = struct.unpack("=I", packed)[0]
        return None if length == 128 else int(length)
    length = struct.unpack("!I", packed)[0].bit_count()
    return None if length == 32 else int(length)


def _service(attributes: Any) -> Service:
    inet6 = attributes.get_attr("IPVS_SVC_ATTR_AF") == socket.AF_INET6
    family = "inet6" if inet6 else "inet"
    fwmark = attributes.get_attr("IPVS_SVC_ATTR_FWMARK")
    if fwmark:
        return Service("fwmark", fwmark=fwmark, family=family)
    number = attributes.get_attr("IPVS_SVC_ATTR_PROTOCOL")
    return Service(
        protocol=PROTOCOL_NAMES.get(number, str(number)),
        vip=ip_address(attributes.get_attr("IPVS_SVC_ATTR_ADDR")),
        port=attributes.get_attr("IPVS_SVC_ATTR_PORT"),
        family=family,
    )


def _real_server(service: Service, attributes: Any) -> RealServer:
    method = attributes.get_attr("IPVS_DEST_ATTR_FWD_METHOD") & 0x7
    return RealServer(
        service=service,
        rip=ip_address(attributes.get_attr("IPVS_DEST_ATTR_ADDR")),
        port=attributes.get_attr("IPVS_DEST_ATTR_PORT"),
        weight=attributes.get_attr("IPVS_DEST_ATTR_WEIGHT"),
        forwarding_method=METHOD_NAMES.get(method, str(method)),
        upper_threshold=attributes.get_attr("IPVS_DEST_ATTR_U_THRESH") or 0,
        lower_threshold=attributes.get_attr("IPVS_DEST_ATTR_L_THRESH") or 0,
        tunnel=(
            attributes.get_attr("IPVS_DEST_ATTR_TUN_TYPE") or 0,
            socket.ntohs(attributes.get_attr("IPVS_DEST_ATTR_TUN_PORT") or 0),
            attributes.get_attr("IPVS_DEST_ATTR_TUN_FLAGS") or 0,
        ),
    )
