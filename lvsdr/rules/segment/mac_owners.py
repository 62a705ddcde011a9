"""Which host a MAC address belongs to: a real server, the director, a virtual router."""

from __future__ import annotations

from collections.abc import Mapping

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass, field

_LOCAL, _GROUP = 0x02, 0x01
# RFC 9568, 7.3: the last byte is the number of the virtual router.
_VIRTUAL_ROUTERS = ("00:00:5e:00:01:", "00:00:5e:00:02:")


@dataclass(frozen=True, slots=True)
class MacOwners:
    """The known hosts of the segment by their MAC addresses; a host may have several.

    `rips` and `dips` map a MAC to the address of the real server or director that answers with it;
    `mine` are the MACs of this host, where it is not a real server.
    """

    rips: Mapping[str, IPAddress] = field(default_factory=dict)
    mine: frozenset[str] = frozenset()
    dips: Mapping[str, IPAddress] = field(default_factory=dict)

    def host(self, mac: str) -> str:
        """Return a name for the host of `mac`; all its known MACs have the same."""
        if mac in self.rips:
            return f"real server {self.rips[mac]}"
        if mac in self.mine:
            return "this host"
        if mac in self.dips:
            return f"director {self.dips[mac]}"
        return stranger(mac)

    def same(self, mac: str) -> str:
        """Return a key that all MACs of one host share: its name; for an unknown host the MAC."""
        known = mac in self.rips or mac in self.mine or mac in self.dips
        return self.host(mac) if known else mac


def of_virtual_router(mac: str) -> bool:
    """Return whether VRRP's protocol reserves a MAC for the routers that share an address."""
    return mac.startswith(_VIRTUAL_ROUTERS)


def stranger(mac: str) -> str:
    """Return a name for an unknown host: by its MAC a virtual router, or the vendor prefix.

    A locally administered MAC has no vendor: a person or a program chose it.
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
