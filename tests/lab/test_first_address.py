"""A VIP that stands before the director's own address: what it does, and that it is mended."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

import pytest
from counted import asking
from rig import VIP, Rig, director, lvsdr, realserver, rig, settled, verified, virtual_server

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.kernel.netlink import rtm_route
from lvsdr.kernel.netlink.route_socket import CREATE, EXCLUSIVE, RouteSocket
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.change import Change
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address

DIP = "192.168.1.10"
# As a manager leaves it that takes its own address away and brings it back.
FIRST = (
    f"address del {DIP}/24 dev eth0",
    f"address add {DIP}/24 dev eth0",
    "route replace default via 192.168.1.1 dev eth0",
)
GROUP, PORT = "224.0.0.81", 8848


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    sync = {"state": "master", "interface": "eth0"}
    wanted = director(virtual_server(scheduler="rr"), sync_daemons=[sync])
    with rig(tmp_path_factory.mktemp("order"), wanted, realserver()) as made:
        made.apply()
        yield made


def addresses(host: Host) -> list[str]:
    """Return the IPv4 addresses of eth0, in the kernel's order."""
    (shown,) = json.loads(host.run("ip", "-j", "-4", "address", "show", "dev", "eth0").stdout)
    return [each["local"] for each in shown["addr_info"]]


def sync_source(host: Host) -> str:
    """Return the address that the sync daemon is bound to, by its socket."""
    lines = host.run("ss", "-Hnu", f"dst {GROUP}").stdout.splitlines()
    return lines[0].split()[2].rpartition(":")[0].partition("%")[0] if lines else ""


def multicast_source(host: Host) -> str:
    """Return the address from which the host would send to the group of the sync daemons."""
    (route,) = json.loads(host.run("ip", "-j", "route", "get", GROUP, "oif", "eth0").stdout)
    return str(route["prefsrc"])


def test_it_is_found_and_mended_and_no_request_is_lost(made: Rig) -> None:
    host = made.lab.director
    host.ip(*FIRST)
    spoke = multicast_source(host)
    host.run("ipvsadm", "--stop-daemon", "master")
    host.run("ipvsadm", "--start-daemon", "master", "--mcast-interface", "eth0")
    sent = sync_source(host)
    found = verified(host, "director", "verify", str(made.director), "--seconds", "0.3", expect=1)
    with (
        serving(made.lab.realservers[0], made.services),
        serving(made.lab.realservers[1], made.services),
        asking((made.lab.client, made.lab.observer), VIP) as clients,
    ):
        for each in clients:
            each.more(5)
        start = monotonic()
        lvsdr(host, "director", "apply", made.director)
        spans = [each.span(start, each.more(10)) for each in clients]
    left = verified(host, "director", "verify", str(made.director), "--seconds", "0.3", expect=1)

    assert (spoke, sent) == (VIP, VIP)
    named = [(each["rule"], each["vip"]) for each in found if each["rule"] == "VIP-SOURCE"]
    assert named == [("VIP-SOURCE", VIP)]
    (drift,) = (each["message"] for each in found if each["rule"] == "DRIFT")
    assert drift.startswith("sync daemon sync master") and drift.endswith(f", from {VIP}")
    assert (addresses(host), multicast_source(host), sync_source(host)) == ([DIP, VIP], DIP, DIP)
    assert [span.lost for span in spans] == [0, 0], spans
    assert not {"VIP-SOURCE", "DRIFT"} & {each["rule"] for each in left}
    assert lvsdr(host, "director", "plan", made.director).strip() == "nothing to change"


def test_the_plan_moves_the_vip_before_it_starts_the_daemon(made: Rig) -> None:
    host = made.lab.director
    host.ip(*FIRST)
    host.run("ipvsadm", "--stop-daemon", "master")
    said = json.loads(lvsdr(host, "director", "plan", made.director, "--format", "json", expect=1))
    lvsdr(host, "director", "apply", made.director)

    assert [(each["sign"], each["object"]) for each in said["changes"]] == [
        ("~", "address"),
        ("+", "sync_daemon"),
    ]
    assert said["changes"][0]["before"]["ahead"] is True
    assert sync_source(host) == DIP


def test_several_vips_follow_the_own_address_and_the_second_apply_has_nothing_to_do(
    made: Rig, tmp_path: Path
) -> None:
    more = director(
        virtual_server(), virtual_server("192.168.1.3"), virtual_server("192.168.1.4"), name="web"
    )
    path = tmp_path / "director.json"
    path.write_text(json.dumps(more), encoding="utf-8")
    host = made.lab.director
    lvsdr(host, "director", "apply", path)
    host.ip(*FIRST)
    before = addresses(host)
    lvsdr(host, "director", "apply", path)

    assert before[-1] == DIP
    assert addresses(host)[0] == DIP
    assert lvsdr(host, "director", "plan", path).strip() == "nothing to change"
    lvsdr(host, "director", "apply", made.director)


def test_meanwhile_a_route_keeps_the_packets_and_without_it_they_are_lost(made: Rig) -> None:
    """The fault is real: an address that is away for a moment is answered with silence."""
    host, client = made.lab.director, made.lab.observer

    def change(kind: int, body: bytes, flags: int = 0) -> None:
        def work() -> None:
            wire = RouteSocket()
            try:
                wire.change(kind, body, flags)
            finally:
                wire.close()

        host.inside(work)

    def answered() -> bool:
        try:
            client.inside(lambda: socket.create_connection((VIP, 80), 0.5).close())
        except OSError:
            return False
        return True

    held = rtm_route.held(ip_address(VIP))
    with ExitStack() as stack:
        for each in made.lab.realservers:
            stack.enter_context(serving(each, made.services))
        before = settled(answered, True)
        host.ip(f"address del {VIP}/32 dev eth0")
        without = answered()
        host.ip(f"address add {VIP}/32 dev eth0 label eth0:0")
        change(rtm_route.RTM_NEWROUTE, held, CREATE | EXCLUSIVE)
        host.ip(f"address del {VIP}/32 dev eth0")
        meanwhile = answered()
        host.ip(f"address add {VIP}/32 dev eth0 label eth0:0")
        change(rtm_route.RTM_DELROUTE, held)

    assert (before, without, meanwhile) == (True, False, True)
    assert "metric" not in host.run("ip", "route", "show", "table", "local", VIP).stdout


def test_an_address_is_set_up_anew_with_its_label_and_nothing_is_left_behind(made: Rig) -> None:
    host = made.lab.director
    before = host.run("ip", "route", "show", "table", "all").stdout

    def work() -> None:
        with LinuxKernel() as kernel:
            key = ("address", f"{VIP}/32", "eth0")
            (seen,) = kernel.observe([key]).values()
            kernel.execute([Change(seen, seen)])

    host.inside(work)

    label = host.run("ip", "-4", "-o", "address", "show", "label", "eth0:0").stdout
    assert f" {VIP}/32 " in label
    assert host.run("ip", "route", "show", "table", "all").stdout == before


@pytest.mark.parametrize("lo", ["up", "down"])
def test_the_only_address_of_a_link_is_set_up_anew_too(lo: str) -> None:
    """With it all routes of the link go."""
    with hosts(["one"]) as made:
        host = made["one"]
        host.ip(
            f"link set lo {lo}",
            "link add lvsdr0 type dummy",
            "link set lvsdr0 up",
            f"address add {VIP}/32 dev lvsdr0",
        )

        def work() -> None:
            with LinuxKernel() as kernel:
                key = ("address", f"{VIP}/32", "lvsdr0")
                (seen,) = kernel.observe([key]).values()
                assert isinstance(seen, Address)
                kernel.execute([Change(seen, replace(seen, scope="host"))])

        host.inside(work)

        shown = host.run("ip", "-4", "-o", "address", "show", "dev", "lvsdr0").stdout
        routes = host.run("ip", "route", "show", "table", "all", VIP).stdout
    assert "scope host" in shown
    assert (
        routes.split("src")[0].strip()
        == f"local {VIP} dev lvsdr0 table local proto kernel scope host"
    )
