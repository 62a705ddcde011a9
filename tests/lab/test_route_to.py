"""What the kernel says of one packet, beside what `ip route get` says."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.route_lookup import Packet, RouteTo

ROUTES = """
link add eth0 type dummy
link set eth0 up
address add 192.168.1.11/24 dev eth0
address add 192.168.1.2/32 dev lo
route add default via 192.168.1.1
route add unreachable 10.1.1.1/32
route add blackhole 10.1.1.2/32
route add prohibit 10.1.1.3/32
address add fd00::11/64 dev eth0 nodad
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosts(["one"]) as made:
        made["one"].ip(*ROUTES.strip().splitlines())
        yield made["one"]


def asked(host: Host, destination: str, **arriving: str) -> RouteTo:
    source = ip_address(arriving.pop("source")) if "source" in arriving else None

    packet = Packet(ip_address(destination), source, arriving.get("arriving"))

    def ask() -> RouteTo:
        with LinuxKernel() as kernel:
            return kernel.inspect(lambda _: [packet], table=False).routes[packet]

    return host.inside(ask)


RIP = ip_address("192.168.1.11")


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("192.168.1.2", RouteTo("local", "lo", None, ip_address("192.168.1.2"))),
        ("192.168.1.50", RouteTo("unicast", "eth0", None, RIP)),
        ("8.8.8.8", RouteTo("unicast", "eth0", ip_address("192.168.1.1"), RIP)),
        ("10.1.1.1", RouteTo("unreachable")),
        ("10.1.1.2", RouteTo("blackhole")),
        ("10.1.1.3", RouteTo("prohibit")),
        ("fd00::9", RouteTo("unicast", "eth0", None, ip_address("fd00::11"))),
        ("fd01::9", RouteTo("unreachable")),
    ],
)
def test_a_packet_of_our_own_goes_where_ip_route_get_says(
    host: Host, destination: str, expected: RouteTo
) -> None:
    said = host.run("ip", "-o", "route", "get", destination, check=False)

    assert asked(host, destination) == expected
    assert (said.returncode == 0) == (expected.link is not None)
    assert f"dev {expected.link}" in said.stdout or expected.link is None


def test_a_packet_that_arrives_for_the_vip_is_taken_in(host: Host) -> None:
    assert asked(host, "192.168.1.2", source="10.9.9.9", arriving="eth0").kind == "local"


def test_a_packet_that_a_strict_reverse_path_filter_drops_is_refused(host: Host) -> None:
    host.ip("route add 10.10.0.0/16 dev lo")
    host.sysctl("net/ipv4/conf/all/rp_filter", 1)

    shown = ("route", "get", "192.168.1.2", "from", "10.10.0.9", "iif", "eth0")
    said = host.run("ip", *shown, check=False).stderr

    # Since Linux 7 the kernel answers as it does for a blackhole.
    told = "blackhole" if "Invalid argument" in said else "refused"
    assert ("Invalid cross-device link" in said) == (told == "refused")
    assert asked(host, "192.168.1.2", source="10.10.0.9", arriving="eth0").kind == told
