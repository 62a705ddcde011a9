"""What answers on the segment mean, and what ARP settings do."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.neighbour_claim import Answer, AnswerForm
from lvsdr.model.profile import RealServerProfile
from lvsdr.proof.segment_hosts import owning_macs
from lvsdr.rules.host.arp_leaks import speaks_for_vips
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.rules.segment.who_answers import SegmentAnswers, answer_findings

VIP, VIP6 = ip_address("192.0.2.10"), ip_address("2001:db8::10")
RIP, DIP = ip_address("192.0.2.11"), ip_address("192.0.2.5")
RS, ONE, TWO = "02:00:00:00:00:11", "02:00:00:00:00:01", "02:00:00:00:00:02"
PROFILE = RealServerProfile("rs", "eth0", "lo", "lo", (VIP,))


def heard(
    *spoken: tuple[str, AnswerForm], vip: IPAddress = VIP, mine: str | None = None
) -> list[tuple[str, str | None]]:
    own = [] if mine is None else [Answer(vip, mine, "self")]
    heard = [*own, *(Answer(vip, mac, form) for mac, form in spoken)]
    answers = SegmentAnswers(frozenset(heard), MacOwners({RS: RIP}))
    return [(found.rule, found.mac) for found in answer_findings([vip], answers)]


def both(mac: str) -> tuple[tuple[str, AnswerForm], tuple[str, AnswerForm]]:
    return (mac, "own"), (mac, "probe")


def test_one_director_is_right() -> None:
    assert heard(*both(ONE)) == []


def test_a_director_does_not_hear_itself() -> None:
    assert heard(mine=ONE) == []


def test_nobody_is_an_error() -> None:
    assert heard() == [("ARP-NOBODY", None)]


def test_a_real_server_that_answers_is_named_though_a_director_answers_too() -> None:
    assert heard(*both(ONE), *both(RS)) == [("ARP-ANSWER", RS)]


def test_a_real_server_alone_is_not_a_director() -> None:
    assert heard((RS, "own"), (RS, "probe")) == [("ARP-ANSWER", RS), ("ARP-NOBODY", None)]


def test_a_proxy_answers_the_own_form_only() -> None:
    assert heard(*both(ONE), (RS, "own")) == [("ARP-PROXY", RS)]
    assert heard(*both(ONE), (TWO, "own"), (TWO, "overheard")) == [("ARP-PROXY", TWO)]


def test_a_proxy_of_ipv6_marks_what_it_says() -> None:
    assert heard((ONE, "own"), (RS, "proxy"), vip=VIP6) == [("ND-PROXY", RS)]
    assert heard((ONE, "own"), (TWO, "proxy"), vip=VIP6) == [("ND-PROXY", TWO)]


def test_a_proxy_alone_is_no_director() -> None:
    assert heard((TWO, "own")) == [("ARP-PROXY", TWO), ("ARP-NOBODY", None)]


def test_a_real_server_that_speaks_unasked_is_named() -> None:
    assert heard(*both(ONE), (RS, "overheard")) == [("ARP-SPEAKS", RS)]


def test_two_hosts_that_are_no_real_servers_are_two_directors() -> None:
    assert heard(*both(ONE), *both(TWO)) == [("ARP-TWO-DIRECTORS", ONE)]
    assert heard(*both(TWO), mine=ONE) == [("ARP-TWO-DIRECTORS", ONE)]
    assert heard(*both(ONE), (TWO, "overheard")) == [("ARP-TWO-DIRECTORS", ONE)]


def known(owners: MacOwners, *spoken: tuple[str, AnswerForm]) -> list[Finding]:
    heard = frozenset(Answer(VIP, mac, form) for mac, form in spoken)
    return list(answer_findings([VIP], SegmentAnswers(heard, owners)))


ONE_HOST = [
    pytest.param(MacOwners(mine=frozenset({ONE, TWO})), id="this host"),
    pytest.param(MacOwners(dips={ONE: DIP, TWO: DIP}), id="the director"),
]


@pytest.mark.parametrize("owners", ONE_HOST)
def test_a_bond_of_the_director_gives_each_asker_one_mac_and_is_right(owners: MacOwners) -> None:
    assert known(owners, (ONE, "own"), (TWO, "probe")) == []


@pytest.mark.parametrize("owners", ONE_HOST)
def test_links_of_the_director_that_answer_one_question_are_flux(owners: MacOwners) -> None:
    (found,) = known(owners, *both(ONE), *both(TWO))

    assert (found.rule, found.severity, found.mac) == ("ARP-FLUX", WARNING, ONE)
    assert f"2 MAC addresses ({ONE}, {TWO})" in found.message


def test_a_link_that_this_host_hears_beside_its_own_answer_is_flux() -> None:
    owners = MacOwners(mine=frozenset({ONE, TWO}))

    (found,) = known(owners, (ONE, "self"), (TWO, "probe"))

    assert found.rule == "ARP-FLUX"


def test_two_directors_that_are_known_are_two_all_the_same() -> None:
    owners = MacOwners(dips={ONE: DIP, TWO: ip_address("192.0.2.9")})

    (found,) = known(owners, *both(ONE), *both(TWO))

    assert found.rule == "ARP-TWO-DIRECTORS"
    assert f"director 192.0.2.5 ({ONE}), director 192.0.2.9 ({TWO})" in found.message


def test_a_real_server_with_several_macs_is_named_once_with_all_of_them() -> None:
    (found,) = known(MacOwners({RS: RIP, TWO: RIP}), *both(ONE), (RS, "probe"), (TWO, "own"))

    assert (found.rule, found.rip) == ("ARP-ANSWER", RIP)
    assert f"real server 192.0.2.11 ({TWO}, {RS})" in found.message


def test_one_mac_for_each_form_may_be_a_bond_and_is_a_warning() -> None:
    (found,) = known(MacOwners(), (ONE, "own"), (TWO, "probe"))

    assert (found.rule, found.severity) == ("ARP-TWO-DIRECTORS", WARNING)
    assert "--dip" in found.look
    assert not found.hint


def test_of_thousands_that_answer_a_few_are_listed() -> None:
    macs = [f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(3000)]

    (found,) = known(MacOwners(), *((mac, "probe") for mac in macs))

    assert found.message.endswith("and 2992 more")
    assert len(found.message) < 600


@pytest.mark.parametrize(
    ("mac", "name"),
    [
        ("00:00:5e:00:01:2a", "VRRP virtual router 42"),
        ("00:00:5e:00:02:ff", "VRRP virtual router 255"),
        ("00:00:5e:00:03:01", "unknown host, vendor prefix 00:00:5e"),
        ("00:1b:21:aa:bb:cc", "unknown host, vendor prefix 00:1b:21"),
        ("02:00:00:00:00:11", "unknown host, locally administered"),
        ("33:33:00:00:00:01", "no host: a group's address"),
    ],
)
def test_a_mac_alone_tells_this_of_its_host(mac: str, name: str) -> None:
    assert MacOwners().host(mac) == name


def test_a_mac_of_a_real_server_is_known_by_its_answer_for_the_rip() -> None:
    told: dict[str, list[tuple[str, AnswerForm]]] = {
        "a bond": [(RS, "own"), (TWO, "probe")],
        "two links": [*both(RS), *both(TWO)],
        "beside a proxy": [*both(RS), (TWO, "own")],
        "a proxy alone": [(TWO, "own")],
        "overheard": [(RS, "overheard")],
    }

    known = {
        case: set(owning_macs([Answer(RIP, mac, form) for mac, form in spoken], [RIP]))
        for case, spoken in told.items()
    }

    assert known == {
        "a bond": {RS, TWO},
        "two links": {RS, TWO},
        "beside a proxy": {RS},
        "a proxy alone": set(),
        "overheard": set(),
    }


def test_ipv6_has_the_same_rules_by_another_name() -> None:
    assert heard(vip=VIP6) == [("ND-NOBODY", None)]
    assert heard((ONE, "own"), (RS, "own"), vip=VIP6) == [("ND-ANSWER", RS)]


LINKS = {
    "eth0": HostLink("eth0"),
    "eth1": HostLink("eth1", up=False),
    "port0": HostLink("port0", master="br0", master_kind="bridge"),
    "tunl0": HostLink("tunl0", arp=False),
    "lo": HostLink("lo", loopback=True),
}


def settings(ignore: tuple[int, int], announce: tuple[int, int]) -> Host:
    values = {"arp_ignore": ignore, "arp_announce": announce}
    sysctls = {
        f"net/ipv4/conf/{scope}/{name}": str(value)
        for name, pair in values.items()
        for scope, value in zip(("all", "eth0"), pair, strict=True)
    }
    return Host(LINKS, (), sysctls)


@pytest.mark.parametrize("pair", [(1, 0), (0, 1), (2, 1), (8, 0), (1, 2)])
def test_these_values_of_arp_ignore_are_silent(pair: tuple[int, int]) -> None:
    assert list(speaks_for_vips(PROFILE, settings(pair, (2, 0)))) == []


@pytest.mark.parametrize("pair", [(0, 0), (3, 1), (1, 3), (1, 4), (7, 0)])
def test_these_values_of_arp_ignore_answer_for_vips(pair: tuple[int, int]) -> None:
    (found,) = speaks_for_vips(PROFILE, settings(pair, (2, 0)))

    assert (found.rule, found.subject) == ("ARP-IGNORE", "eth0")
    assert f"effective arp_ignore is {max(pair)}" in found.message


@pytest.mark.parametrize("pair", [(0, 0), (1, 0), (0, 1), (2, 3)])
def test_these_values_of_arp_announce_ask_in_a_vips_name(pair: tuple[int, int]) -> None:
    (found,) = speaks_for_vips(PROFILE, settings((1, 0), pair))

    assert (found.rule, found.subject) == ("ARP-ANNOUNCE", "eth0")


def test_a_vip_on_a_link_that_speaks_is_found_whatever_the_settings() -> None:
    address = HeldAddress("eth0", ip_interface("192.0.2.10/24"))
    held = replace(settings((1, 0), (2, 0)), addresses=(address,))

    (found,) = speaks_for_vips(PROFILE, held)

    assert (found.rule, found.vip) == ("VIP-ON-LINK", VIP)
    assert found.hint == (
        "ip address add 192.0.2.10/32 dev lo && ip address del 192.0.2.10/24 dev eth0"
        " && lvsdr realserver apply"
    )


def test_ipv6_vips_need_no_arp_settings() -> None:
    profile = RealServerProfile("rs", "eth0", "lo", "lo", (VIP6,))

    assert list(speaks_for_vips(profile, settings((0, 0), (0, 0)))) == []
