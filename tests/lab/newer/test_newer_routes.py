"""What Linux since 7.2 answers of routes otherwise, and where it forwards, on a real cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import (
    RIP6,
    VIP,
    VIP6,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    verified,
    virtual_server,
)
from witnesses import captured

from lvsdr.lab.lab_host import Host

CLIENTS = "10.10.10.0/24"
FORCE = "net/ipv6/conf/eth0/force_forwarding"
# So many times at least is one packet sent to and fro, where its TTL ends that.
MANY = 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    servers = virtual_server(rips=["192.168.1.11"]), virtual_server(VIP6, [RIP6])
    folder = tmp_path_factory.mktemp("routes")
    with rig(folder, director(*servers), realserver(vips=[VIP, VIP6])) as cluster:
        cluster.apply()
        yield cluster


def filtered(host: Host) -> int:
    """Return how many packets the reverse-path filter of a host has dropped."""
    table = Path("/proc/thread-self/net/netstat")
    names, values = host.inside(table.read_text).splitlines()[:2]
    return int(dict(zip(names.split(), values.split(), strict=True))["IPReversePathFilter"])


def rules(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["rule"], each["subject"]) for each in found]


def test_what_the_filter_drops_is_told_from_what_no_route_takes(made: Rig) -> None:
    """Both are EINVAL to one who asks the kernel what becomes of a packet."""
    host = made.lab.realservers[0]
    host.ip(
        "link add eth1 type dummy",
        "link set eth1 up",
        "address add 172.16.0.11/24 dev eth1",
        f"route add {CLIENTS} dev eth1",
    )
    host.sysctl("net/ipv4/conf/eth0/rp_filter", 1)
    asked = ("route", "get", VIP, "from", "10.10.10.10", "iif", "eth0")
    said = host.run("ip", *asked, check=False).stderr
    before = filtered(host)

    made.served(made.services[0], 1)
    dropped = filtered(host) - before
    found = verified(host, "realserver", "verify", made.realserver, expect=1)
    host.run("sh", "-c", found[0]["hint"])
    mended = verified(host, "realserver", "verify", made.realserver, expect=0)
    host.ip("link del eth1")
    host.sysctl("net/ipv4/conf/eth0/rp_filter", 0)

    assert "Invalid argument" in said
    assert dropped > 0
    assert rules(found) == [("RP-FILTER", "eth0")]
    assert f"clients of {CLIENTS}" in found[0]["message"]
    assert mended == []


@pytest.mark.parametrize("forced", [0, 1])
def test_a_lost_vip_goes_round_where_the_link_is_forced_to_forward(made: Rig, forced: int) -> None:
    host = next(each for each in made.lab.realservers if each.name == "rs2")
    host.sysctl(FORCE, forced)
    host.ip(f"address del {VIP6}/128 dev lvsdr0", f"route del unreachable {VIP6} metric 4294967294")

    with captured(host, "eth0", f"dst {VIP6}") as frames:
        made.served(made.services[1], 1)
    said = lvsdr(host, "realserver", "verify", made.realserver, "--format", "json", expect=1)
    lvsdr(host, "realserver", "apply", made.realserver)
    host.sysctl(FORCE, 0)

    assert frames
    assert (len(frames) > MANY) == bool(forced)
    assert ("VIP-LOOPS" in {each["rule"] for each in json.loads(said)["findings"]}) == bool(forced)
    assert made.served(made.services[1], 2) == {"rs2": 2}
