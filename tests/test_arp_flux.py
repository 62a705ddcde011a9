"""Links of a director that answer for its VIPs with another MAC, told on hosts that are data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.rules.host.arp_flux import flux

VIP, VIP6 = ip_address("192.0.2.10"), ip_address("2001:db8::10")
VIP_OF_ETH0 = LabelledVip(VIP, "eth0:0")
DIRECTOR = DirectorProfile("web", "eth0", (VIP_OF_ETH0,), (), ())
ETH0 = HostLink("eth0", mac="02:00:00:00:00:01")
ETH1 = HostLink("eth1", mac="02:00:00:00:00:02")
# On the director's segment, as its address says.
UNSET: Mapping[str, str] = {}
HELD = ("eth0 192.0.2.1/24", "eth0 192.0.2.10/32", "eth1 192.0.2.2/24")


def host(*held: str, second: HostLink = ETH1, ignore: Mapping[str, str] = UNSET) -> Host:
    """Return a host of two links with addresses, LINK ADDRESS/PREFIX, and arp_ignore by scope."""
    pairs = (item.split() for item in held or HELD)
    addresses = tuple(HeldAddress(link, ip_interface(ip)) for link, ip in pairs)
    paths = {f"net/ipv4/conf/{scope}/arp_ignore": value for scope, value in ignore.items()}
    return Host({"eth0": ETH0, second.name: second}, addresses, paths)


def of_vips(*vips: LabelledVip) -> DirectorProfile:
    return replace(DIRECTOR, labelled_vips=vips)


def subjects(seen: Host, profile: DirectorProfile = DIRECTOR) -> list[str]:
    return [each.subject for each in flux(profile, seen)]


def test_a_second_link_of_the_segment_answers_too() -> None:
    (found,) = flux(replace(DIRECTOR, arp_flux="leave"), host())

    assert (found.rule, found.severity, found.subject) == ("ARP-FLUX", WARNING, "eth1")
    assert "on the segment of eth0, and effective arp_ignore is 0" in found.message
    assert found.hint == (
        "sysctl -w net/ipv4/conf/eth1/arp_ignore=1 && sysctl -w net/ipv4/conf/eth1/arp_announce=2"
    )


def test_where_the_profile_mends_it_it_is_an_error_and_apply_the_way_out() -> None:
    (found,) = flux(replace(DIRECTOR, arp_flux="mend"), host())

    assert (found.severity, found.hint) == (ERROR, "lvsdr director apply")


def test_it_is_about_what_both_links_answer_and_ask() -> None:
    (found,) = flux(DIRECTOR, host())

    assert {key[-1] for key in found.about} == {
        f"net/ipv4/conf/{link}/{name}"
        for link in ("eth0", "eth1")
        for name in ("arp_ignore", "arp_announce")
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"eth1": "1"}, []),
        ({"eth1": "2"}, []),
        ({"all": "1"}, []),
        ({"all": "8", "eth1": "1"}, []),
        # A VIP of a director has scope global; 4 to 7 act like 0, and the larger value counts.
        ({"eth1": "3"}, ["eth1"]),
        ({"all": "4", "eth1": "1"}, ["eth1"]),
        ({"eth0": "1"}, ["eth1"]),
    ],
)
def test_the_larger_of_two_settings_says_whether_it_answers(
    values: dict[str, str], expected: list[str]
) -> None:
    assert subjects(host(ignore=values)) == expected


@pytest.mark.parametrize(
    "eth1",
    [
        pytest.param(replace(ETH1, up=False), id="down"),
        pytest.param(replace(ETH1, arp=False), id="NOARP"),
        pytest.param(replace(ETH1, master="bond0", master_kind="bond"), id="a slave"),
        pytest.param(replace(ETH1, mac=ETH0.mac), id="the same MAC"),
    ],
)
def test_a_link_that_says_nothing_or_the_same_mac_is_no_flux(eth1: HostLink) -> None:
    assert subjects(host(second=eth1)) == []


def test_a_link_in_a_vrf_speaks_for_itself() -> None:
    seen = host(second=replace(ETH1, master="vrf0", master_kind="vrf"))

    assert subjects(seen) == ["eth1"]


def test_a_link_of_another_segment_is_not_asked() -> None:
    assert subjects(host(*HELD[:2], "eth1 198.51.100.2/24")) == []


def test_a_macvlan_on_the_interface_is_on_its_segment_without_an_address() -> None:
    lying_on_it = replace(ETH1, link_kind="macvlan", parent="eth0")

    assert subjects(host(*HELD[:2], second=lying_on_it)) == ["eth1"]


def test_a_link_that_holds_every_vip_answers_for_its_own() -> None:
    more = LabelledVip(ip_address("192.0.2.20"), "eth0:1")
    seen = host(*HELD, "eth1 192.0.2.10/32")

    assert (subjects(seen), subjects(seen, of_vips(VIP_OF_ETH0, more))) == ([], ["eth1"])
    assert subjects(seen, of_vips(VIP_OF_ETH0, LabelledVip(VIP6, ""))) == []


def test_the_interface_itself_is_none_of_the_others_though_it_has_no_mac_and_no_vip() -> None:
    seen = host(HELD[0])

    assert subjects(replace(seen, links={"eth0": HostLink("eth0")})) == []


def test_ipv6_alone_knows_no_flux() -> None:
    six = LabelledVip(VIP6, "")

    assert subjects(host(), of_vips(six)) == []
    assert subjects(host(), of_vips(six, VIP_OF_ETH0)) == ["eth1"]
