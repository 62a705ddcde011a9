"""Which probe tells what of a path: to whom, in whose name, and how far it may go."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path, RealServerRoute
from lvsdr.wire.frames.encapsulation import OuterHeader
from lvsdr.wire.frames.ip import TTL
from lvsdr.wire.paths.path_probes import LAST_HOP, ResolvedRoute
from lvsdr.wire.paths.probe import ECHO, Probe

VIP, RIP, DIP, GATEWAY = (ip_address(f"192.0.2.{end}") for end in (10, 11, 1, 254))
VIP6, DIP6 = ip_address("2001:db8::10"), ip_address("2001:db8::1")
MAC = "02:00:00:00:00:11"
NEAR = ResolvedRoute(RealServerRoute(RIP, "eth0", RIP, DIP, DIP6), MAC)
ROUTED = replace(NEAR, route=replace(NEAR.route, next_hop=GATEWAY))
WEB = Path(Service("tcp", VIP, 80), VIP, RIP, 80)
TUNNEL = replace(WEB, method="tunnel")
MASQUERADE = replace(WEB, method="masquerade", port=8080)
OUTER = OuterHeader(DIP, RIP, WEB.tunnel)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(WEB, Probe("tcp", DIP, VIP, 80, MAC, LAST_HOP), id="direct"),
        pytest.param(TUNNEL, Probe("tcp", DIP, VIP, 80, MAC, LAST_HOP, OUTER), id="tunnel"),
        pytest.param(MASQUERADE, Probe("tcp", DIP, RIP, 8080, MAC, LAST_HOP), id="masquerade"),
        pytest.param(
            replace(WEB, port=0), Probe(ECHO, DIP, VIP, 0, MAC, LAST_HOP), id="no single port"
        ),
        pytest.param(
            replace(WEB, vip=None), Probe("tcp", DIP, RIP, 80, MAC, LAST_HOP), id="no VIP"
        ),
        pytest.param(
            replace(TUNNEL, service=Service("tcp", VIP6, 80), vip=VIP6),
            Probe("tcp", DIP6, VIP6, 80, MAC, LAST_HOP, OUTER),
            id="a VIP of another family, in a tunnel",
        ),
    ],
)
def test_the_service_is_asked_as_ipvs_would_forward_it(path: Path, expected: Probe) -> None:
    assert NEAR.service_probe(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (WEB, Probe(ECHO, DIP, VIP, 0, MAC, LAST_HOP)),
        (TUNNEL, Probe(ECHO, DIP, VIP, 0, MAC, LAST_HOP, OUTER)),
        (MASQUERADE, None),
        (replace(WEB, vip=None), None),
    ],
)
def test_who_holds_the_vip_is_asked_by_an_echo(path: Path, expected: Probe | None) -> None:
    assert NEAR.vip_echo(path) == expected


@pytest.mark.parametrize(("route", "ttl"), [(NEAR, LAST_HOP), (ROUTED, TTL)])
def test_the_rip_is_asked_across_a_router_and_a_neighbour_no_further(
    route: ResolvedRoute, ttl: int
) -> None:
    assert route.rip_echo() == Probe(ECHO, DIP, RIP, 0, MAC, ttl)
    assert route.rip_port_probe(WEB) == Probe("tcp", DIP, RIP, 80, MAC, ttl)


def test_what_is_for_the_vip_goes_no_further_than_the_next_hop() -> None:
    probe = replace(ROUTED, hops=2).service_probe(WEB)

    assert (probe.target, probe.ttl) == (VIP, 2)


def test_without_a_single_port_none_is_asked_on_the_rip() -> None:
    assert NEAR.rip_port_probe(replace(WEB, port=0)) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (TUNNEL, Probe(ECHO, DIP, RIP, 0, MAC, LAST_HOP, OUTER)),
        (replace(TUNNEL, vip=None), Probe(ECHO, DIP, RIP, 0, MAC, LAST_HOP, OUTER)),
        (replace(TUNNEL, vip=VIP6), None),
        (WEB, None),
    ],
)
def test_whether_a_tunnel_ends_there_is_asked_through_it(
    path: Path, expected: Probe | None
) -> None:
    assert NEAR.tunnel_echo(path) == expected
