"""What the lab compares of a host before and after: nothing that can be set up is missing in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

CHANGES = [
    ("ip address add 192.0.2.1/32 dev lo", "ip address del 192.0.2.1/32 dev lo"),
    ("ip address add fd00::1/128 dev lo", "ip address del fd00::1/128 dev lo"),
    ("ip link add link0 type dummy", "ip link del link0"),
    ("ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500"),
    ("ip link set eth0 multicast on", "ip link set eth0 multicast off"),
    ("ip route add blackhole 192.0.2.2", "ip route del blackhole 192.0.2.2"),
    ("ip route add local 192.0.2.2 dev lo table 9", "ip route del local 192.0.2.2 table 9"),
    ("ip -6 route add blackhole fd00::2", "ip -6 route del blackhole fd00::2"),
    ("ip neigh add proxy 192.0.2.3 dev eth0", "ip neigh del proxy 192.0.2.3 dev eth0"),
    ("ip neigh add proxy fd00::3 dev eth0", "ip neigh del proxy fd00::3 dev eth0"),
    ("ipvsadm -A -t 192.0.2.4:80", "ipvsadm -D -t 192.0.2.4:80"),
]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosts(["alone"]) as made:
        made["alone"].ip("link add eth0 type dummy", "link set eth0 addrgenmode none up")
        yield made["alone"]


@pytest.mark.parametrize(("do", "undo"), CHANGES, ids=[do for do, _ in CHANGES])
def test_what_is_changed_is_seen_and_what_is_undone_is_not(host: Host, do: str, undo: str) -> None:
    before = host.state()

    host.run(*do.split())
    changed = host.state()
    host.run(*undo.split())

    assert changed != before
    assert host.state() == before


@pytest.mark.parametrize(
    "setting", ["ipv4/conf/all/arp_ignore", "ipv4/conf/eth0/arp_announce", "ipv6/conf/eth0/mtu"]
)
def test_a_setting_is_seen(host: Host, setting: str) -> None:
    before = host.state().splitlines()

    host.sysctl(f"net/{setting}", 1280 if "ipv6" in setting else 1)

    (line,) = set(host.state().splitlines()) - set(before)
    assert line.startswith(f"/proc/sys/net/{setting}:")
    assert len(host.state().splitlines()) == len(before)
