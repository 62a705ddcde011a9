"""The kinds of link that may hold a VIP on a real server, and their table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Object
from lvsdr.profile.holders import dummy, loopback, tunnel


@dataclass(frozen=True, slots=True)
class Holder:
    """A kind of holder.

    `link` is the name of its link; where `named` is true the profile may choose another.
    `families` are the address families that it carries: inet, inet6.
    """

    link: str
    link_kind: str
    named: bool
    families: tuple[str, ...]
    hold: Callable[[str, Iterable[IPAddress]], Iterator[Object]]


HOLDERS: Mapping[str, Holder] = {
    "lo": Holder("lo", "loopback", False, ("inet", "inet6"), loopback.hold),
    "dummy": Holder("lvsdr0", "dummy", True, ("inet", "inet6"), dummy.hold),
    "tunl0": Holder("tunl0", "ipip", False, ("inet",), partial(tunnel.hold, "ipip")),
    "gre0": Holder("gre0", "gre", False, ("inet",), partial(tunnel.hold, "gre")),
    "ip6tnl0": Holder("ip6tnl0", "ip6tnl", False, ("inet6",), partial(tunnel.hold, "ip6tnl")),
}
TUNNELS = frozenset({"tunl0", "gre0", "ip6tnl0"})
