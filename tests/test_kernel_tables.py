"""What the kernel's tables make of its messages, and what they ask for."""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import ip_address, ip_network

import pytest
from pyroute2.netlink.generic import ipvs as their_ipvs
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lvsdr.kernel.netlink import ipvs_attributes, ipvs_dump, ipvs_messages
from lvsdr.kernel.netlink.netlink_messages import (
    ACK,
    GENERIC,
    MULTI,
    REQUEST,
    U32,
    pack_attribute,
    pack_message,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.rtm_link import RawLink
from lvsdr.kernel.netlink.rtm_neighbour import NTF_PROXY
from lvsdr.kernel.netlink.rtm_route import BLACKHOLE, UNREACHABLE
from lvsdr.kernel.tables import ipvs_control
from lvsdr.kernel.tables.guard_routes import Routes
from lvsdr.kernel.tables.ipvs_control import SyncDaemons, Timeouts
from lvsdr.kernel.tables.proxy_neighbours import every_proxy
from lvsdr.kernel.tables.sysctls import in_seconds
from lvsdr.kernel.views.host_view import host_of
from lvsdr.kernel.views.ipvs_counters import counters
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change
from lvsdr.model.counters import Traffic
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.objects import Route
from netlink_wire import DONE, FAMILY, SEQUENCE, Listing, Opened, Wire, answer, end, reply, theirs

VIP, OTHER, RIP = (ip_address(f"192.0.2.{number}") for number in (10, 20, 11))
WEB = Service("tcp", VIP, 80)


def test_of_the_routes_those_that_are_asked_for_are_there() -> None:
    def dead_end(sequence: int, kind: int, to: IPAddress, metric: int) -> bytes:
        fields = {"family": socket.AF_INET, "dst_len": 32, "table": 254, "type": kind}
        addressed = {"RTA_DST": str(to), "RTA_PRIORITY": metric}
        return theirs(rtmsg(), 24, MULTI, sequence, **fields, **addressed)

    guards = [dead_end(2, UNREACHABLE, VIP, metric) for metric in (7, 8)]
    replies = [dead_end(1, BLACKHOLE, OTHER, 7), end(), b"".join(guards), end(sequence=2)]
    wanted = Route(ip_network(f"{VIP}/32"), 7, "unreachable")

    with closing(Wire(*replies)) as wire:
        found = list(Routes(Opened(wire)).observe([wanted.key]))

    assert [each.key for each in found] == [wanted.key]


def test_an_entry_whose_link_has_gone_is_none_and_one_of_every_link_has_none() -> None:
    entries = b"".join(
        theirs(
            *(ndmsg(), 28, MULTI),
            family=socket.AF_INET,
            ifindex=index,
            flags=NTF_PROXY,
            NDA_DST=str(address),
        )
        for index, address in ((7, VIP), (9, RIP), (0, OTHER))
    )
    links = theirs(ifinfmsg(), 16, MULTI, 3, index=7, IFLA_IFNAME="eth0", IFLA_MTU=1500)

    with closing(Wire(entries, end(), end(sequence=2), links, end(sequence=3))) as wire:
        found = list(every_proxy(Opened(wire)))

    assert [(each.link, each.address) for each in found] == [("eth0", VIP), ("", OTHER)]


def test_a_link_lies_on_another_of_this_namespace_and_a_cable_on_none() -> None:
    seen = (
        RawLink(2, "eth0"),
        RawLink(3, "macvlan0", "macvlan", below=2),
        RawLink(4, "macvlan1", "macvlan", below=2, far=0),
        RawLink(5, "veth0", "veth", below=2),
    )

    with closing(Wire(end(), end(sequence=2))) as wire:
        host = host_of(Opened(wire), {each.index: each for each in seen}, ())

    assert {name: link.parent for name, link in host.links.items()} == {
        "eth0": None,
        "macvlan0": "eth0",
        "macvlan1": None,
        "veth0": None,
    }


# --- IPVS ----------------------------------------------------------------------------------------


def test_the_commands_and_timeouts_are_those_of_pyroute2() -> None:
    for name in ("NEW_DAEMON", "DEL_DAEMON", "GET_DAEMON", "SET_CONFIG", "GET_CONFIG"):
        assert getattr(ipvs_control, name) == getattr(their_ipvs, f"IPVS_CMD_{name}")
    names = [name.removeprefix("IPVS_CMD_ATTR_") for name, _ in their_ipvs.ipvsmsg.nla_map]
    for protocol, kind in ipvs_control.TIMEOUTS.items():
        assert names[kind] == f"TIMEOUT_{protocol.upper()}"
    assert names[ipvs_control.DAEMON] == "DAEMON"


def test_timeouts_are_those_that_the_kernel_says() -> None:
    said = pack_attribute(4, U32.pack(900)) + pack_attribute(6, U32.pack(300))
    keys = [Timeout(protocol, 0).key for protocol in ("tcp", "tcp_fin", "udp")]

    with closing(Listing(reply(said))) as wire:
        found = list(Timeouts(Opened(ipvs=wire)).observe(keys))

    assert found == [Timeout("tcp", 900), Timeout("udp", 300)]


def test_one_timeout_is_set_and_the_others_are_not_named() -> None:
    with closing(Listing(answer(sequence=SEQUENCE))) as wire:
        Timeouts(Opened(ipvs=wire)).execute(Change(Timeout("udp", 300), Timeout("udp", 60)))
        asked = wire.kernel.recv(4096)

    body = GENERIC.pack(their_ipvs.IPVS_CMD_SET_CONFIG, 1) + pack_attribute(6, U32.pack(60))
    assert asked == pack_message(FAMILY, body, SEQUENCE, REQUEST | ACK)


@pytest.mark.parametrize(("group", "number"), [("224.0.0.81", 5), ("ff02::81", 6)])
def test_a_sync_daemon_is_listed_as_it_was_started(group: str, number: int) -> None:
    daemon = SyncDaemon("backup", "eth0", 7, 1460, ip_address(group), 8848, 1)
    packed = ipvs_control.daemon_attributes(daemon)
    listed = reply(pack_attribute(ipvs_control.DAEMON, packed))

    with closing(Listing(listed, DONE)) as wire:
        found = list(SyncDaemons(Opened(ipvs=wire)).observe([daemon.key]))

    assert found == [daemon]
    # As linux/ip_vs.h numbers them: state, link, syncid, maxlen, group, port and ttl.
    assert list(unpack_attributes(memoryview(packed))) == [1, 2, 3, 4, number, 7, 8]


def statistics(times: int) -> bytes:
    """Return ten numbers: of connections, packets and bytes, the totals and then the rates."""
    numbers = (pack_attribute(kind, U32.pack(kind * times)) for kind in range(1, 11))
    return pack_attribute(10, b"".join(numbers))


def test_what_is_counted_is_read_of_a_service_and_of_its_real_servers() -> None:
    server = RealServer(WEB, RIP, 80)
    whole = ipvs_messages.virtual_server(VirtualServer(WEB))[4:]
    part = ipvs_messages.real_server(server)[4:]
    connections = b"".join(pack_attribute(kind, U32.pack(kind)) for kind in (7, 8, 9))
    of_service = reply(pack_attribute(ipvs_attributes.SERVICE, whole + statistics(100)))
    of_server = pack_attribute(ipvs_attributes.DEST, part + connections + statistics(1))
    replies = (of_service, DONE, reply(of_server, SEQUENCE + 1), end(sequence=SEQUENCE + 1))

    with closing(Listing(*replies)) as wire:
        found = counters(Opened(ipvs=wire), [VirtualServer(WEB).key])

    one, all_of_it = found[server.key], found[VirtualServer(WEB).key]
    assert (one.active, one.inactive, one.persistent) == (7, 8, 9)
    assert (one.totals, one.rates) == (Traffic(1, 2, 3, 4, 5), Traffic(6, 7, 8, 9, 10))
    assert (all_of_it.active, all_of_it.totals.connections) == (7, 100)
    assert all_of_it.rates == Traffic(600, 700, 800, 900, 1000)


def test_of_real_servers_at_a_rip_alone_no_virtual_server_is_asked() -> None:
    rips = RIP, ip_address("203.0.113.7")
    connections = b"".join(pack_attribute(kind, U32.pack(kind)) for kind in (7, 8, 9))
    there = [ipvs_dump.listed_bytes(RealServer(WEB, rip, 80)) for rip in rips]
    size = ipvs_dump.SETTINGS_SIZE
    listed = b"".join(
        reply(
            pack_attribute(
                ipvs_attributes.DEST, each[:size] + connections + each[size:] + statistics(1)
            )
        )
        for each in there
    )

    with closing(Listing(listed, DONE)) as wire:
        found = counters(Opened(ipvs=wire), [VirtualServer(WEB).key], [str(RIP)])
        asked = wire.kernel.recv(4096)
        with pytest.raises(BlockingIOError):
            wire.kernel.recv(1, socket.MSG_DONTWAIT)

    assert unpack_message(memoryview(asked), GENERIC)[0] == (their_ipvs.IPVS_CMD_GET_DEST, 1)
    assert [*found] == [RealServer(WEB, RIP, 80).key]
    assert found[RealServer(WEB, RIP, 80).key].active == 7


@pytest.mark.parametrize("hertz", [100, 250, 300, 1000])
@pytest.mark.parametrize("seconds", [-1, -7, -100, -2147483])
def test_seconds_below_zero_are_read_whatever_the_ticks_of_the_kernel(
    hertz: int, seconds: int
) -> None:
    """As Linux 7.2 shows them: the quotient of what is left of 64 bits, with a minus."""
    left = (2**64 + seconds * hertz) // hertz

    assert in_seconds(str(-(2**64 - left))) == str(seconds)


@pytest.mark.parametrize("value", ["-2147483", "-1", "0", "10", "2147483"])
def test_seconds_that_are_shown_as_they_were_written_stay(value: str) -> None:
    assert in_seconds(value) == value


def test_the_number_that_linux_shows_is_read() -> None:
    assert in_seconds("-18262276632972456101") == "-1"
