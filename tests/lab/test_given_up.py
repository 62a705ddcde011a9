"""A guest gives an address up that its host still leads to it: counted, found, stopped, mended."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest
from rig import VIP, director, lvsdr, realserver, settled, verified, virtual_server, write
from witnesses import captured

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.route_lookup import ForwardingOutcome
from lvsdr.wire.paths.forwarded_packets import forwarding_outcomes

VIP6 = "fd00::2"
GUEST, GUEST6, GUEST_MAC = "10.0.0.2", "fd10::2", "02:00:00:00:10:02"
# linux/in.h, linux/in6.h
IP_RECVERR, IPV6_RECVERR = 11, 25
# One that comes from the gateway and is forwarded until its TTL of 64 is used up.
ROUND_AND_ROUND = 63
UNREACHABLE = f"route add unreachable {VIP} metric 4294967294"
NO_UNREACHABLE = f"route del unreachable {VIP} metric 4294967294"


@dataclass(frozen=True, slots=True)
class House:
    """A host with a guest, and the gateway of the host's segment; profiles for either."""

    gateway: Host
    host: Host
    guest: Host
    director: Path
    realserver: Path

    def frames(self, vip: str = VIP) -> int:
        """Return how often one packet for the VIP, from the gateway, is on the guest's link."""
        family = "ip6" if ":" in vip else "ip"
        with captured(self.host, "veth0", f"{family} and udp and dst host {vip}") as seen:
            self.gateway.inside(lambda: send_one(vip))
            # The last has gone by when the gateway's own question is answered.
            self.gateway.run("arping", "-c", "1", "-w", "2", "-I", "eth0", "192.168.1.11")
        return len(seen)

    def fate(self, vip: str = VIP) -> ForwardingOutcome:
        """Return what this program finds out on the host."""
        address = ip_address(vip)
        return self.host.inside(lambda: forwarding_outcomes({address: "veth0"}, 1.0))[address]


def send_one(vip: str) -> None:
    """Send a packet, and wait for the error that tells what became of it, as long as one comes."""
    family, level, errors = (
        (socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_RECVERR)
        if ":" in vip
        else (socket.AF_INET, socket.IPPROTO_IP, IP_RECVERR)
    )
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(level, errors, 1)
        sender.sendto(b"!", (vip, 9))
        waiting = select.poll()
        waiting.register(sender, 0)
        # Neighbours are asked for on the way: on Linux 7.2 that takes longer than an ARP of ours.
        waiting.poll(1500)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with hosts(["gateway", "host", "guest"]) as made:
        gateway, host, guest = made["gateway"], made["host"], made["guest"]
        gateway.ip(
            "link add eth0 type veth peer name eth0 netns lvsdr-host",
            "address add 192.168.1.1/24 dev eth0",
            "address add fd00::1/64 dev eth0 nodad",
            "link set eth0 up",
        )
        host.ip(
            f"link add veth0 type veth peer name eth0 address {GUEST_MAC} netns lvsdr-guest",
            "address add 192.168.1.11/24 dev eth0",
            "address add fd00::11/64 dev eth0 nodad",
            "address add 10.0.0.1/24 dev veth0",
            "address add fd10::1/64 dev veth0 nodad",
            "link set eth0 up",
            "link set veth0 up",
            f"neighbour add proxy {VIP} dev eth0",
            f"neighbour add proxy {VIP6} dev eth0",
            f"route add {VIP} via {GUEST}",
            f"route add {VIP6} via {GUEST6}",
        )
        guest.ip(
            f"address add {GUEST}/24 dev eth0",
            f"address add {GUEST6}/64 dev eth0 nodad",
            "link set eth0 up",
            "route add default via 10.0.0.1",
            "route add default via fd10::1",
        )
        for each in (host, guest):
            each.sysctl("net/ipv4/ip_forward", 1)
            each.sysctl("net/ipv6/conf/all/forwarding", 1)
        for path in ("ipv6/conf/eth0/proxy_ndp=1", "ipv4/neigh/eth0/proxy_delay=0"):
            host.sysctl(*f"net/{path}".split("="))
        host.sysctl("net/ipv6/neigh/eth0/proxy_delay", 0)
        wanted = write(folder, director(virtual_server(), virtual_server(VIP6, ["fd00::12"])))
        yield House(gateway, host, guest, wanted, write(folder, realserver("lo")))


@pytest.mark.parametrize(("vip", "bits"), [(VIP, 32), (VIP6, 128)])
def test_a_packet_is_taken_by_one_who_has_the_address(house: House, vip: str, bits: int) -> None:
    house.guest.ip(f"address add {vip}/{bits} dev lo")

    frames, fate = house.frames(vip), house.fate(vip)
    house.guest.ip(f"address del {vip}/{bits} dev lo")

    assert frames == 1
    assert fate == ForwardingOutcome("taken", ip_address(vip))


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_once_it_was_given_up_a_packet_goes_to_and_fro(house: House, vip: str) -> None:
    assert house.frames(vip) == ROUND_AND_ROUND
    assert house.fate(vip) == ForwardingOutcome("returned")


def test_a_guest_that_does_not_forward_is_silent(house: House) -> None:
    house.guest.sysctl("net/ipv4/ip_forward", 0)

    frames, fate = house.frames(), house.fate()
    house.guest.sysctl("net/ipv4/ip_forward", 1)

    assert (frames, fate) == (1, ForwardingOutcome("silent"))


@pytest.mark.parametrize(
    ("kind", "fate"),
    [
        ("unreachable", ForwardingOutcome("refused", ip_address(GUEST))),
        ("blackhole", ForwardingOutcome("silent")),
        ("throw", ForwardingOutcome("refused", ip_address(GUEST))),
    ],
)
def test_a_guard_in_the_guest_ends_it(house: House, kind: str, fate: ForwardingOutcome) -> None:
    house.guest.ip(f"route add {kind} {VIP} metric 4294967294")

    frames, seen = house.frames(), house.fate()
    house.guest.ip(f"route del {kind} {VIP} metric 4294967294")

    assert (frames, seen) == (1, fate)


def test_a_guard_that_throws_ends_nothing_where_another_table_follows(house: House) -> None:
    house.guest.ip(
        f"route add throw {VIP} metric 4294967294",
        "rule add pref 32767 lookup 77",
        "route add default via 10.0.0.1 table 77",
    )

    frames = house.frames()
    house.guest.ip(
        f"route del throw {VIP} metric 4294967294",
        "rule del pref 32767 lookup 77",
        "route flush table 77",
    )

    assert frames == ROUND_AND_ROUND


def test_a_guard_on_the_host_is_not_asked_while_the_route_stands(house: House) -> None:
    house.host.ip(UNREACHABLE)

    frames = house.frames()
    house.host.ip(NO_UNREACHABLE)

    assert frames == ROUND_AND_ROUND


def test_the_guest_is_told_and_what_it_is_told_ends_it(house: House) -> None:
    found = verified(house.guest, "realserver", "verify", house.realserver, expect=1)
    loops = [each for each in found if each["rule"] == "VIP-LOOPS"]
    lvsdr(house.guest, *loops[0]["hint"].split()[1:])
    held = house.fate()
    house.guest.ip(f"address del {VIP}/32 dev lo")
    guarded, fate = house.frames(), house.fate()
    lvsdr(house.guest, "realserver", "withdraw", house.realserver)

    assert "back where they came from" in loops[0]["message"]
    assert held.kind == "taken"
    assert (guarded, fate) == (1, ForwardingOutcome("refused", ip_address(GUEST)))


def test_the_host_is_told_and_its_hint_mends_it_in_one_step(house: House) -> None:
    asked = ("verify", house.director, "--seconds", "0.3", "--format", "json")

    before = json.loads(lvsdr(house.host, *asked, expect=1))["findings"]
    found = {each["vip"]: each for each in before if each["rule"] == "VIP-GIVEN-UP"}
    for each in found.values():
        house.host.run("sh", "-ec", each["hint"])
    left = json.loads(lvsdr(house.host, *asked, expect=1))["findings"]
    frames, routes = house.frames(), house.host.run("ip", "route", "show", VIP).stdout
    entries = house.host.run("ip", "neighbour", "show", "proxy").stdout
    house.host.ip(f"route add {VIP} via {GUEST}", f"route add {VIP6} via {GUEST6}")
    house.host.ip(*(f"neighbour add proxy {vip} dev eth0" for vip in (VIP, VIP6)))

    assert set(found) == {VIP, VIP6}
    assert {(each["subject"], each["severity"]) for each in found.values()} == {("veth0", "error")}
    assert "they come back, and go to and fro" in found[VIP]["message"]
    assert [each for each in left if each["rule"] == "VIP-GIVEN-UP"] == []
    assert (frames, routes, entries) == (0, "", "")


def entry(house: House) -> str:
    """Return the host's neighbour entry for the VIP on the guest's link."""
    return house.host.run("ip", "neighbour", "show", "to", VIP, "dev", "veth0").stdout


def test_a_neighbour_that_is_still_known_goes_with_the_route(house: House) -> None:
    """An entry of its own for the VIP: without one, nobody answers and nothing goes round."""
    house.host.ip(
        f"route replace {VIP} dev veth0",
        f"neighbour replace {VIP} lladdr {GUEST_MAC} dev veth0 nud permanent",
    )

    frames = house.frames()
    found = verified(house.host, "verify", house.director, "--seconds", "0.3", expect=1)
    (told,) = (each for each in found if (each["rule"], each["vip"]) == ("VIP-GIVEN-UP", VIP))
    house.host.run("sh", "-ec", told["hint"])
    shown = settled(lambda: entry(house), "")
    house.host.ip(f"route add {VIP} via {GUEST}", f"neighbour add proxy {VIP} dev eth0")

    assert frames == ROUND_AND_ROUND
    assert told["hint"] == (
        f"ip -4 neighbour del proxy {VIP} dev eth0; ip -4 route del {VIP} dev veth0;"
        f" ip -4 neighbour del {VIP} dev veth0"
    )
    assert shown == ""


def test_a_route_that_is_for_others_too_stays(house: House) -> None:
    house.host.ip(f"route del {VIP} via {GUEST}", f"route add 192.168.1.0/29 via {GUEST}")

    found = verified(house.host, "verify", house.director, "--seconds", "0.3", expect=1)
    (told,) = (each for each in found if (each["rule"], each["vip"]) == ("VIP-GIVEN-UP", VIP))
    house.host.run("sh", "-ec", told["hint"])
    frames = house.frames()
    house.host.ip(
        f"route del unreachable {VIP}",
        f"route del 192.168.1.0/29 via {GUEST}",
        f"route add {VIP} via {GUEST}",
        f"neighbour add proxy {VIP} dev eth0",
    )

    assert f"ip -4 route add unreachable {VIP}" in told["hint"]
    assert frames == 0
