"""The kinds of link that hold VIPs on a real server: one row a kind, with all that differs.

The schema's choices, the objects of a profile, the kernel's links, rules and printed commands all
come of these rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from lvsdr.model.late_dataclasses import dataclass

INET, INET6 = "inet", "inet6"


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """A link that its module makes by itself in each network namespace, and that unpacks packets.

    No request makes or removes it: "not there" and "down" are one state. `opens` are the kinds of
    tunnel, each with the versions of IP inside and outside of it; GUE hands on what it unpacks as
    if it were IPIP.
    """

    link: str
    link_kind: str
    module: str
    opens: tuple[tuple[str, int, int], ...]

    @property
    def late(self) -> bool:
        """Return whether it has no IPv6 settings before it is first up."""
        return all(outer == 4 for _, _, outer in self.opens)


@dataclass(frozen=True, slots=True)
class HolderKind:
    """A kind of holder; `words` describe it in the schema.

    `link` is the name of its link; where `named` is true the profile may choose another.
    `families` are the address families that it carries: inet, inet6. `tunnel` is for one that is
    the end of a tunnel.
    """

    words: str
    link: str
    link_kind: str
    families: tuple[str, ...] = (INET, INET6)
    named: bool = False
    arp: bool = False
    tunnel: TunnelEnd | None = None


def _end(words: str, family: str, end: TunnelEnd) -> HolderKind:
    return HolderKind(words, end.link, end.link_kind, (family,), tunnel=end)


HOLDER_KINDS: Mapping[str, HolderKind] = {
    "dummy": HolderKind(
        "a link of its own, made and removed by lvsdr", "lvsdr0", "dummy", named=True
    ),
    "lo": HolderKind("the loopback", "lo", "loopback", arp=True),
    "tunl0": _end(
        "the end of IPIP and GUE tunnels, IPv4 only",
        INET,
        TunnelEnd("tunl0", "ipip", "ipip", (("ipip", 4, 4),)),
    ),
    "gre0": _end(
        "the end of GRE tunnels, IPv4 only",
        INET,
        TunnelEnd("gre0", "gre", "ip_gre", (("gre", 4, 4), ("gre", 6, 4))),
    ),
    "ip6tnl0": _end(
        "the end of IPIP and GUE tunnels, IPv6 only",
        INET6,
        TunnelEnd("ip6tnl0", "ip6tnl", "ip6_tunnel", (("ipip", 6, 6),)),
    ),
}
HOLDING_ENDS: Mapping[str, TunnelEnd] = {
    kind.link: kind.tunnel for kind in HOLDER_KINDS.values() if kind.tunnel is not None
}
# Those that can hold what comes out of them, by the tunnel's kind and the versions in and around:
# gre0 unpacks IPv6 too, and holds IPv4 only.
HOLDERS_OF_TUNNELS: Mapping[tuple[str, int, int], str] = {
    (name, inside, around): kind.link
    for kind in HOLDER_KINDS.values()
    if kind.tunnel is not None
    for name, inside, around in kind.tunnel.opens
    if (INET6 if inside == 6 else INET) in kind.families
}
# They unpack for who brings them up by hand: no profile has them as its holder.
TUNNEL_ENDS = (
    *HOLDING_ENDS.values(),
    TunnelEnd("sit0", "sit", "sit", (("ipip", 6, 4),)),
    TunnelEnd("ip6gre0", "ip6gre", "ip6_gre", (("gre", 4, 6), ("gre", 6, 6))),
)
