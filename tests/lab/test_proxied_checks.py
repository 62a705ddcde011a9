"""Checks of a container behind a proxy of the segment: it is judged by itself, not by its host."""

from __future__ import annotations

from checking import checked, checking, next_of, path_to
from containers import RIP, ROUTE, SILENT_HOST, VIP, applied, sh

from lvsdr.lab.scenarios import SCENARIOS
from lvsdr.lab.services import serving
from lvsdr.wire.checks.path_checker import PathChecker


def test_a_container_behind_a_proxy_gets_one_more_hop_and_is_missed_when_it_lost_the_vip() -> None:
    with applied(SCENARIOS["routed"], *SILENT_HOST, ROUTE) as built:
        there, (guest,) = built.lab.director, built.lab.realservers
        own = str(built.lab.topology.director.address(4)), "fd00::1"
        item = checked(0, path_to(RIP, VIP), own)
        with (
            serving(guest, [item.path.service]),
            checking(there, lambda: PathChecker("eth0", [item]), [0]) as seen,
        ):
            served = next_of(seen, 0)
            guest.ip(f"address del {VIP}/32 dev lvsdr0")
            missing = next_of(seen, 0)
            sh(guest, f"ip route del unreachable {VIP}", "sysctl -qw net/ipv4/ip_forward=1")
            looping = next_of(seen, 0)

    assert served.ok
    # It does not forward, and so says nothing of what it has no address for.
    assert missing.why == "does not answer"
    assert looping.why == "has lost the VIP, and forwards"
