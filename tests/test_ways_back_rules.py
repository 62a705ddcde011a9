"""The way back of a real server's answers, on hosts that are data: on no kernel in particular."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import cache
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from lvsdr.kernel.netlink import nft_chains, rtm_route
from lvsdr.kernel.netlink.netlink_messages import HEADER, pack_attribute
from lvsdr.kernel.views.firewalls import firewalls
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Finding
from lvsdr.model.firewall import Firewall
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.next_hop import HopAnswer, NextHop
from lvsdr.model.profile import RealServerProfile
from lvsdr.model.route_lookup import Hop, Packet, RouteTo
from lvsdr.rules.host import host_rules, route_questions, ways_back
from lvsdr.rules.host.client_samples import samples
from lvsdr.rules.host.filtered_packets import filtered
from lvsdr.rules.host.firewall_notes import firewall_notes
from lvsdr.rules.segment.gateway_answers import gateway_findings

VIP, GATEWAY = ip_address("192.0.2.10"), ip_address("192.0.2.1")
PROFILE = RealServerProfile("rs", "eth0", "dummy", "lvsdr0", (VIP,))
SILENT = {"net/ipv4/conf/all/arp_ignore": "1", "net/ipv4/conf/all/arp_announce": "2"}
LINKS = (
    HostLink("eth0"),
    HostLink("eth1"),
    HostLink("veth7", "veth"),
    HostLink("lo", "loopback", loopback=True),
    HostLink("lvsdr0", "dummy", arp=False),
    HostLink("tunl0", "ipip", up=False, arp=False),
)
HELD = ("eth0 192.0.2.11/24", "eth1 172.16.0.11/24", "lvsdr0 192.0.2.10/32")
DEFAULT = RouteTo("unicast", "eth0", GATEWAY)
K1 = "198.51.100.0/24"
# Ten thousand of them are asked for some hundred packets.
NETWORK = cache(ip_network)


class Table:
    """A routing table: the longest prefix counts."""

    def __init__(self, **more: RouteTo) -> None:
        self.routes = {"0.0.0.0/0": DEFAULT, "192.0.2.0/24": RouteTo("unicast", "eth0")}
        self.routes |= {"172.16.0.0/24": RouteTo("unicast", "eth1"), **more}

    def of(self, packet: Packet) -> RouteTo:
        """Return the route of a packet, but of one that arrives as no kernel would say it."""
        if packet.arriving is not None:
            return RouteTo("nobody asks for this")
        if packet.destination == VIP:
            return RouteTo("local", "lo")
        found = (each for each in map(NETWORK, self.routes) if packet.destination in each)
        longest = max(found, key=lambda each: each.prefixlen, default=None)
        return RouteTo("unreachable") if longest is None else self.routes[str(longest)]


def host(table: Table, profile: RealServerProfile = PROFILE, **more: Any) -> Host:
    pairs = (each.split() for each in more.pop("held", HELD))
    links = {link.name: link for link in more.pop("links", LINKS)}
    seen = Host(
        links,
        tuple(HeldAddress(link, ip_interface(ip)) for link, ip in pairs),
        {**SILENT, **more.pop("sysctls", {})},
        networks=tuple(map(ip_network, table.routes)),
    )
    routes = {packet: table.of(packet) for packet in route_questions.packets(profile, seen)}
    return replace(seen, routes={**routes, **more.pop("routes", {})})


def found(seen: Host, profile: RealServerProfile = PROFILE) -> list[Finding]:
    return list(host_rules.findings(profile, seen))


def rules(seen: Host, profile: RealServerProfile = PROFILE) -> list[tuple[str, str, str]]:
    return [(each.rule, each.severity, each.subject) for each in found(seen, profile)]


def only(seen: Host, profile: RealServerProfile = PROFILE) -> Finding:
    (finding,) = found(seen, profile)
    return finding


@pytest.mark.parametrize("link", ["lvsdr0", "lo"])
def test_behind_a_dummy_and_behind_lo_there_is_nobody(link: str) -> None:
    finding = only(host(Table(**{"0.0.0.0/0": RouteTo("unicast", link)})))

    assert (finding.rule, finding.subject) == ("NO-WAY-BACK", "eth0")
    assert finding.message.endswith(f"they leave through {link}, which has nobody behind it")


# --- the reverse-path filter ---------------------------------------------------------------------


def rp(**values: int) -> dict[str, str]:
    return {f"net/ipv4/conf/{link}/rp_filter": str(value) for link, value in values.items()}


def by(*links: str) -> RouteTo:
    shares = tuple(Hop(link, GATEWAY) for link in links)
    return RouteTo("unicast", links[0], GATEWAY, shares=shares if len(links) > 1 else ())


@pytest.mark.parametrize(
    ("link", "settings", "back", "drops"),
    [
        # Strict: out of another link, but for one of several next hops.
        ("eth0", rp(eth0=1), by("eth1"), True),
        ("eth0", rp(all=1), by("eth1"), True),
        ("eth0", rp(all=1, eth0=2), by("eth1"), False),
        ("eth0", rp(eth0=1), by("eth0"), False),
        ("eth0", rp(eth0=1), by("eth1", "eth0"), False),
        ("eth0", rp(), by("eth1"), False),
        # Loose: no way at all.
        ("eth0", rp(eth0=2), RouteTo("unreachable"), True),
        ("eth0", rp(eth0=2), RouteTo("blackhole"), True),
        ("eth0", rp(), RouteTo("unreachable"), False),
        # From an address of this host: that is no matter of the filter.
        ("eth0", rp(eth0=1), RouteTo("local", "lo"), False),
        # A link without an address cannot be loose.
        ("tunl0", rp(tunl0=2), by("eth0"), True),
        ("tunl0", rp(tunl0=1), by("tunl0"), False),
        ("tunl0", rp(), by("eth0"), False),
    ],
)
def test_the_filter_goes_by_the_route_back(
    link: str, settings: dict[str, str], back: RouteTo, drops: bool
) -> None:
    assert filtered(link, back, host(Table(), sysctls=settings)) is drops


@pytest.mark.parametrize("errno", ["refused", "blackhole"], ids=["EXDEV: 6.12", "EINVAL: 7.2"])
def test_whatever_the_kernel_calls_it_the_filter_is_found(errno: str) -> None:
    arriving = {Packet(VIP, ip_address("198.51.100.7"), "eth0"): RouteTo(errno)}
    table = Table(**{K1: RouteTo("unicast", "eth1")})

    finding = only(host(table, sysctls=rp(eth0=1), routes=arriving))

    assert (finding.rule, finding.severity, finding.subject) == ("RP-FILTER", "error", "eth0")
    assert f"what clients of {K1} send, because answers leave through eth1" in finding.message
    assert finding.hint == "sysctl -w net/ipv4/conf/eth0/rp_filter=2"


def test_what_answers_alone_would_not_find_is_not_told_of_the_filter() -> None:
    """Behind a cable of a container, or in a subnet of this host, nobody says that clients are."""
    inner = Table(**{"10.244.7.0/24": RouteTo("unicast", "veth7")})
    near = Table()

    assert found(host(inner, sysctls=rp(all=1))) == []
    numbered = (*HELD, "veth7 10.1.0.1/24")
    assert rules(host(inner, sysctls=rp(all=1), held=numbered)) == [("RP-FILTER", "error", "eth0")]
    assert found(host(near, sysctls=rp(all=1))) == []


def test_of_networks_that_the_profile_names_a_subnet_of_this_host_counts_as_well() -> None:
    named = replace(PROFILE, clients=(ip_network("172.16.0.0/16"),))
    table = Table()

    finding = only(host(table, named, sysctls=rp(eth0=1)), named)

    assert (finding.rule, "clients of 172.16.0.0/24" in finding.message) == ("RP-FILTER", True)


# --- routes --------------------------------------------------------------------------------------


def without_default(**more: RouteTo) -> Table:
    table = Table(**more)
    del table.routes["0.0.0.0/0"]
    return table


def test_who_has_no_route_to_clients_is_told() -> None:
    finding = only(host(without_default()))

    assert (finding.rule, finding.severity, finding.vip) == ("NO-WAY-BACK", "error", VIP)
    assert (finding.hint, finding.look[:24]) == ("", "ip -4 route show table a")


def test_two_halves_of_everywhere_are_everywhere() -> None:
    halves = {"0.0.0.0/1": DEFAULT, "128.0.0.0/1": RouteTo("unreachable")}

    assert rules(host(Table(**halves))) == [("NO-WAY-BACK", "error", "eth0")]
    assert rules(host(without_default(**dict.fromkeys(halves, DEFAULT)))) == []


def test_a_way_to_the_networks_that_the_profile_names_is_enough() -> None:
    named = replace(PROFILE, clients=(ip_network("10.0.0.0/8"),))
    table = without_default(**{"10.0.0.0/8": DEFAULT})

    assert rules(host(table, named), named) == []
    assert [each[0] for each in rules(host(table))] == ["NO-WAY-BACK"]


@pytest.mark.parametrize(("clients", "told"), [((), False), (("10.0.0.0/8",), True)])
def test_a_dead_end_matters_where_the_profile_names_clients_there(
    clients: tuple[str, ...], told: bool
) -> None:
    named = replace(PROFILE, clients=tuple(map(ip_network, clients)))
    table = Table(**{"10.0.0.0/8": DEFAULT, "10.7.0.0/16": RouteTo("blackhole")})

    messages = [each.message for each in found(host(table, named), named)]

    assert ["clients of 10.7.0.0/16: a blackhole" in each for each in messages] == [True] * told


def test_of_a_route_with_several_next_hops_each_is_looked_at() -> None:
    both = RouteTo("unicast", "eth0", GATEWAY, shares=(Hop("eth0", GATEWAY), Hop("eth1", GATEWAY)))
    seen = host(Table(**{"0.0.0.0/0": both}))

    assert rules(seen) == [("WAY-BACK-ELSEWHERE", "warning", "eth1")]
    assert [each.link for each in ways_back.next_hops(PROFILE, seen)] == ["eth0", "eth1"]
    meant = replace(PROFILE, rp_filter=2)
    assert rules(host(Table(**{"0.0.0.0/0": both}), meant), meant) == []


def test_a_host_without_ipv6_is_no_real_server_of_an_ipv6_vip() -> None:
    both = replace(PROFILE, vips=(VIP, ip_address("2001:db8::10")))
    held = (*HELD, "lvsdr0 2001:db8::10/128", "eth0 fe80::11/64")

    without = host(Table(), both, held=held)
    within = host(Table(), both, held=(*held, "eth0 2001:db8::11/64"))

    assert rules(without, both) == []
    assert [each.rule for each in found(within, both)] == ["NO-WAY-BACK"]


def test_a_part_is_asked_for_by_an_address_that_no_smaller_part_has() -> None:
    inside = ("10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/16", "10.0.0.8/30", "192.0.2.128/25")
    table = Table(**dict.fromkeys(inside, DEFAULT))

    asked = {str(each.network): each.address for each in samples(PROFILE, 4, host(table))}

    assert asked.keys() == {"0.0.0.0/0", *inside[:4]}
    for network, address in asked.items():
        smaller = (ip_network(each) for each in inside if each != network)
        wider = ip_network(network)
        assert address in wider
        assert not any(address in s for s in smaller if s.prefixlen > wider.prefixlen)


def test_ten_thousand_routes_are_bounded() -> None:
    many = {f"10.{n // 256}.{n % 256}.0/24": DEFAULT for n in range(10_000)}

    assert len(samples(PROFILE, 4, host(Table(**many)))) <= 65


# --- the next hops -------------------------------------------------------------------------------

HOP = NextHop(
    "eth0",
    GATEWAY,
    gateway=True,
    clients=("clients",),
    towards=(ip_address("198.51.100.7"),),
    named=False,
    sources=(ip_address("192.0.2.11"),),
    vip=VIP,
)
MAC, OTHER = ("02:00:00:00:00:01",), ("02:00:00:00:00:10",)


@pytest.mark.parametrize(
    ("answer", "named", "said"),
    [
        (HopAnswer(MAC, "shown", OTHER), True, []),
        (HopAnswer(MAC, "unasked", OTHER), True, []),
        (HopAnswer(()), True, [("GATEWAY-SILENT", "error")]),
        (HopAnswer(MAC, "silent", MAC), True, [("GATEWAY-DIRECTOR", "warning")]),
        (HopAnswer(MAC, "silent", OTHER), True, [("GATEWAY-NO-FORWARD", "warning")]),
        # Of addresses for documentation a router may know nothing.
        (HopAnswer(MAC, "unreachable", OTHER), False, []),
        (HopAnswer(MAC, "unreachable", OTHER), True, [("GATEWAY-NO-FORWARD", "error")]),
    ],
)
def test_what_a_next_hop_did_is_told(
    answer: HopAnswer, named: bool, said: list[tuple[str, str]]
) -> None:
    heard = gateway_findings({replace(HOP, named=named): answer})

    assert [(each.rule, each.severity) for each in heard] == said


def test_the_next_hop_is_asked_once_for_all_vips_and_networks() -> None:
    other = ip_address("192.0.2.12")
    named = replace(PROFILE, vips=(VIP, other), clients=(ip_network("10.0.0.0/8"), ip_network(K1)))
    seen = host(Table(), named, held=(*HELD, f"lvsdr0 {other}/32"))

    (hop,) = ways_back.next_hops(named, seen)

    assert (hop.link, hop.address, hop.clients) == (
        "eth0",
        GATEWAY,
        ("clients of 10.0.0.0/8", f"clients of {K1}"),
    )
    assert (hop.sources, hop.vip) == ((ip_address("192.0.2.11"),), VIP)


# --- VRFs and shared MACs ------------------------------------------------------------------------


def in_vrf(holder: str | None, kind: str = "dummy") -> tuple[HostLink, ...]:
    return (
        HostLink("red", "vrf", arp=False),
        HostLink("eth0", master="red", master_kind="vrf"),
        HostLink("lvsdr0", kind, arp=False, master=holder, master_kind="vrf" if holder else ""),
    )


@pytest.mark.parametrize(
    ("holder", "kind", "told"),
    [(None, "unreachable", 1), (None, "unicast", 1), (None, "local", 0), ("red", "unreachable", 0)],
)
def test_a_holder_outside_of_the_vrf_is_told_where_it_is_not_found(
    holder: str | None, kind: str, told: int
) -> None:
    vip = ip_address("192.0.2.10")
    held = ("eth0 192.0.2.11/24", "lvsdr0 192.0.2.10/32")
    client = Packet(vip, ip_address("192.0.2.1"), "eth0")
    seen = host(Table(), held=held, links=in_vrf(holder), routes={client: RouteTo(kind, "eth0")})

    said = found(seen)

    assert [each.rule for each in said] == ["VRF-HOLDER"] * told
    assert [each.hint for each in said] == [
        "ip link set lvsdr0 master red && lvsdr realserver apply"
    ] * told


def test_answers_of_a_vrf_are_looked_up_in_its_tables() -> None:
    seen = host(Table(), held=HELD[::2], links=in_vrf("red"))

    assert {each.packet.leaving for each in ways_back.answers(PROFILE, seen)} == {"red"}


@pytest.mark.parametrize(("holder", "said"), [("lvsdr0", ["IPVLAN"]), ("tunl0", [])])
def test_an_ipvlan_gets_what_is_for_its_own_addresses_alone(holder: str, said: list[str]) -> None:
    profile = replace(PROFILE, holder_link=holder)
    held = ("eth0 192.0.2.11/24", f"{holder} 192.0.2.10/32")
    links = (HostLink("eth0", "ipvlan"), *LINKS[4:])

    seen = host(Table(), profile, held=held, links=links)

    assert [each.rule for each in found(seen, profile)] == said


# --- what the kernel says ------------------------------------------------------------------------


def test_the_next_hops_of_a_route_are_decoded() -> None:
    def share(link: int, gateway: IPAddress) -> bytes:
        parts = pack_attribute(5, gateway.packed)
        return rtm_route.RTNEXTHOP.pack(rtm_route.RTNEXTHOP.size + len(parts), 0, 0, link) + parts

    hops = [(2, GATEWAY), (3, ip_address("172.16.0.1"))]
    body = rtm_route.RTMSG.pack(2, 0, 0, 0, 254, 0, 0, 1, 0)
    body += pack_attribute(9, b"".join(share(*each) for each in hops))

    assert rtm_route.decode(memoryview(HEADER.pack(0, 24, 0, 0, 0) + body)).hops == tuple(hops)


def test_a_chain_of_nf_tables_is_decoded() -> None:
    body = nft_chains.NFGENMSG.pack(1, 0, 0)
    body += pack_attribute(1, b"filter\0") + pack_attribute(3, b"input\0")
    body += pack_attribute(4, pack_attribute(1, struct.pack("!I", 1)))
    body += pack_attribute(5, struct.pack("!I", 0)) + pack_attribute(6, struct.pack("!I", 12))
    body += pack_attribute(7, b"filter\0")

    assert nft_chains.decode(memoryview(HEADER.pack(0, 2563, 0, 0, 0) + body)) == (
        nft_chains.RawChain("inet", "filter", "input", "input", "filter", 12, drops=True)
    )


def test_without_its_modules_no_firewall_is_there(tmp_path: Path) -> None:
    assert list(firewalls(tmp_path, tmp_path)) == []


def test_a_firewall_is_noted_with_what_shows_it() -> None:
    walls = (
        Firewall("nft list ruleset", "inet filter input", 12, drops=True),
        Firewall("nft list ruleset", "inet filter output", 1),
        Firewall("iptables-legacy-save", ""),
    )

    known, unread = firewall_notes(replace(host(Table()), firewalls=walls))

    assert "inet filter input: 12 rules, policy drop, inet filter output: 1 rule)" in known
    assert known.endswith(": nft list ruleset")
    assert unread.startswith("whether a firewall is here was not read")
