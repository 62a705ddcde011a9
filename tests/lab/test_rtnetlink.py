"""What we read from the kernel, and write to it with pyroute2 and without, beside `ip -j`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any, TypeVar

import pytest
from rig import director, realserver, state, write

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.kernel.netlink import rtm_address, rtm_link, rtm_neighbour, rtm_route
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.route_socket import RouteSocket
from lvsdr.kernel.netlink.rtm_address import IFA_F_DEPRECATED, IFA_F_NODAD, RawAddress
from lvsdr.kernel.netlink.rtm_link import RawLink
from lvsdr.kernel.netlink.rtm_route import BLACKHOLE, UNREACHABLE, RawRoute
from lvsdr.kernel.views.host_view import read_host
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.change import Change
from lvsdr.model.host import Host as ThisHost
from lvsdr.model.objects import Link

T = TypeVar("T")

LINES = """
link set lo up
link add eth0 type veth peer name port0
link set eth0 up
link set port0 up
link add br0 type bridge
link set port0 master br0
link set br0 up
link add link eth0 name eth0.5 type vlan id 5
link add link eth0 name mac0 type macvlan
link add dummy7 mtu 9000 type dummy
link set dummy7 arp off
link add tunl7 type ipip local 198.51.100.10 remote 198.51.100.11
address add 198.51.100.10/24 dev eth0
address add 198.51.100.2/32 dev eth0 label eth0:0
address add 198.51.100.3 peer 198.51.100.4/32 dev dummy7
address add 198.51.100.5/32 dev lo scope host
address add 2001:db8::10/64 dev eth0 nodad
address add 2001:db8::2/128 dev lo nodad preferred_lft 0
route add unreachable 198.51.100.2/32 metric 4294967294
route add unreachable 10.0.0.0/8 table 100
route add blackhole 2001:db8::9/128
neighbour add proxy 198.51.100.77 dev eth0
neighbour add proxy 2001:db8::77 dev eth0
neighbour add 198.51.100.78 lladdr 02:00:00:00:00:78 dev eth0
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosts(["one"]) as made:
        made["one"].ip(*LINES.strip().splitlines())
        yield made["one"]


def through(host: Host, ask: Callable[[RouteSocket], T]) -> T:
    def work() -> T:
        wire = RouteSocket()
        try:
            return ask(wire)
        finally:
            wire.close()

    return host.inside(work)


def shown(host: Host, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(host.run("ip", "-j", *words).stdout)
    return [each for each in found if each]


def test_a_vlan_lies_on_its_link_and_the_ends_of_a_cable_on_nothing(host: Host) -> None:
    host.ip(
        "link add here0 type veth peer name there0",
        "link add here0.5 link here0 type vlan id 5",
    )

    def seen() -> ThisHost:
        with Sockets() as sockets:
            return read_host(sockets)

    links = host.inside(seen).links
    host.ip("link del here0")

    found = {name: links[name].parent for name in ("here0", "there0", "here0.5")}
    assert found == {"here0": None, "there0": None, "here0.5": "here0"}


def test_every_link_is_as_ip_shows_it(host: Host) -> None:
    links = through(host, rtm_link.dump)

    def described(each: RawLink) -> dict[str, object]:
        return {
            "ifindex": each.index,
            "ifname": each.name,
            "kind": each.kind,
            "mtu": each.mtu,
            "qdisc": each.qdisc,
            "mac": each.mac,
            "up": each.up,
            "arp": each.arp,
            "loopback": each.loopback,
            "master": links[each.master].name if each.master else None,
            "below": links[each.below].name if each.below and each.far is None else None,
        }

    def as_ip_shows(each: dict[str, Any]) -> dict[str, object]:
        # Of a tunnel ip writes it as the IP address that it is: :: of ip6tnl0.
        mac = each["address"]
        with suppress(ValueError):
            mac = ip_address(mac).packed.hex(":")
        return {
            **{name: each[name] for name in ("ifindex", "ifname", "mtu", "qdisc")},
            "kind": each.get("linkinfo", {}).get("info_kind", ""),
            "mac": mac,
            "up": "UP" in each["flags"],
            "arp": "NOARP" not in each["flags"],
            "loopback": "LOOPBACK" in each["flags"],
            "master": each.get("master"),
            "below": each.get("link"),
        }

    assert [*map(described, links.values())] == [*map(as_ip_shows, shown(host, "-d", "link"))]
    assert {"veth", "bridge", "vlan", "macvlan", "dummy", "ipip"} <= {
        each.kind for each in links.values()
    }


def test_a_link_is_found_by_its_name_as_it_is_listed(host: Host) -> None:
    links = through(host, rtm_link.dump)

    found = through(host, lambda wire: [rtm_link.find(wire, each.name) for each in links.values()])

    # What is left of a bridge's timers and of its ports' is another number each time.
    assert [replace(each, data=b"", part=b"") for each in found] == [
        replace(each, data=b"", part=b"") for each in links.values()
    ]
    with pytest.raises(OSError, match="No such device"):
        through(host, lambda wire: rtm_link.find(wire, "eth9"))


@pytest.mark.parametrize("name", [None, "lo", "eth0", "dummy7"])
def test_the_addresses_of_a_link_are_as_ip_shows_them(host: Host, name: str | None) -> None:
    names = {each.index: each.name for each in through(host, rtm_link.dump).values()}
    index = next((number for number, each in names.items() if each == name), 0)

    found = through(host, lambda wire: rtm_address.dump(wire, index))

    listed = shown(host, "address", "show", *(["dev", name] if name else []))
    assert sorted(
        (names[each.index], str(each.ip), each.scope, each.label, each.deprecated)
        for each in found
        if not each.ip.is_link_local
    ) == sorted(
        (
            each["ifname"],
            f"{info['local']}/{info['prefixlen']}",
            info["scope"],
            info.get("label"),
            info.get("deprecated", False),
        )
        for each in listed
        for info in each["addr_info"]
        if info["scope"] != "link"
    )


def test_routes_that_lead_nowhere_are_those_of_the_main_table(host: Host) -> None:
    found = through(
        host,
        lambda wire: [
            *rtm_route.dump(wire, 4, UNREACHABLE),
            *rtm_route.dump(wire, 4, BLACKHOLE),
            *rtm_route.dump(wire, 6, BLACKHOLE),
        ],
    )

    assert [(str(each.destination), each.metric) for each in found] == [
        ("198.51.100.2/32", 4294967294),
        ("2001:db8::9/128", 1024),
    ]


def test_a_namespace_in_which_nothing_was_ever_up_has_no_routes(host: Host) -> None:
    script = (
        "from lvsdr.kernel.netlink import rtm_route; "
        "from lvsdr.kernel.netlink.route_socket import RouteSocket; "
        "print([rtm_route.dump(RouteSocket(), version, 7) for version in (4, 6)])"
    )

    said = host.run("unshare", "--net", sys.executable, "-c", script).stdout

    assert said.strip() == "[[], []]"


def test_neighbours_for_whom_the_host_answers_are_told_from_its_own(host: Host) -> None:
    found = through(host, rtm_neighbour.dump_proxies)

    assert {str(each.address) for each in found} == {
        each["dst"] for each in shown(host, "neighbour", "show", "proxy")
    }
    assert len(found) == 2


def test_what_is_added_is_what_ip_shows_and_deleting_it_leaves_nothing(host: Host) -> None:
    before = state(host)
    lo = through(host, lambda wire: rtm_link.find(wire, "lo")).index
    labelled = RawAddress(lo, ip_interface("192.0.2.10/32"), "host", label="lo:1")
    old = RawAddress(lo, ip_interface("2001:db8::a/128"), flags=IFA_F_NODAD | IFA_F_DEPRECATED)
    guard = RawRoute(UNREACHABLE, ip_network("192.0.2.10/32"), 4294967294)

    def add(wire: RouteSocket) -> None:
        rtm_address.add(wire, labelled)
        rtm_address.add(wire, old)
        rtm_route.add(wire, guard)

    def delete(wire: RouteSocket) -> None:
        rtm_address.delete(wire, labelled)
        rtm_address.delete(wire, old)
        rtm_route.delete(wire, guard)

    through(host, add)
    (on_lo,) = shown(host, "address", "show", "dev", "lo")
    held = {info["local"]: info for info in on_lo["addr_info"]}
    (led,) = shown(host, "route", "show", "192.0.2.10")
    through(host, delete)

    assert (held["192.0.2.10"]["scope"], held["192.0.2.10"]["label"]) == ("host", "lo:1")
    assert held["2001:db8::a"]["deprecated"] and held["2001:db8::a"]["nodad"]
    assert (led["type"], led["metric"], led["protocol"]) == ("unreachable", 4294967294, "static")
    assert state(host) == before


def execute(host: Host, before: Link | None, after: Link | None) -> None:
    def work() -> None:
        with LinuxKernel() as kernel:
            kernel.execute([Change(before, after)])

    host.inside(work)


def test_a_link_is_made_started_given_back_and_deleted(host: Host) -> None:
    before = state(host)
    fresh = Link("made0", "dummy", up=False, arp=True, started=False)
    up = Link("made0", "dummy", up=True, arp=False)
    looks = []

    for old, new in ((None, fresh), (fresh, up), (up, fresh)):
        execute(host, old, new)
        (made,) = shown(host, "link", "show", "dev", "made0")
        looks.append((made["qdisc"], {"UP", "NOARP"} & set(made["flags"])))
    execute(host, fresh, None)

    # A dummy link has NOARP from the start, which is taken away.
    assert looks == [("noop", set()), ("noqueue", {"UP", "NOARP"}), ("noop", set())]
    assert state(host) == before


def test_the_stand_in_that_a_killed_run_left_goes_and_that_of_others_stays(host: Host) -> None:
    up = Link("tunl0", "ipip", up=True, arp=True)
    handles = []

    for handle in ("1b5d:", "7:"):
        host.run("tc", "qdisc", "replace", "dev", "tunl0", "root", "handle", handle, "pfifo")
        execute(host, None, up)
        (shown_as,) = json.loads(host.run("tc", "-j", "qdisc", "show", "dev", "tunl0").stdout)
        handles.append((shown_as["kind"], shown_as.get("handle")))

    assert handles == [("noqueue", "0:"), ("pfifo", "7:")]


# What is rare, as the queue of a tunnel's end, is pyroute2's.
PROFILES = {
    "director": (director(), []),
    "silent on lo": (realserver("lo"), []),
    "silent on a link of its own": (realserver("dummy"), []),
    "silent on the end of tunnels": (realserver("tunl0"), ["pyroute2", "asyncio"]),
}


@pytest.mark.parametrize("case", PROFILES)
def test_pyroute2_is_loaded_for_the_end_of_tunnels_and_nothing_else(
    host: Host, tmp_path: Path, case: str
) -> None:
    document, expected = PROFILES[case]
    profile, role = str(write(tmp_path, document)), str(document["role"])
    script = (
        "import contextlib, io, sys\n"
        "from lvsdr.cli.main import run\n"
        "from lvsdr.cli.session import Session\n"
        "codes = []\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    for command in ('plan', 'apply', 'status', 'withdraw'):\n"
        f"        codes.append(run([{role!r}, command, {profile!r}], Session()))\n"
        "print(codes, [name for name in ('pyroute2', 'asyncio') if name in sys.modules])"
    )

    said = host.run(sys.executable, "-c", script).stdout

    assert said.strip() == f"[1, 0, 0, 0] {expected}"
