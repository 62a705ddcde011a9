"""Who else sets up addresses, links or IPVS on a host."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Another program that sets up what lvsdr sets up.

    `program` is keepalived, lvs_flush, ldirectord, NetworkManager or systemd-networkd; `place` is
    its file; `claims` what it holds. A claim of keepalived is `VIP`, `VIP PORT`, `FIRST-LAST PORT`
    or `fwmark MARK`, in a group with ` (group NAME)` behind it; one of lvs_flush is the setting;
    others are links. `unread` says what of `place` cannot be read.
    """

    program: str
    place: str
    claims: tuple[str, ...] = ()
    unread: str = ""
