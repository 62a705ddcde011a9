"""Paths from a virtual server to a real server, and the proofs whether they serve."""

from __future__ import annotations

from typing import Literal, get_args

from lvsdr.model.address import IPAddress
from lvsdr.model.health import Down
from lvsdr.model.ipvs import Service
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL, Tunnel
from lvsdr.model.late_dataclasses import dataclass

PathVerdict = Literal[
    "served",
    "port-closed",
    "vip-missing",
    "vip-missing-and-forwards",
    "no-tunnel",
    "filtered",
    "down",
    "duplicate-rip",
]
VERDICTS: tuple[PathVerdict, ...] = get_args(PathVerdict)

PathDetail = Literal[
    "",
    # Of port-closed: the same port of the RIP is open, or perhaps (nothing refuses a datagram).
    "rip-listens",
    "rip-may-listen",
    # Of vip-missing: the host says that it has no way there, as the guard route does.
    "unreachable",
    # Of filtered: the VIP answers echo, a firewall says so, the tunnel drops all, the host says
    # nothing but ARP.
    "held",
    "rejected",
    "reverse-path",
    "mute",
    # Of no verdict: it limits the rate of its errors, so silence says nothing.
    "rate-limited",
    # Of down: this host itself knows no way there.
    "no-route",
    # Of no verdict: probes cannot be sent there.
    "local",
    "no-source",
    "no-ethernet",
    # Of no verdict: another MAC answered than those of the RIP; or somebody answers datagrams that
    # were never sent, and may have guessed the one that was.
    "other-mac",
    "guessed",
    # Of no verdict: nothing answers a datagram; which VIP, or which port, is not known.
    "no-answer",
    "not-asked",
    # Frames came faster than they could be read: nobody was heard, which proves nothing.
    "not-heard",
    "no-vip",
    "no-port",
    # Of served: the VIP is held, and no port is known to ask.
    "vip-held",
]


SharedMac = tuple[str, tuple[IPAddress, ...]]
"""A MAC address that several hosts have, and the RIPs at it."""


@dataclass(frozen=True, slots=True)
class Path:
    """The path of a request for `vip` and `port` from a service to one real server.

    `vip` is None where the real server sees none (masquerade for a firewall mark), or none is
    known; `port` is 0 where no single one is known. `method` is the forwarding method: dr, tunnel,
    masquerade or local; `tunnel` is the type of the tunnel, if it is that. `protocol` is that of
    the port where the service, a firewall mark, has none. `foreign` is a real server that no
    profile names.
    """

    service: Service
    vip: IPAddress | None
    rip: IPAddress
    port: int
    method: str = "dr"
    weight: int = 1
    tunnel: Tunnel = IPIP_TUNNEL
    protocol: str = ""
    foreign: bool = False

    @property
    def transport(self) -> str:
        """Return the protocol of a request: tcp, udp, sctp; fwmark where it is not known."""
        return self.protocol or self.service.protocol

    @property
    def sees_vip(self) -> bool:
        """Return whether the real server gets packets for the VIP, and has to hold it."""
        return self.method != "masquerade"


@dataclass(frozen=True, slots=True)
class RealServerRoute:
    """How this host sends to the real server at `rip`: out of `link` to `next_hop`, from `source`.

    `other_source` is an address of this host of the other family, for the packet that a tunnel
    carries. `mtu` is the link's, 0 where it is not known.
    """

    rip: IPAddress
    link: str
    next_hop: IPAddress
    source: IPAddress
    other_source: IPAddress | None = None
    mtu: int = 0

    @property
    def routed(self) -> bool:
        """Return whether a router is between this host and the RIP."""
        return self.next_hop != self.rip


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of probing a path; `verdict` is None where nothing can be said.

    `gateway` is the router before the RIP, `macs` are the MACs that answered for the next hop,
    `hint`, `look` and `on` are the remedy, as a Finding has them. `segment` is the maximum segment
    size that the real server announced over TCP, `mtu` that of the link towards it. `stranger`
    is the MAC that answered instead. `lent` has each of `macs` that only another claims the next
    hop for, after the MAC of who does. `shared` has each of `macs` that several real servers have,
    though they are different hosts, with their RIPs. `down` says how the real server is out of
    service: no client is sent there.
    """

    path: Path
    verdict: PathVerdict | None
    detail: PathDetail = ""
    gateway: IPAddress | None = None
    macs: tuple[str, ...] = ()
    hint: str = ""
    segment: int | None = None
    mtu: int = 0
    look: str = ""
    on: str = ""
    stranger: str | None = None
    lent: tuple[tuple[str, str], ...] = ()
    shared: tuple[SharedMac, ...] = ()
    down: Down | None = None
