"""Proxy entries for a VIP: each answers for it; they are removed, and given back as they were."""

from __future__ import annotations

import fcntl
import json
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest
from rig import VIP, Rig, director, lvsdr, realserver, rig, state, verified, virtual_server, write
from witnesses import arping

from lvsdr.lab.lab_host import Host

CONTAINER, VIP6, CONTAINER6 = "192.168.1.31", "fd00::2", "fd00::31"
SIOCSARP, SIOCDARP = 0x8955, 0x8953
ATF_PERM, ATF_PUBL = 0x04, 0x08
# A container behind a veth, to which the host forwards what comes for it and for the VIP; both
# published on each link of the host.
PUBLISHED = (
    "link add ctr0 type veth peer name eth0 address 02:00:00:00:00:31 netns lvsdr-container",
    "link set ctr0 up",
    *(f"route add {address} dev ctr0" for address in (CONTAINER, VIP)),
    *(
        f"neighbour add proxy {address} dev {link}"
        for address in (VIP, CONTAINER)
        for link in ("eth0", "ctr0")
    ),
    f"neighbour add proxy {VIP6} dev eth0 router",
    f"neighbour add proxy {CONTAINER6} dev eth0 protocol static",
)


def entries(host: Host) -> list[str]:
    """Return the proxy entries as ip(8) shows them."""
    shown = [host.run("ip", family, "neighbour", "show", "proxy").stdout for family in ("-4", "-6")]
    return sorted(" ".join(line.split()) for line in "".join(shown).splitlines())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A director, and a real server that has published its container and the VIP."""
    from lvsdr.lab.cluster import hosts

    wanted = director(virtual_server(rips=["192.168.1.11"]))
    silent = realserver(vips=[VIP, VIP6], proxy_entries="remove")
    with (
        hosts(["container"]),
        rig(tmp_path_factory.mktemp("proxies"), wanted, silent) as made,
    ):
        host = made.lab.realservers[0]
        host.sysctl("net/ipv4/ip_forward", 1)
        host.sysctl("net/ipv4/neigh/eth0/proxy_delay", 0)
        host.ip(*PUBLISHED)
        lvsdr(made.lab.director, "director", "apply", made.director)
        yield made


def test_entries_answer_for_the_vip_and_go_and_come_back(made: Rig) -> None:
    lab, (host,) = made.lab, made.lab.realservers
    mine, theirs = made.mac(lab.director), made.mac(host)
    before, there = state(host), entries(host)
    heard = arping(lab.observer, VIP)

    applied = lvsdr(host, "realserver", "apply", made.realserver)
    left, silent = entries(host), arping(lab.observer, VIP)
    second = lvsdr(host, "realserver", "apply", made.realserver)
    withdrawn = lvsdr(host, "realserver", "withdraw", made.realserver)

    assert heard == {mine, theirs}
    assert f"- proxy {VIP} on eth0\n- proxy {VIP} on ctr0\n" in applied or (
        f"- proxy {VIP} on ctr0\n- proxy {VIP} on eth0\n" in applied
    )
    assert f"- proxy {VIP6} on eth0" in applied
    assert len(there) == 6
    assert left == [line for line in there if line.split()[0] in (CONTAINER, CONTAINER6)]
    assert silent == {mine}
    assert second == "nothing to change\n"
    assert f"+ proxy {VIP6} on eth0" in withdrawn
    assert entries(host) == there
    assert state(host) == before
    assert arping(lab.observer, VIP) == {mine, theirs}


def test_each_entry_is_named_and_applying_the_profile_mends_it(made: Rig) -> None:
    host = made.lab.realservers[0]

    named = verified(host, "realserver", "verify", made.realserver, expect=1)
    lvsdr(host, "realserver", "apply", made.realserver)
    after = verified(host, "realserver", "verify", made.realserver, expect=0)
    lvsdr(host, "realserver", "withdraw", made.realserver)

    seen = {(each["rule"], each["subject"]) for each in named if each["rule"].startswith("PROXY")}
    assert seen == {
        ("PROXY-ARP", "eth0"),
        ("PROXY-ENTRY", "ctr0"),
        ("PROXY-ENTRY", "eth0"),
    }
    assert {each["hint"] for each in named} == {f"lvsdr realserver apply {made.realserver}"}
    assert after == []


def test_an_entry_that_comes_back_is_drift_and_is_removed_again(made: Rig) -> None:
    host = made.lab.realservers[0]
    there = entries(host)
    lvsdr(host, "realserver", "apply", made.realserver)

    host.ip(f"neighbour add proxy {VIP} dev eth0")
    status = lvsdr(host, "realserver", "status", made.realserver, expect=1)
    planned = lvsdr(host, "realserver", "plan", made.realserver, "--format", "json", expect=1)
    typed = lvsdr(host, "realserver", "plan", made.realserver, "--format", "commands", expect=1)
    host.run("sh", "-c", typed)
    mended = lvsdr(host, "realserver", "plan", made.realserver)
    lvsdr(host, "realserver", "withdraw", made.realserver)

    assert f"drift: proxy {VIP} on eth0: was absent; is there" in status
    assert f"no proxy {VIP} on eth0" in status
    (change,) = json.loads(planned)["changes"]
    assert (change["sign"], change["object"], change["key"]) == (
        "-",
        "proxy_neighbour",
        ["eth0", VIP],
    )
    assert (change["before"]["there"], change["after"]) == (True, None)
    assert mended == "nothing to change\n"
    assert entries(host) == there


def test_an_entry_of_every_link_goes_and_comes_back(made: Rig) -> None:
    host = made.lab.realservers[0]
    host.inside(lambda: publish_everywhere(SIOCSARP, VIP))
    there = entries(host)

    planned = lvsdr(host, "realserver", "plan", made.realserver, expect=1)
    lvsdr(host, "realserver", "apply", made.realserver)
    left = entries(host)
    lvsdr(host, "realserver", "withdraw", made.realserver)
    after = entries(host)
    host.inside(lambda: publish_everywhere(SIOCDARP, VIP))

    assert f"- proxy {VIP} on every link" in planned
    assert not any(line.split()[0] == VIP for line in left)
    assert after == there


def test_entries_of_a_link_that_has_gone_are_no_obstacle(made: Rig) -> None:
    host = made.lab.realservers[0]
    host.ip("link add gone0 type dummy", f"neighbour add proxy {VIP} dev gone0")
    lvsdr(host, "realserver", "apply", made.realserver)

    host.ip("link del gone0")
    again = lvsdr(host, "realserver", "apply", made.realserver)
    lvsdr(host, "realserver", "withdraw", made.realserver)

    assert again == "nothing to change\n"
    assert len(entries(host)) == 6


def test_what_two_profiles_want_away_comes_back_with_the_last_of_them(made: Rig) -> None:
    host = made.lab.realservers[0]
    document = realserver("lo", proxy_entries="remove")
    other = write(made.realserver.parent, document, "other")
    there = entries(host)

    lvsdr(host, "realserver", "apply", made.realserver)
    lvsdr(host, "realserver", "apply", other)
    lvsdr(host, "realserver", "withdraw", made.realserver)
    shared = entries(host)
    lvsdr(host, "realserver", "withdraw", other)

    assert not any(line.split()[0] == VIP for line in shared)
    assert any(line.split()[0] == VIP6 for line in shared)
    assert entries(host) == there


def publish_everywhere(request: int, address: str) -> None:
    """Make or delete an entry of every link, by arp(7); neither ip(8) nor arp(8) makes one."""
    where = struct.pack("=HH4s8x", socket.AF_INET, 0, IPv4Address(address).packed)
    # With ATF_COM it would be of the link that has this MAC address.
    flags = ATF_PERM | ATF_PUBL
    nowhere = struct.pack("=H14x", 1)
    packed = where + nowhere + struct.pack("=i", flags) + bytes(16) + bytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, request, packed)
