"""What the letter of 1999 tried with aliases, and what IPv6 does instead."""

from __future__ import annotations

import fcntl
import json
import socket
import struct
from collections.abc import Iterator

import pytest
from rig import RIP6, RIPS, VIP, VIP6, Rig, director, lvsdr, realserver, rig, virtual_server
from witnesses import arping

from lvsdr.lab.lab_host import Host

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_NOARP = 0x8913, 0x8914, 0x80
REQUEST = struct.Struct("16sh14x")
# One of them cannot be read before it is set.
READ_ALL = "grep -rs . /proc/sys/net/ipv6/conf/all || true"
NEAR_THE_VIP, DIP6 = "fd00::3", "fd00::a"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(rips=RIPS[:1]), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("letter"), wanted, realserver(vips=[VIP, VIP6])) as made:
        yield made


def without_arp(host: Host, name: str) -> int:
    """Do what `ifconfig NAME -arp up` does; return the flags of the link afterwards."""

    def work() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            _, flags = REQUEST.unpack(
                fcntl.ioctl(asking, SIOCGIFFLAGS, REQUEST.pack(name.encode(), 0))
            )
            fcntl.ioctl(asking, SIOCSIFFLAGS, REQUEST.pack(name.encode(), flags | IFF_NOARP))
            link = name.partition(":")[0].encode()
            return int(REQUEST.unpack(fcntl.ioctl(asking, SIOCGIFFLAGS, REQUEST.pack(link, 0)))[1])

    return host.inside(work)


def test_noarp_on_an_alias_is_taken_and_does_nothing(made: Rig) -> None:
    host = made.lab.realservers[0]
    host.ip(f"address add {VIP}/32 dev eth0 label eth0:0")

    flags = without_arp(host, "eth0:0")
    answered = arping(made.lab.observer, VIP)
    host.ip(f"address del {VIP}/32 dev eth0")

    assert not flags & IFF_NOARP
    assert answered == {made.mac(host)}


def source(host: Host, destination: str) -> str:
    """Return the address from which a host would send, as ip says it."""
    (way,) = json.loads(host.run("ip", "-j", "route", "get", destination).stdout)
    return str(way["prefsrc"])


def test_an_ipv6_vip_is_never_a_source_because_it_is_deprecated(made: Rig) -> None:
    host = made.lab.director
    own = source(host, NEAR_THE_VIP)

    lvsdr(host, "director", "apply", made.director)
    mended = source(host, NEAR_THE_VIP)
    shown = host.run("ip", "-6", "address", "show", "dev", "eth0").stdout
    host.ip(f"address change {VIP6}/128 dev eth0 preferred_lft forever valid_lft forever")
    chosen = source(host, NEAR_THE_VIP)
    found = lvsdr(host, "director", "verify", made.director, "--no-paths", expect=1)
    lvsdr(host, "director", "withdraw", made.director)

    assert own == mended == DIP6
    assert "deprecated" in shown
    # The longest prefix in common with the destination decides (RFC 6724, rule 8).
    assert chosen == VIP6
    assert f"DRIFT: address {VIP6}/128 on eth0 differs" in found


def test_an_ipv6_vip_on_a_holder_is_silent_without_any_setting(made: Rig) -> None:
    host = made.lab.realservers[1]
    before = host.run("sh", "-c", READ_ALL).stdout

    lvsdr(host, "realserver", "apply", made.realserver)
    heard = made.lab.observer.run("ndisc6", "-1", "-r", "2", VIP6, "eth0", check=False).stdout
    after = host.run("sh", "-c", READ_ALL).stdout
    lvsdr(host, "realserver", "withdraw", made.realserver)

    assert made.mac(host) not in heard.lower()
    assert after == before
