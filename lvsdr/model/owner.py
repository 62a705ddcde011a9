"""Who else sets up addresses, links or IPVS on a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Another program that sets up what lvsdr sets up.

    `program` is keepalived, lvs_flush, NetworkManager or systemd-networkd; `place` is its file;
    `claims` what it holds: addresses or links, as it writes them.
    """

    program: str
    place: str
    claims: tuple[str, ...] = ()
