"""Which MACs are asked about, and what is said of those that several hosts have."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from pathlib import Path

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR
from lvsdr.model.ipvs import Service
from lvsdr.model.neighbour_claim import Answer, AnswerForm
from lvsdr.model.objects import Address
from lvsdr.model.path import Path as Way
from lvsdr.model.path import Proof
from lvsdr.rules.paths.path_findings import findings
from lvsdr.wire.paths.next_hops import owned
from lvsdr.wire.paths.shared_macs import shared_macs

VIP, RIP, OTHER = (ip_address(f"192.168.1.{end}") for end in (2, 11, 12))
RIP6, OTHER6 = ip_address("2001:db8::11"), ip_address("2001:db8::12")
RS, RS2, FOE = (f"02:00:00:00:00:{end}" for end in ("11", "12", "66"))
WEB = Service("tcp", VIP, 80)
PROFILE = str(Path(__file__).parent.parent / "profiles" / "director.json")
SOURCES = IPv4Address("192.168.1.10"), IPv6Address("2001:db8::10")


@pytest.mark.parametrize(
    ("forms", "macs"),
    [
        pytest.param([(RIP, RS, "own", ""), (RIP, RS, "probe", "")], {RS}, id="an owner"),
        pytest.param([(RIP, RS, "own", "")], set(), id="a proxy, of several containers perhaps"),
        pytest.param([(RIP, RS, "overheard", "")], set(), id="nobody asked"),
        pytest.param([(RIP, RS, "probe", FOE)], set(), id="another says so"),
        pytest.param([(RIP6, RS, "own", "")], {RS}, id="an owner on IPv6"),
        pytest.param([(RIP6, RS, "proxy", "")], set(), id="a proxy on IPv6"),
    ],
)
def test_only_who_owns_an_address_can_share_its_mac(
    forms: list[tuple[IPAddress, str, AnswerForm, str]], macs: set[str]
) -> None:
    assert owned(Answer(*each) for each in forms) == macs


@pytest.mark.parametrize(
    "macs",
    [
        pytest.param({RIP: [RS], OTHER: [RS2]}, id="one each"),
        pytest.param({RIP: [RS], RIP6: [RS]}, id="both families of one host"),
        pytest.param({RIP: [RS, RS2], OTHER: []}, id="a host of two links"),
    ],
)
def test_nobody_is_asked_where_no_mac_has_two_addresses(macs: dict[IPAddress, list[str]]) -> None:
    # There is no such link: to ask would fail.
    assert shared_macs("no-such-link", macs, SOURCES) == ()


def test_without_an_address_to_ask_from_nothing_is_said_of_ipv6() -> None:
    assert shared_macs("no-such-link", {RIP6: [RS], OTHER6: [RS]}, (None, None)) == ()


def test_real_servers_that_serve_are_told_of_once_where_they_share_a_mac() -> None:
    shared = ((RS, (RIP, OTHER)),)
    proofs = [
        Proof(Way(WEB, VIP, rip, 80), "served", macs=(RS,), shared=shared) for rip in (RIP, OTHER)
    ]

    (found,) = findings(proofs)

    assert (found.rule, found.severity, found.mac) == ("PATH-SHARED-MAC", ERROR, RS)
    assert f"real servers {RIP}, {OTHER} have the same MAC address ({RS})" in found.message
    assert found.look and not found.hint


def test_a_third_host_tells_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(
        host(Address("eth0", ip_interface("192.168.1.250/24"), label="eth0")),
        tmp_path,
        [Answer(VIP, FOE, "own"), Answer(VIP, FOE, "probe")],
    )
    session.shared = [(RS, (RIP, OTHER))]

    code = run(("verify", PROFILE, "--no-services"), session)

    assert code == 1
    assert "PATH-SHARED-MAC" in capsys.readouterr().out
