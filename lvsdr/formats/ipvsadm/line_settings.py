"""What a line for ipvsadm -R says, put together option by option."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from lvsdr.formats.ipvsadm import option_values as values
from lvsdr.formats.ipvsadm.option_values import LookUp
from lvsdr.formats.ipvsadm.option_words import COMMAND_NAMES, Ends
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service, interned
from lvsdr.model.ipvs_tunnel import TUNNEL_TYPES, Tunnel
from lvsdr.model.late_dataclasses import dataclass, field

SERVICE, SERVER, FORWARD = "service-address", "real-server", "forwarding-method"
TUNNEL = frozenset({"tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum"})
PROTOCOLS = {"tcp-service": "tcp", "udp-service": "udp", "sctp-service": "sctp"}
METHODS = {"masquerading": "masquerade", "ipip": "tunnel", "gatewaying": "dr"}
CHECKSUMS = {"tun-nocsum": 0, "tun-csum": 1, "tun-remcsum": 2}
# Options of which a line has one, whichever.
ONE_OF = dict.fromkeys((*PROTOCOLS, "fwmark-service"), SERVICE) | dict.fromkeys(METHODS, FORWARD)
LONGEST_SCHEDULER = 15


@dataclass(slots=True)
class Line:
    """What a line says; of what it leaves out, what ipvsadm takes in its place.

    `mask` is an address for IPv4, a prefix length for IPv6, None for one client. `sync` are the
    settings of a sync daemon as a profile calls them.
    """

    command: str
    state: str = ""
    protocol: str = ""
    vip: IPAddress | None = None
    port: int = 0
    mark: int = 0
    family: str = "inet"
    scheduler: str = ""
    persistence: int | None = None
    mask: IPv4Address | int | None = None
    one_packet: bool = False
    flags: int = 0
    engine: str | None = None
    rip: IPAddress | None = None
    rport: int = 0
    method: str = "dr"
    weight: int = 1
    upper: int = 0
    lower: int = 0
    tunnel_type: str = "ipip"
    tunnel_port: int = 0
    checksum: int = 0
    sync: dict[str, Any] = field(default_factory=dict)
    timeouts: tuple[int, ...] = ()

    @property
    def tunnel(self) -> Tunnel:
        return TUNNEL_TYPES.index(self.tunnel_type), self.tunnel_port, self.checksum

    @property
    def service(self) -> Service:
        """Return which virtual server it is about."""
        if self.mark:
            return interned(Service("fwmark", fwmark=self.mark, family=self.family))
        return interned(Service(self.protocol, self.vip, self.port, family=self.family))


def settle(line: Line, name: str, text: str | None, said: set[str], look_up: LookUp) -> None:
    """Enter one option and its value into a line; `said` are those before it. Raises Ends."""
    group = ONE_OF.get(name, name)
    if name in COMMAND_NAMES:
        raise Ends(f"a line has one command, and --{name} is another")
    if group in said and group not in ("ipv6", *TUNNEL):
        raise Ends(f"a line has one {group}")
    said.add(group)
    if name in SIMPLE:
        attribute, parse = SIMPLE[name]
        setattr(line, attribute, parse(text))
    elif name in SYNC:
        line.sync[SYNC[name][0]] = SYNC[name][1](text)
    elif name in METHODS:
        line.method = METHODS[name]
    elif name in CHECKSUMS:
        line.checksum = CHECKSUMS[name]
    elif name in PROTOCOLS:
        _service(line, PROTOCOLS[name], text, look_up)
    elif name == "fwmark-service":
        line.protocol, line.family, line.mark = "tcp", "inet", values.fwmark(text)
    elif name == "ipv6":
        _of_ipv6(line)
    elif name == "netmask":
        inet6 = line.family == "inet6"
        line.mask = values.prefix6(text) if inet6 else values.netmask(text, look_up)
    elif name == "real-server":
        line.rip, port = values.place(text, line.protocol or "tcp", look_up, "a real server")
        line.rport = line.port if port is None else port
    elif name == "sched-flags":
        line.flags = values.scheduler_flags(text, line.scheduler)


def _service(line: Line, protocol: str, text: str | None, look_up: LookUp) -> None:
    line.protocol = protocol
    line.vip, port = values.place(text, protocol, look_up, "a virtual server")
    line.port = port or 0
    if isinstance(line.vip, IPv6Address):
        line.family, line.mask = "inet6", None


def _of_ipv6(line: Line) -> None:
    if not line.mark:
        raise Ends("-6 stands behind -f MARK")
    line.family, line.mask = "inet6", None


def _tunnel_type(text: str | None) -> str:
    if text not in TUNNEL_TYPES:
        raise Ends(f"a tunnel is of type {', '.join(TUNNEL_TYPES)}, not {text}")
    return str(text)


def _numbered(least: int, most: int, what: str) -> Callable[[str | None], int]:
    return lambda text: values.number(text, least, most, what)


def _group(text: str | None) -> str:
    address = values.ipv6_of(text or "") or values.ipv4_of(text or "")
    if address is None or not address.is_multicast:
        raise Ends(f"a group is a multicast address, not {text}")
    return str(address)


_THRESHOLD = _numbered(0, values.LARGEST, "a threshold")
# Which field of a line an option sets, and how its value is read.
SIMPLE: Mapping[str, tuple[str, Callable[[str | None], object]]] = {
    "scheduler": ("scheduler", lambda text: (text or "")[:LONGEST_SCHEDULER]),
    "persistent": ("persistence", values.persistence),
    "ops": ("one_packet", lambda _: True),
    "pe": ("engine", lambda text: text),
    "weight": ("weight", _numbered(0, values.LARGEST, "a weight")),
    "u-threshold": ("upper", _THRESHOLD),
    "l-threshold": ("lower", _THRESHOLD),
    "tun-type": ("tunnel_type", _tunnel_type),
    "tun-port": ("tunnel_port", _numbered(1, values.LARGEST_PORT, "the port of a tunnel")),
}
# And of a sync daemon, as a profile calls them.
SYNC: Mapping[str, tuple[str, Callable[[str | None], object]]] = {
    "mcast-interface": ("interface", lambda text: (text or "")[:LONGEST_SCHEDULER]),
    "syncid": ("syncid", _numbered(0, 255, "a sync ID")),
    "sync-maxlen": ("sync_maxlen", _numbered(1, 65507, "the length of a message")),
    "mcast-group": ("group", _group),
    "mcast-port": ("port", _numbered(1, values.LARGEST_PORT, "a port")),
    "mcast-ttl": ("ttl", _numbered(1, 255, "a time to live")),
}
