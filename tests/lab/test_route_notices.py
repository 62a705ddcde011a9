"""What the kernel itself tells of others' work, who it was, and that something was lost."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_interface

import pytest

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.kernel.netlink import route_events
from lvsdr.kernel.netlink.route_events import OVERRUN, RouteEvents
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.change import Change
from lvsdr.model.objects import Address
from lvsdr.model.route_event import RouteEvent

LIMIT = 5.0
VIP, VIP6 = "192.0.2.10/32", "2001:db8::10/128"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosts(["solo"]) as made:
        made["solo"].ip(
            "link add eth0 type veth peer name peer0", "link set eth0 up", "link set peer0 up"
        )
        yield made["solo"]


def heard(host: Host, work: Callable[[], object]) -> list[RouteEvent]:
    """Return what is told of `work`, which is done in the host."""

    def listen() -> list[RouteEvent]:
        found: list[RouteEvent] = []
        with RouteEvents(routes=True) as events:
            work()
            # It has been told by the time that the work is done; IPv6 is a little later.
            while select.select([events], [], [], 0.5)[0]:
                found += events.events()
        return found

    return host.inside(listen)


def ip(*lines: str) -> Callable[[], int]:
    """Return what runs ip(8) with `lines`, and returns the number of its process."""

    def run() -> int:
        with subprocess.Popen(["ip", "-batch", "-"], stdin=subprocess.PIPE, text=True) as process:
            process.communicate("\n".join(lines), LIMIT)
        return process.pid

    return run


def test_addresses_of_both_families_are_told_with_their_links(host: Host) -> None:
    lines = [f"address {verb} {vip} dev eth0" for verb in ("add", "del") for vip in (VIP, VIP6)]

    found = [each for each in heard(host, ip(*lines)) if each.what == "address"]

    for vip in (VIP, VIP6):
        mine = [each for each in found if each.subject == vip]
        assert {each.link for each in mine} == {"eth0"}
        assert [each.gone for each in mine][-1] is True
        assert not mine[0].gone


def test_who_changed_an_address_is_told_by_its_number(host: Host) -> None:
    numbers: list[int] = []
    lines = [f"address {verb} {VIP} dev eth0" for verb in ("add", "del")]

    found = heard(host, lambda: numbers.append(ip(*lines)()))

    assert {each.port for each in found if each.subject == VIP} == set(numbers)


def test_links_and_dead_ends_are_told(host: Host) -> None:
    lines = ("link add dummy7 type dummy", "link set dummy7 up", "link del dummy7")
    routes = (f"route add unreachable {VIP}", f"route del unreachable {VIP}")

    found = heard(host, ip(*lines, *routes))

    links = [each.gone for each in found if each.link == "dummy7" and each.what == "link"]
    assert (links[0], links[-1]) == (False, True)
    assert [each.gone for each in found if each.what == "route"] == [False, True]


def test_what_our_own_sockets_do_is_not_told(host: Host) -> None:
    """Of IPv4: of the rest the kernel does not say who it was, and it is looked once more."""
    vip = Address("eth0", ip_interface(VIP), label="eth0")

    with LinuxKernel() as kernel:

        def work() -> None:
            kernel.execute((Change(None, vip),))
            kernel.execute((Change(vip, None),))

        assert [each for each in heard(host, work) if each.subject == VIP] == []


def test_what_there_was_no_room_for_is_an_overrun(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_events, "ROOM", 1)
    lines = [f"address {verb} {VIP} dev eth0" for _ in range(40) for verb in ("add", "del")]

    found = heard(host, ip(*lines))

    assert OVERRUN in found
    assert len(found) < len(lines)
