"""What a host that leads packets for a VIP to a guest is told, once the guest has given it up."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from fake import ETH0, LO, FakeSession, host
from lvsdr.model.finding import Finding
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.objects import Address, ProxyNeighbour
from lvsdr.model.profile import RealServerProfile
from lvsdr.model.route_lookup import ForwardingOutcome, UnicastRoute
from lvsdr.proof import led_astray
from lvsdr.proof.segment_hosts import segment_of
from lvsdr.rules.paths.vip_given_up import given_up, off_segment

VIP, VIP6, OWN, GUEST = (
    ip_address(one) for one in ("192.0.2.2", "fd00::2", "10.0.0.1", "10.0.0.2")
)
VETH, TUNNEL = HostLink("veth0", link_kind="veth"), HostLink("tunnel", arp=False)
LINKS = {link.name: link for link in (ETH0, LO, VETH, TUNNEL)}
HOST = Host(LINKS, (HeldAddress("veth0", ip_interface("10.0.0.1/24")),))
ON_LINK = UnicastRoute(ip_network("192.0.2.2/32"), "veth0")
BACK = ForwardingOutcome("returned")
PROFILE = RealServerProfile("rs", "eth0", "lo", "lo", (VIP,))


def told(way: UnicastRoute, fate: ForwardingOutcome = BACK, seen: Host = HOST) -> Finding:
    (finding,) = given_up({VIP: way}, {VIP: fate}, seen)
    return finding


def test_what_goes_to_the_segment_or_by_the_default_route_is_not_followed() -> None:
    ways = {
        VIP: replace(ON_LINK, link="eth0"),
        VIP6: UnicastRoute(ip_network("::/0"), "veth0"),
    }

    assert off_segment(ways, "eth0", HOST) == {}
    assert off_segment({VIP: ON_LINK}, "eth0", HOST) == {VIP: ON_LINK}


def test_a_vip_of_this_host_is_not_followed() -> None:
    held = replace(HOST, addresses=(HeldAddress("lo", ip_interface("192.0.2.2/32")),))

    assert off_segment({VIP: ON_LINK}, "eth0", held) == {}


@pytest.mark.parametrize("kind", ["taken", "silent"])
def test_what_somebody_may_have_taken_is_no_fault(kind: str) -> None:
    assert list(given_up({VIP: ON_LINK}, {VIP: ForwardingOutcome(kind)}, HOST)) == []


def test_the_hint_ends_what_draws_packets_then_the_route_then_the_neighbour() -> None:
    entries = (ProxyNeighbour("eth0", VIP), ProxyNeighbour("eth0", GUEST), ProxyNeighbour("", VIP))

    finding = told(replace(ON_LINK, metric=7), seen=replace(HOST, proxies=entries))

    assert (finding.rule, finding.severity, finding.vip) == ("VIP-GIVEN-UP", "error", VIP)
    assert finding.hint.split("; ") == [
        "ip -4 neighbour del proxy 192.0.2.2 dev eth0",
        "ip -4 route del 192.0.2.2 dev veth0 metric 7",
        "ip -4 neighbour del 192.0.2.2 dev veth0",
    ]


@pytest.mark.parametrize("way", [replace(ON_LINK, gateway=GUEST), replace(ON_LINK, link="tunnel")])
def test_where_the_vip_is_no_neighbour_none_is_deleted(way: UnicastRoute) -> None:
    assert told(way).hint == f"ip -4 route del 192.0.2.2 dev {way.link}"


def test_a_route_for_others_too_stays() -> None:
    wide = UnicastRoute(ip_network("192.0.2.0/24"), "veth0", GUEST)

    assert told(wide).hint == "ip -4 route add unreachable 192.0.2.2"


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (BACK, "they come back, and go to and fro until their TTL is used up"),
        (ForwardingOutcome("refused", GUEST), "10.0.0.2 refuses them"),
        (ForwardingOutcome("refused", OWN), "no neighbour takes them"),
        (ForwardingOutcome("refused"), "no neighbour takes them"),
    ],
)
def test_what_follows_is_told(fate: ForwardingOutcome, words: str) -> None:
    assert told(ON_LINK, fate).message.endswith(f"where nobody has it: {words}")


def test_a_packet_is_sent_only_where_this_host_leads_it_away(tmp_path: Path) -> None:
    kernel = host(
        Address("eth0", ip_interface("192.0.2.11/24")),
        Address("veth0", ip_interface("192.0.2.3/30")),
        links=LINKS.values(),
    )
    session = FakeSession(kernel, tmp_path)
    session.fated = {VIP: BACK}

    def found(link: str) -> list[Finding]:
        segment = segment_of(PROFILE, kernel.read_host(), link)
        return list(led_astray.sent_astray(segment, kernel, session.follow))

    assert [each.subject for each in found("veth0")] == ["eth0"]
    assert [each.rule for each in found("tunnel")] == ["VIP-GIVEN-UP"]
    assert found("eth0") == []
