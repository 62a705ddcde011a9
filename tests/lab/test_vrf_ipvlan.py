"""Real servers on links that keep packets from the holder: in a VRF, an ipvlan, without IPv6.

The witness is the client: how many of its requests are answered, and by whom.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Rig,
    director,
    lvsdr,
    realserver,
    refused,
    rig,
    state,
    verified,
    virtual_server,
    write,
)

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving

GATEWAY, BOX = "192.168.1.1", "192.168.1.13"
BOTH, HALF = {"rs1": 4, "rs2": 4}, {"rs2": 4, "no answer (timed out)": 4}
INTO_VRF = (
    "ip link add red type vrf table 10; ip link set red up; ip link set eth0 master red;"
    f" ip route add default via {GATEWAY} vrf red; sysctl -qw net.ipv4.tcp_l3mdev_accept=1"
)
# As ip-vrf(8) and the kernel's documentation have it, so that a VRF sees its own addresses alone.
LOCAL_LAST = "ip rule add pref 32765 lookup local; ip rule del pref 0"
LOCAL_FIRST = "ip rule add pref 0 lookup local; ip rule del pref 32765"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    """Two real servers, all applied."""
    with rig(tmp_path, director(virtual_server(scheduler="rr")), realserver()) as made:
        made.apply()
        for host in made.lab.realservers:
            host.sysctl("net/ipv4/conf/all/rp_filter", 0)
        yield made


def rules(host: Host, path: Path, expect: int) -> list[str]:
    return [each["rule"] for each in verified(host, "realserver", "verify", path, expect=expect)]


def test_a_holder_outside_of_the_vrf_is_named_and_its_hint_lasts(made: Rig) -> None:
    host, path = made.lab.realservers[0], made.realserver
    host.run("sh", "-c", INTO_VRF)

    # Where the local table is asked first, it is found from the VRF too.
    found_first, served_first = rules(host, path, 0), made.served()
    host.run("sh", "-c", LOCAL_LAST)
    served = made.served()
    (finding,) = verified(host, "realserver", "verify", path, expect=1)
    for command in finding["hint"].split(" && "):
        if command.startswith("lvsdr "):
            lvsdr(host, *command.split()[1:])
        else:
            host.run("sh", "-c", command)
    served_after, found_after = made.served(), rules(host, path, 0)
    again = lvsdr(host, "realserver", "apply", path)
    served_again = made.served()
    lvsdr(host, "realserver", "withdraw", path)

    assert (found_first, served_first) == ([], BOTH)
    assert (finding["rule"], finding["subject"]) == ("VRF-HOLDER", "lvsdr0")
    assert (served, served_after, served_again) == (HALF, BOTH, BOTH)
    assert found_after == []
    assert "nothing to change" in again
    assert "lvsdr0" not in host.run("ip", "link").stdout


def test_the_way_back_is_looked_for_in_the_vrf(made: Rig) -> None:
    host, path = made.lab.realservers[0], made.realserver
    host.run("sh", "-c", f"{INTO_VRF}; {LOCAL_LAST}; ip link set lvsdr0 master red")

    served, found = made.served(), rules(host, path, 0)
    host.run("ip", "route", "del", "default", "vrf", "red")
    served_without, found_without = made.served(), rules(host, path, 1)

    assert (found, served) == ([], BOTH)
    assert (found_without, served_without) == (["NO-WAY-BACK"], HALF)


@contextmanager
def box(made: Rig, kind: str) -> Iterator[Host]:
    """Give a container of the observer, whose link is of `kind` on the observer's eth0."""
    mode = "mode l2" if kind == "ipvlan" else "mode bridge"
    with hosts(["box"]) as new:
        host = new["box"]
        made.lab.observer.ip(f"link add link eth0 name tobox type {kind} {mode}")
        made.lab.observer.ip(f"link set tobox name eth0 netns {host.namespace}")
        host.ip("link set eth0 up", f"address add {BOX}/24 dev eth0")
        host.ip(f"route add default via {GATEWAY} dev eth0")
        yield host


@pytest.mark.parametrize(
    ("kind", "holder", "said"),
    [("ipvlan", "dummy", ["IPVLAN"]), ("macvlan", "dummy", []), ("ipvlan", "tunl0", [])],
)
def test_an_ipvlan_is_named_and_what_is_offered_instead_works(
    made: Rig, kind: str, holder: str, said: list[str], tmp_path: Path
) -> None:
    profile = write(tmp_path, realserver(holder), "box")
    method = "-i" if holder == "tunl0" else "-g"
    made.lab.director.run("ipvsadm", "-d", "-t", f"{VIP}:80", "-r", RIPS[1])
    made.lab.director.run("ipvsadm", "-a", "-t", f"{VIP}:80", "-r", BOX, method)

    with box(made, kind) as host, serving(host, made.services):
        lvsdr(host, "realserver", "apply", profile)
        served = made.served()
        found = rules(host, profile, len(said))

    who = "no answer (timed out)" if said else "box"
    assert (found, served) == (said, {"rs1": 4, who: 4})


@pytest.fixture
def six(tmp_path: Path) -> Iterator[Rig]:
    """A real server of IPv6, not applied; links that come have no IPv6."""
    wanted = director(virtual_server(VIP6, [RIP6]))
    with rig(tmp_path, wanted, realserver(vips=[VIP6, VIP])) as made:
        lvsdr(made.lab.director, "director", "apply", made.director)
        yield made


def test_a_holder_has_ipv6_where_new_links_have_none(six: Rig) -> None:
    host, path = six.lab.realservers[0], six.realserver
    host.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
    before = state(host)

    host.ip("link add other type dummy")
    alone = host.run("ip", "address", "add", f"{VIP6}/128", "dev", "other", check=False)
    host.ip("link del other")
    lvsdr(host, "realserver", "apply", path)
    served = six.served(times=2)
    again = lvsdr(host, "realserver", "apply", path)
    found = rules(host, path, 0)
    lvsdr(host, "realserver", "withdraw", path)

    assert alone.returncode != 0
    assert served == {"rs1": 2}
    assert "nothing to change" in again
    assert found == []
    assert state(host) == before


@pytest.mark.parametrize(("link", "scope"), [("lo", "lo"), ("ip6tnl0", "default")])
def test_where_the_link_is_not_ours_the_hint_can_be_typed(
    six: Rig, link: str, scope: str, tmp_path: Path
) -> None:
    host = six.lab.realservers[0]
    path = write(tmp_path, realserver(link, vips=[VIP6]), "other")
    host.sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", 1)

    said = refused(host, "realserver", "apply", path, expect=3)
    hint = next(line.partition("hint: ")[2] for line in said.splitlines() if "hint: " in line)
    host.run("sh", "-c", hint)
    lvsdr(host, "realserver", "apply", path)

    assert hint == f"sysctl -w net/ipv6/conf/{link}/disable_ipv6=0"
    assert VIP6 in host.run("ip", "address", "show", "dev", link).stdout
