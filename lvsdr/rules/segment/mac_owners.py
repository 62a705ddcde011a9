"""Whose MAC address it is that speaks: a real server's, the director's, a virtual router's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvsdr.model.address import IPAddress

_LOCAL, _GROUP = 0x02, 0x01
# RFC 9568, 7.3: the last byte is the number of the virtual router.
_VIRTUAL_ROUTERS = ("00:00:5e:00:01:", "00:00:5e:00:02:")


@dataclass(frozen=True, slots=True)
class MacOwners:
    """What is known of the segment's hosts, each of which may have several MAC addresses.

    `rips` and `dips` say which real server or director answers for its own address with a MAC;
    `mine` are the MACs of this host, where it is a director or none of the profile's hosts.
    """

    rips: Mapping[str, IPAddress] = field(default_factory=dict)
    mine: frozenset[str] = frozenset()
    dips: Mapping[str, IPAddress] = field(default_factory=dict)

    def host(self, mac: str) -> str:
        """Return a name for the host whose `mac` is: the same for all its known MACs."""
        if mac in self.rips:
            return f"real server {self.rips[mac]}"
        if mac in self.mine:
            return "this host"
        if mac in self.dips:
            return f"director {self.dips[mac]}"
        return stranger(mac)

    def same(self, mac: str) -> str:
        """Return what MACs of one host have in common: its name, or for a stranger the MAC."""
        known = mac in self.rips or mac in self.mine or mac in self.dips
        return self.host(mac) if known else mac


def stranger(mac: str) -> str:
    """Return what a MAC alone tells of its host: a virtual router's number, or the vendor prefix.

    A locally administered one has no vendor: somebody, or a program, made it up.
    """
    for prefix in _VIRTUAL_ROUTERS:
        if mac.startswith(prefix):
            return f"VRRP virtual router {int(mac.removeprefix(prefix), 16)}"
    first = int(mac[:2], 16)
    if first & _GROUP:
        return "no host: a group's address"
    if first & _LOCAL:
        return "unknown host, locally administered"
    return f"unknown host, vendor prefix {mac[:8]}"
