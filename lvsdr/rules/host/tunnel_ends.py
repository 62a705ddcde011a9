"""What takes packets out of a tunnel on a real server, for each kind that IPVS sends."""

from __future__ import annotations

from lvsdr.model.holder_kinds import HOLDERS_OF_TUNNELS, TUNNEL_ENDS
from lvsdr.model.ipvs_tunnel import TUNNEL_TYPES, Tunnel
from lvsdr.model.late_dataclasses import dataclass

# By the tunnel's type and the versions of IP inside and outside of it.
_ENDS = {opened: end for end in TUNNEL_ENDS for opened in end.opens}
# ip6tnl0 takes IPv6 only, so that IPv4 in IPv6 needs a link of its own.
_OF_ITS_OWN = "lvsdr46"
_IP = {4: 20, 6: 40}
_TCP, _UDP, _GUE, _REMCSUM, _GRE, _CHECKSUM = 20, 8, 4, 8, 4, 4


@dataclass(frozen=True, slots=True)
class UnpackingLink:
    """The link from which packets come out of the tunnel, and the commands that open it.

    `holder` tells whether a profile can hold the VIP on that link. `port` opens the UDP port of
    GUE, empty for the others.
    """

    link: str
    up: str
    port: str = ""
    holder: bool = False

    @property
    def known(self) -> bool:
        """Return whether the commands can be typed as they are, without RIP and DIP in them."""
        return "RIP" not in self.up

    @property
    def by_hand(self) -> str:
        """Return all that opens it without a profile."""
        return "; ".join(filter(None, (self.port, self.up)))


def unpacking_link(tunnel: Tunnel, inner: int, outer: int) -> UnpackingLink:
    """Return what opens a tunnel; `inner` and `outer` are the versions of IP in and around it."""
    kind, port, flags = tunnel
    name = TUNNEL_TYPES[kind]
    fou = ""
    if name == "gue":
        six = (" -6", "fou6") if outer == 6 else ("", "fou")
        fou = f"modprobe {six[1]}; ip fou add port {port} gue{six[0]}"
    if name == "gre" and flags:
        # Those that are there by themselves drop what has a checksum.
        family = "gre" if outer == 4 else "ip6gre"
        made = f"ip link add lvsdrgre type {family} local RIP remote DIP icsum"
        return UnpackingLink("lvsdrgre", f"{made}; ip link set lvsdrgre up")
    opened = "ipip" if name == "gue" else name, inner, outer
    end = _ENDS.get(opened)
    if end is None:
        made = f"ip link add {_OF_ITS_OWN} type ip6tnl mode ipip6 local RIP remote DIP"
        return UnpackingLink(_OF_ITS_OWN, f"{made}; ip link set {_OF_ITS_OWN} up", fou)
    up = f"modprobe {end.module}; ip link set {end.link} up"
    return UnpackingLink(end.link, up, fou, holder=opened in HOLDERS_OF_TUNNELS)


def longest_segment(tunnel: Tunnel, inner: int, outer: int, mtu: int) -> int:
    """Return how much of TCP fits into one packet of a tunnel, over a link of this MTU."""
    kind, _, flags = tunnel
    name, extra = TUNNEL_TYPES[kind], 0
    if name == "gue":
        extra = _UDP + _GUE + (_REMCSUM if flags & 2 else 0)
    elif name == "gre":
        extra = _GRE + (_CHECKSUM if flags & 1 else 0)
    return mtu - _IP[outer] - extra - _IP[inner] - _TCP
