"""The next hop of a real server's answers, and what it did when it was asked."""

from __future__ import annotations

from typing import Literal

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass

Forwarding = Literal["shown", "unreachable", "silent", "unasked"]


@dataclass(frozen=True, slots=True)
class NextHop:
    """A neighbour at `address` on `link`, to which answers to `clients` go.

    `towards` are addresses of such clients; `named` is whether the profile names their networks.
    It is no `gateway` where the route has none, and clients are asked for by themselves.
    `sources` are this host's own addresses there, by the version of IP; `vip` is one whose answers
    go there, and that a director answers for on the same link, None where that is not known.
    """

    link: str
    address: IPAddress
    gateway: bool
    clients: tuple[str, ...]
    towards: tuple[IPAddress, ...]
    named: bool
    sources: tuple[IPAddress, ...]
    vip: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class HopAnswer:
    """What a next hop did: its MACs, and the fate of packets that were to expire on their way.

    `forwarding` is shown where a router told of one, unreachable where the next hop itself says
    that it has no way there, silent where nobody said anything. `director` are the MACs that
    answered for the VIP.
    """

    macs: tuple[str, ...]
    forwarding: Forwarding = "unasked"
    director: tuple[str, ...] = ()
