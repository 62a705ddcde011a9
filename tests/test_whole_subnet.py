"""A host that holds every host address of its link's subnet: there is no neighbour to speak of."""

from __future__ import annotations

import json
from ipaddress import ip_interface
from pathlib import Path

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run
from lvsdr.model.objects import Address, Link, Sysctl
from lvsdr.rules.host.askers import FAR, neighbour

# Its own address, and the VIP: all that there is between them.
SUBNETS = [
    pytest.param("192.0.2.1/30", "192.0.2.2", id="/30"),
    pytest.param("192.0.2.2/31", "192.0.2.3", id="/31"),
    pytest.param("2001:db8::4/127", "2001:db8::5", id="/127"),
    pytest.param("2001:db8::5/126", "2001:db8::6 2001:db8::7", id="/126"),
]


def session(own: str, vips: str, root: Path) -> FakeSession:
    held = [Address("eth0", ip_interface(own))]
    for vip in map(ip_interface, vips.split()):
        held.append(
            Address("lo", vip, label="lo", scope="host")
            if vip.version == 4
            else Address("lo", vip, deprecated=True)
        )
    settings = (("arp_ignore", "1"), ("arp_announce", "2"))
    silent = [Sysctl(f"net/ipv4/conf/all/{name}", value) for name, value in settings]
    lo = Link("lo", "loopback", up=True, arp=True)
    return FakeSession(host(lo, *silent, *held), root)


@pytest.mark.parametrize(("own", "vips"), SUBNETS)
def test_what_it_would_answer_is_explained(own: str, vips: str, tmp_path: Path) -> None:
    assert run(("explain", "arp"), session(own, vips, tmp_path)) == 0


@pytest.mark.parametrize("held", [True, False], ids=["held", "lost"])
@pytest.mark.parametrize(("own", "vips"), SUBNETS)
def test_a_real_server_is_verified(own: str, vips: str, held: bool, tmp_path: Path) -> None:
    profile = tmp_path / "realserver.json"
    wanted = {"role": "realserver", "interface": "eth0", "holder": "lo", "guard": False}
    # One more that is lost is asked for in a neighbour's name.
    lost = [] if held else ["192.0.2.9", "2001:db8::9"]
    profile.write_text(json.dumps({**wanted, "vips": [*vips.split(), *lost]}))
    words = ("realserver", "verify", "--allow-insecure-profile", str(profile))

    assert run(words, session(own, vips, tmp_path / "run")) == (0 if held else 1)


@pytest.mark.parametrize(
    ("ips", "expected"),
    [
        ("192.0.2.1/30 192.0.2.2/30", FAR[4]),
        ("192.0.2.2/31 192.0.2.3/32", FAR[4]),
        ("192.0.2.1/30 192.0.2.2/30 198.51.100.1/24", "198.51.100.2"),
        ("192.0.2.1/30", "192.0.2.2"),
        ("192.0.2.2/31", "192.0.2.3"),
        ("2001:db8::4/127 2001:db8::5/127", FAR[6]),
        ("2001:db8::4/127", "2001:db8::5"),
    ],
)
def test_a_neighbour_is_of_the_subnet_where_there_is_one(ips: str, expected: str) -> None:
    held = [Address("eth0", ip_interface(ip)) for ip in ips.split()]

    found = neighbour("eth0", held[0].ip.version, host(*held).read_host())

    assert str(found) == str(expected)
