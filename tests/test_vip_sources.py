"""In whose name a host speaks of its own accord, and what makes it take its own address."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Finding
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.profile import DirectorProfile, LabelledVip, Profile, RealServerProfile
from lvsdr.model.route_lookup import Packet, RouteTo
from lvsdr.rules.host.askers import FAR
from lvsdr.rules.host.vip_addresses import dip, sources

VIP, RIP, GATEWAY = (ip_address(f"192.0.2.{end}") for end in (10, 11, 254))
DIRECTOR = DirectorProfile(
    *("web", "eth0", (LabelledVip(VIP, "eth0:0"),), ()),
    (RealServer(Service("tcp", VIP, 80), RIP, 80),),
)
REALSERVER = RealServerProfile("rs", "eth0", "lo", "lo", (VIP,))
LINKS = {
    "eth0": HostLink("eth0"),
    "eth1": HostLink("eth1"),
    "lo": HostLink("lo", "loopback", loopback=True),
}
LOOPBACK, OWN = "lo 127.0.0.1/8", "eth0 192.0.2.1/24"
ON_VIP = RouteTo("unicast", "eth0", source=VIP)


def host(*held: str) -> Host:
    """Return a host that holds the VIP, and these: LINK ADDRESS/PREFIX."""
    pairs = (each.split() for each in ("eth0 192.0.2.10/32", *held))
    return Host(LINKS, tuple(HeldAddress(link, ip_interface(ip)) for link, ip in pairs))


def told(
    routes: dict[IPAddress, RouteTo], *held: str, profile: Profile = DIRECTOR
) -> list[Finding]:
    """Return what is found on a host that reaches others by these routes."""
    asked = {Packet(to): route for to, route in routes.items()}
    return list(sources(profile, replace(host(*held), routes=asked)))


@pytest.mark.parametrize(
    ("to", "gateway", "way"),
    [
        (RIP, None, "192.0.2.11/32 dev eth0"),
        (RIP, GATEWAY, "192.0.2.11/32 via 192.0.2.254 dev eth0"),
        (FAR[4], GATEWAY, "default via 192.0.2.254 dev eth0"),
    ],
)
def test_a_route_from_the_hosts_own_address_mends_it(
    to: IPAddress, gateway: IPAddress | None, way: str
) -> None:
    (found,) = told({to: replace(ON_VIP, gateway=gateway)}, OWN)

    assert (found.rule, found.subject, found.vip) == ("VIP-SOURCE", "eth0", VIP)
    assert (found.hint, found.look) == (f"ip -4 route replace {way} src 192.0.2.1", "")


@pytest.mark.parametrize(
    ("held", "source"),
    [
        pytest.param((OWN, "eth1 198.51.100.1/24"), "192.0.2.1", id="of the link first"),
        pytest.param((LOOPBACK, "eth1 198.51.100.1/24"), "198.51.100.1", id="of another, not lo"),
        pytest.param(("eth0 169.254.0.1/16", OWN), "192.0.2.1", id="not link local"),
    ],
)
def test_the_address_is_the_links_or_any_that_others_can_answer(
    held: tuple[str, ...], source: str
) -> None:
    (found,) = told({RIP: ON_VIP}, *held)

    assert found.hint.endswith(f"src {source}")


@pytest.mark.parametrize(("profile", "own"), [(DIRECTOR, "DIP"), (REALSERVER, "RIP")])
def test_a_host_that_has_no_address_of_its_own_is_told_to_get_one(
    profile: Profile, own: str
) -> None:
    (found,) = told({FAR[4]: ON_VIP}, LOOPBACK, profile=profile)

    assert found.hint == ""
    assert found.look == f"an address of its own for it: ip address add {own}/PREFIX dev eth0"


@pytest.mark.parametrize(
    "route",
    [
        RouteTo("unicast", "eth0", source=ip_address("192.0.2.1")),
        RouteTo("local", "lo", source=VIP),
        RouteTo("unreachable"),
        RouteTo("unicast", "eth0"),
    ],
)
def test_other_routes_are_right(route: RouteTo) -> None:
    assert told({RIP: route}, OWN) == []


def test_those_that_are_reached_from_one_vip_are_one_finding() -> None:
    (found,) = told({RIP: ON_VIP, FAR[4]: ON_VIP}, OWN)

    assert found.message.startswith("to 192.0.2.11, far hosts this host sends from 192.0.2.10: ")
    assert found.hint.count("; ") == 1


@pytest.mark.parametrize(
    ("held", "rules"),
    [(OWN, []), ("eth1 192.0.2.1/24", ["DIP-MISSING"]), ("eth0 169.254.0.1/16", ["DIP-MISSING"])],
)
def test_a_director_needs_an_address_beside_the_vips(held: str, rules: list[str]) -> None:
    assert [each.rule for each in dip(DIRECTOR, host(held))] == rules
