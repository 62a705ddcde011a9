"""What settings and answers mean."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Answer, Form
from lvsdr.model.profile import RealServerProfile
from lvsdr.model.survey import Survey, SurveyedLink
from lvsdr.rules.answers import Hearing, answers
from lvsdr.rules.arp import silence

VIP, VIP6 = ip_address("192.0.2.10"), ip_address("2001:db8::10")
RIP = ip_address("192.0.2.11")
RS, ONE, TWO = "02:00:00:00:00:11", "02:00:00:00:00:01", "02:00:00:00:00:02"
PROFILE = RealServerProfile("rs", "eth0", "lo", "lo", (VIP,))


def heard(
    *spoken: tuple[str, Form], vip: IPAddress = VIP, mine: str | None = None
) -> list[tuple[str, str | None]]:
    own = [] if mine is None else [Answer(vip, mine, "self")]
    hearing = Hearing(
        frozenset([*own, *(Answer(vip, mac, form) for mac, form in spoken)]), {RS: RIP}
    )
    return [(found.rule, found.mac) for found in answers([vip], hearing)]


def test_one_director_is_right() -> None:
    assert heard((ONE, "own"), (ONE, "probe")) == []


def test_a_director_does_not_hear_itself() -> None:
    assert heard(mine=ONE) == []


def test_nobody_is_an_error() -> None:
    assert heard() == [("ARP-NOBODY", None)]


def test_a_real_server_that_answers_is_named_though_a_director_answers_too() -> None:
    assert heard((ONE, "own"), (RS, "own"), (RS, "probe")) == [("ARP-ANSWER", RS)]


def test_a_real_server_alone_is_not_a_director() -> None:
    assert heard((RS, "own"), (RS, "probe")) == [("ARP-ANSWER", RS), ("ARP-NOBODY", None)]


def test_a_proxy_answers_the_own_form_only() -> None:
    assert heard((ONE, "own"), (RS, "own")) == [("ARP-PROXY", RS)]


def test_a_real_server_that_speaks_unasked_is_named() -> None:
    assert heard((ONE, "own"), (RS, "overheard")) == [("ARP-SPEAKS", RS)]


def test_two_hosts_that_are_no_real_servers_are_two_directors() -> None:
    assert heard((ONE, "own"), (TWO, "own")) == [("ARP-TWO-DIRECTORS", ONE)]
    assert heard((TWO, "own"), mine=ONE) == [("ARP-TWO-DIRECTORS", ONE)]


def test_ipv6_has_the_same_rules_by_another_name() -> None:
    assert heard(vip=VIP6) == [("ND-NOBODY", None)]
    assert heard((ONE, "own"), (RS, "own"), vip=VIP6) == [("ND-ANSWER", RS)]


LINKS = {
    "eth0": SurveyedLink("eth0"),
    "eth1": SurveyedLink("eth1", up=False),
    "port0": SurveyedLink("port0", master="br0", master_kind="bridge"),
    "tunl0": SurveyedLink("tunl0", arp=False),
    "lo": SurveyedLink("lo", loopback=True),
}


def settings(ignore: tuple[int, int], announce: tuple[int, int]) -> Survey:
    values = {"arp_ignore": ignore, "arp_announce": announce}
    sysctls = {
        f"net/ipv4/conf/{scope}/{name}": str(value)
        for name, pair in values.items()
        for scope, value in zip(("all", "eth0"), pair, strict=True)
    }
    return Survey(LINKS, (), sysctls)


@pytest.mark.parametrize("pair", [(1, 0), (0, 1), (2, 1), (8, 0), (1, 2)])
def test_these_values_of_arp_ignore_are_silent(pair: tuple[int, int]) -> None:
    assert list(silence(PROFILE, settings(pair, (2, 0)))) == []


@pytest.mark.parametrize("pair", [(0, 0), (3, 1), (1, 3), (1, 4), (7, 0)])
def test_these_values_of_arp_ignore_answer_for_vips(pair: tuple[int, int]) -> None:
    (found,) = silence(PROFILE, settings(pair, (2, 0)))

    assert (found.rule, found.subject) == ("ARP-IGNORE", "eth0")
    assert f"effective arp_ignore is {max(pair)}" in found.message


@pytest.mark.parametrize("pair", [(0, 0), (1, 0), (0, 1), (2, 3)])
def test_these_values_of_arp_announce_ask_in_a_vips_name(pair: tuple[int, int]) -> None:
    (found,) = silence(PROFILE, settings((1, 0), pair))

    assert (found.rule, found.subject) == ("ARP-ANNOUNCE", "eth0")


def test_a_vip_on_a_link_that_speaks_is_found_whatever_the_settings() -> None:
    survey = settings((1, 0), (2, 0))
    held = Survey(survey.links, (("eth0", ip_interface("192.0.2.10/24")),), survey.sysctls)

    (found,) = silence(PROFILE, held)

    assert (found.rule, found.vip) == ("VIP-ON-LINK", VIP)
    assert found.hint == "ip address del 192.0.2.10/24 dev eth0"


def test_ipv6_vips_need_no_arp_settings() -> None:
    profile = RealServerProfile("rs", "eth0", "lo", "lo", (VIP6,))

    assert list(silence(profile, settings((0, 0), (0, 0)))) == []
