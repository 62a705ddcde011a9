"""The host of a container, and its bridges: what the rules find, on hosts that are data."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from lvsdr.errors import CannotRun
from lvsdr.model.bridge_state import Bridge
from lvsdr.model.container_host import ContainerHost
from lvsdr.model.finding import WARNING
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.objects import ProxyNeighbour
from lvsdr.model.profile import DirectorProfile, LabelledVip, RealServerProfile
from lvsdr.model.route_lookup import Packet, RouteTo
from lvsdr.profile.roles.role_interface import usable_interface
from lvsdr.rules.host import container_cable, container_host_rules, host_rules
from lvsdr.rules.host.askers import FAR

VIP, RIP = (ip_address(f"192.0.2.{end}") for end in (10, 11))
VIP6, RIP6 = ip_address("2001:db8::10"), ip_address("2001:db8::11")
REALSERVER = RealServerProfile("rs", "eth0", "dummy", "lvsdr0", (VIP,))
DIRECTOR = DirectorProfile("web", "br0", (LabelledVip(VIP, "br0:0"),), (), ())
ETH0, LO = HostLink("eth0"), HostLink("lo", link_kind="loopback", loopback=True)
VETH1 = HostLink("veth1", link_kind="veth", index=7, below=2, far=0)
BR0 = HostLink("br0", link_kind="bridge")
PORT = replace(VETH1, master="br0", master_kind="bridge")
INSIDE = Host(
    {"eth0": HostLink("eth0", link_kind="veth", index=2, below=7, far=0)},
    tuple(HeldAddress("eth0", ip_interface(ip)) for ip in ("192.0.2.11/32", "2001:db8::11/128")),
)
FORWARDS = {f"net/ipv4/conf/{link}/forwarding": "1" for link in ("eth0", "veth1")}
FORWARDS |= {f"net/ipv6/conf/{scope}/forwarding": "1" for scope in ("all", "eth0")}
IN = RouteTo("unicast", "veth1", gateway=RIP)
OUT = RouteTo("unicast", "eth0")
QUIET = "sysctl -w net/ipv4/conf/eth0/arp_ignore=1 && sysctl -w net/ipv4/conf/eth0/arp_announce=2"


def host(
    *links: HostLink,
    way: RouteTo = IN,
    back: RouteTo = OUT,
    profile: Any = REALSERVER,
    held: tuple[str, ...] = ("eth0 192.0.2.21/24", "eth0 2001:db8::21/64"),
    **more: Any,
) -> ContainerHost:
    """Return the host of the container: `way` is that of requests, `back` that of answers."""
    known = {link.name: link for link in (ETH0, LO, *(links or (VETH1,)))}
    pairs = (item.split() for item in held)
    addresses = tuple(HeldAddress(link, ip_interface(ip)) for link, ip in pairs)
    seen = Host(known, addresses, {**FORWARDS, **more.pop("sysctls", {})})

    def inspected(packets: Any) -> Host:
        asked = packets(seen)
        routes = {packet: back if packet.destination in FAR.values() else way for packet in asked}
        return replace(seen, routes=routes, **more)

    found = container_cable.container_host_of(profile, INSIDE, 0, inspected)
    assert found is not None
    return found


def found(seen: ContainerHost, profile: Any = REALSERVER) -> list[tuple[str, str]]:
    return [(each.rule, each.subject) for each in container_host_rules.findings(profile, seen)]


def hint(seen: ContainerHost, profile: Any = REALSERVER) -> str:
    (finding,) = container_host_rules.findings(profile, seen)
    return finding.hint


# --- whose cable it is ---------------------------------------------------------------------------


def test_the_other_end_of_the_containers_cable_is_known() -> None:
    seen = host().host

    assert container_cable.other_end("eth0", INSIDE, seen, 0) == "veth1"


@pytest.mark.parametrize("number", [None, 1])
def test_a_cable_to_another_namespace_is_none_of_the_containers(number: int | None) -> None:
    seen = host().host

    assert container_cable.other_end("eth0", INSIDE, seen, number) is None
    assert container_cable.container_host_of(REALSERVER, INSIDE, number, lambda _: seen) is None


def test_a_vlan_on_the_cable_has_the_cables_other_end() -> None:
    vlan = HostLink("eth0.100", link_kind="vlan", index=3, below=2, parent="eth0")
    inside = replace(INSIDE, links={**INSIDE.links, "eth0.100": vlan})

    assert container_cable.other_end("eth0.100", inside, host().host, 0) == "veth1"


# --- a routed container --------------------------------------------------------------------------


def test_a_host_that_brings_packets_in_and_answers_out_is_right() -> None:
    assert found(host()) == []


def test_a_host_that_answers_for_the_vip_is_told_to_answer_for_the_rip_alone() -> None:
    seen = host(sysctls={"net/ipv4/conf/eth0/proxy_arp": "1"})

    assert found(seen) == [("HOST-ANSWERS", "eth0")]
    assert hint(seen) == (
        "ip neighbour replace proxy 192.0.2.11 dev eth0; sysctl -w net/ipv4/conf/eth0/proxy_arp=0"
    )


def test_where_other_containers_may_be_found_by_the_switch_it_is_not_to_be_turned() -> None:
    other = HostLink("veth2", link_kind="veth", index=9)
    seen = host(ETH0, VETH1, other, sysctls={"net/ipv4/conf/eth0/proxy_arp": "1"})

    (finding,) = container_host_rules.findings(REALSERVER, seen)

    assert (finding.rule, finding.hint) == ("HOST-ANSWERS", "")
    assert finding.look.startswith("proxy_arp of eth0 or of all")


def test_where_all_links_are_proxies_the_containers_stays_one() -> None:
    seen = host(sysctls={"net/ipv4/conf/all/proxy_arp": "1"})

    assert hint(seen) == (
        "ip neighbour replace proxy 192.0.2.11 dev eth0; sysctl -w net/ipv4/conf/veth1/proxy_arp=1;"
        " sysctl -w net/ipv4/conf/all/proxy_arp=0; sysctl -w net/ipv4/conf/eth0/proxy_arp=0"
    )


def test_an_entry_for_the_vip_is_to_go() -> None:
    seen = host(proxies=(ProxyNeighbour("eth0", VIP),))

    assert hint(seen) == "ip neighbour del proxy 192.0.2.10 dev eth0"


def test_a_host_that_is_the_director_may_answer() -> None:
    held = ("eth0 192.0.2.21/24", "eth0 192.0.2.10/32")

    assert found(host(held=held, way=RouteTo("local", "lo"))) == []


def test_a_host_that_holds_the_vip_and_is_no_director_is_told_to_be_silent() -> None:
    held = ("eth0 192.0.2.21/24", "lo 192.0.2.10/32")
    seen = host(held=held, way=RouteTo("local", "lo"))

    assert hint(seen) == QUIET


def test_a_local_route_to_the_vip_is_answered_for_no_more() -> None:
    assert hint(host(way=RouteTo("local", "lo"))) == QUIET


def test_a_host_is_not_told_to_be_silent_for_its_other_addresses_too() -> None:
    held = ("eth0 192.0.2.21/24", "lo 192.0.2.10/32", "lo 192.0.2.77/32")
    seen = host(held=held, way=RouteTo("local", "lo"))

    (finding,) = container_host_rules.findings(REALSERVER, seen)

    assert not finding.hint
    assert finding.look.startswith("while this host has 192.0.2.10 itself (lo)")


def test_an_ipv6_vip_is_answered_for_by_an_entry() -> None:
    profile = replace(REALSERVER, vips=(VIP6,))
    way = RouteTo("unicast", "veth1", gateway=RIP6)
    seen = host(
        profile=profile,
        way=way,
        proxies=(ProxyNeighbour("eth0", VIP6),),
        sysctls={"net/ipv6/conf/eth0/proxy_ndp": "1"},
    )

    assert found(seen, profile) == [("HOST-ANSWERS", "eth0")]
    assert hint(seen, profile) == "ip -6 neighbour del proxy 2001:db8::10 dev eth0"


def test_an_entry_that_sleeps_answers_for_no_ipv6_vip() -> None:
    profile = replace(REALSERVER, vips=(VIP6,))
    way = RouteTo("unicast", "veth1", gateway=RIP6)

    seen = host(profile=profile, way=way, proxies=(ProxyNeighbour("eth0", VIP6),))

    assert found(seen, profile) == []


@pytest.mark.parametrize(
    ("way", "why"),
    [
        (OUT, "sends them on through eth0"),
        (RouteTo("unicast", "veth1"), "the container is silent"),
        (RouteTo("unreachable"), "does not forward them"),
        (RouteTo("refused"), "reverse-path filter"),
    ],
)
def test_packets_that_get_lost_on_the_host_need_a_route_through_the_rip(
    way: RouteTo, why: str
) -> None:
    (finding,) = container_host_rules.findings(REALSERVER, host(way=way))

    assert finding.rule == "HOST-ROUTE"
    assert why in finding.message
    assert finding.hint == "ip -4 route replace 192.0.2.10/32 via 192.0.2.11 dev veth1"


def test_what_comes_in_a_tunnel_needs_no_route_to_the_vip() -> None:
    profile = replace(REALSERVER, holder="tunl0", holder_link="tunl0")

    assert found(host(way=OUT, profile=profile), profile) == []


def test_a_host_that_does_not_forward_is_told_to() -> None:
    seen = host(way=RouteTo("unreachable"), sysctls={"net/ipv4/conf/eth0/forwarding": "0"})

    assert hint(seen) == (
        "ip -4 route replace 192.0.2.10/32 via 192.0.2.11 dev veth1;"
        " sysctl -w net/ipv4/conf/eth0/forwarding=1"
    )


def test_a_host_that_forwards_no_ipv6_has_routes_for_it_all_the_same() -> None:
    profile = replace(REALSERVER, vips=(ip_address("2001:db8::10"),))
    link_alone = {"net/ipv6/conf/all/forwarding": "0", "net/ipv6/conf/eth0/forwarding": "1"}

    assert found(host(profile=profile), profile) == []
    assert found(host(profile=profile, sysctls=link_alone), profile) == [
        ("HOST-ROUTE", "veth1"),
        ("HOST-RETURN", "veth1"),
    ]


def test_what_a_host_keeps_for_itself_does_not_depend_on_its_forwarding() -> None:
    profile = replace(REALSERVER, vips=(VIP6,))
    closed = {"net/ipv6/conf/all/forwarding": "0"}
    seen = host(profile=profile, way=RouteTo("local", "lo"), sysctls=closed)

    assert found(seen, profile) == [("HOST-RETURN", "veth1")]


@pytest.mark.parametrize(
    ("kind", "mend"),
    [
        ("refused", "sysctl -w net/ipv4/conf/veth1/rp_filter=0"),
        ("blackhole", "ip -4 route replace 192.0.2.10/32 via 192.0.2.11 dev veth1"),
        ("unreachable", "sysctl -w net/ipv4/conf/veth1/forwarding=1"),
    ],
)
def test_answers_that_do_not_leave_the_host_are_let_out(kind: str, mend: str) -> None:
    seen = host(back=RouteTo(kind))

    assert found(seen) == [("HOST-RETURN", "veth1")]
    assert hint(seen) == mend


def test_a_loose_filter_is_enough_where_the_link_has_an_address() -> None:
    held = ("eth0 192.0.2.21/24", "veth1 192.0.2.21/32")

    assert hint(host(held=held, back=RouteTo("refused"))).endswith("veth1/rp_filter=2")


def test_the_filter_of_all_links_counts_too() -> None:
    seen = host(back=RouteTo("refused"), sysctls={"net/ipv4/conf/all/rp_filter": "1"})

    assert hint(seen) == (
        "sysctl -w net/ipv4/conf/eth0/rp_filter=1; sysctl -w net/ipv4/conf/all/rp_filter=0;"
        " sysctl -w net/ipv4/conf/veth1/rp_filter=0"
    )


def test_a_container_in_a_subnet_of_its_own_is_not_asked_for_on_the_segment() -> None:
    seen = host(held=("eth0 198.51.100.21/24",), way=OUT, back=RouteTo("refused"))

    assert found(seen) == []


# --- a bridge ------------------------------------------------------------------------------------


def bridged(bridge: Bridge, state_of_port: str = "forwarding", **more: Any) -> ContainerHost:
    return host(
        replace(ETH0, master="br0", master_kind="bridge"),
        PORT,
        BR0,
        held=("br0 192.0.2.21/24",),
        bridges={"br0": bridge},
        ports={"veth1": state_of_port},
        way=RouteTo("unicast", "br0"),
        **more,
    )


def test_a_bridge_brings_everything_in() -> None:
    assert found(bridged(Bridge(stp=True))) == []


@pytest.mark.parametrize("closed", ["listening", "learning"])
def test_a_port_that_is_not_open_yet_is_named(closed: str) -> None:
    (finding,) = container_host_rules.findings(REALSERVER, bridged(Bridge(stp=True), closed))

    assert (finding.rule, finding.subject, finding.severity) == ("BRIDGE-DELAY", "veth1", WARNING)
    assert "up to 30 s" in finding.message
    assert not finding.hint
    assert finding.look.startswith("wait, then announce")


def test_a_firewall_that_is_asked_about_frames_is_named_with_the_switch_that_does_it() -> None:
    every = bridged(Bridge(), sysctls={"net/bridge/bridge-nf-call-iptables": "1"})
    alone = bridged(Bridge(filters=frozenset({"arptables"})))

    (of_all,) = container_host_rules.findings(REALSERVER, every)
    (of_one,) = container_host_rules.findings(REALSERVER, alone)
    assert "net/bridge/bridge-nf-call-iptables=0" in of_all.look
    assert "nf_call_arptables 0 of br0" in of_one.look
    assert of_all.hint == of_one.hint == ""


def test_a_director_in_a_container_is_told_of_the_bridge_alone() -> None:
    inside = replace(DIRECTOR, interface="eth0")
    seen = bridged(Bridge(stp=True), "learning", profile=inside)

    assert found(seen, inside) == [("BRIDGE-DELAY", "veth1")]


@pytest.mark.parametrize("interface", ["br0", "br0.100"])
def test_a_host_on_a_bridge_is_told_of_its_closed_ports(interface: str) -> None:
    links = {
        "br0": BR0,
        "br0.100": HostLink("br0.100", link_kind="vlan", parent="br0"),
        "eth0": replace(ETH0, master="br0", master_kind="bridge"),
    }
    routes = {Packet(FAR[4]): OUT}
    profile = replace(DIRECTOR, interface=interface)
    seen = Host(
        links,
        (HeldAddress(interface, ip_interface("192.0.2.21/24")),),
        routes=routes,
        bridges={"br0": Bridge(stp=True)},
        ports={"eth0": "listening"},
    )

    rules = {each.rule for each in host_rules.findings(profile, seen)}

    assert "BRIDGE-DELAY" in rules


# --- who speaks for a slave ----------------------------------------------------------------------


def test_a_slave_is_refused_with_the_name_of_the_last_master() -> None:
    links = {
        "eth0": replace(ETH0, master="bond0", master_kind="bond"),
        "bond0": HostLink("bond0", link_kind="bond", master="br0", master_kind="bridge"),
        "br0": BR0,
    }

    with pytest.raises(CannotRun) as refused:
        usable_interface("eth0", Host(links))

    assert "it is a part of bond0, which is a part of br0, which speaks" in refused.value.message
    assert refused.value.hints == ['write "interface": "br0" in the profile']
