"""The messages of IPVS: byte for byte those of pyroute2, and back."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.ipvs import IPVSDest, IPVSService
from pyroute2.netlink.generic import ipvs as theirs

from lvsdr.kernel.netlink import ipvs_attributes, ipvs_dump, ipvs_messages, listed_services
from lvsdr.kernel.netlink.ipvs_columns import Together
from lvsdr.kernel.netlink.netlink_messages import (
    DUMP,
    GENERIC,
    REQUEST,
    pack_attribute,
    pack_message,
)
from lvsdr.kernel.tables import ipvs_batch
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import replace
from netlink_wire import DONE, FAMILY, SEQUENCE, Listing, reply

ports = st.integers(0, 65535)
addresses: dict[str, st.SearchStrategy[IPAddress]] = {
    "inet": st.builds(IPv4Address, st.integers(1, 0xFFFFFFFE)),
    "inet6": st.builds(IPv6Address, st.integers(1, 2**128 - 1)),
}


@st.composite
def services(draw: st.DrawFn) -> Service:
    family = draw(st.sampled_from(["inet", "inet6"]))
    if draw(st.booleans()):
        return Service("fwmark", fwmark=draw(st.integers(1, 2**32 - 1)), family=family)
    protocol = draw(st.sampled_from(list(ipvs_messages.PROTOCOLS)))
    return Service(protocol, draw(addresses[family]), draw(ports), family=family)


@st.composite
def virtual_servers(draw: st.DrawFn) -> VirtualServer:
    service = draw(services())
    longest = 32 if service.family == "inet" else 128
    # What ipvsadm -M takes, and no profile says.
    masks = st.sampled_from(["255.0.255.0", "0.0.0.24", "0.0.0.0"])
    prefixes = st.none() | st.integers(1, longest - 1)
    return VirtualServer(
        service,
        scheduler=draw(st.text("abcdefgh0123_-", min_size=1, max_size=15)),
        persistence=draw(st.none() | st.integers(1, 2**31)),
        persistence_prefix=draw(prefixes | masks if longest == 32 else prefixes),
        one_packet=draw(st.booleans()),
        flags=draw(st.integers(0, 7)) << 3,
        engine=draw(st.none() | st.just("sip")),
    )


@st.composite
def real_servers(draw: st.DrawFn) -> RealServer:
    family = draw(st.sampled_from(["inet", "inet6"]))
    return RealServer(
        draw(services()),
        draw(addresses[family]),
        draw(ports),
        weight=draw(st.integers(0, 2**31 - 1)),
        forwarding_method=draw(st.sampled_from(list(ipvs_attributes.METHODS))),
        upper_threshold=draw(st.integers(0, 2**32 - 1)),
        lower_threshold=draw(st.integers(0, 2**32 - 1)),
        tunnel=(draw(st.integers(0, 255)), draw(ports), draw(ports)),
    )


# --- pyroute2's encoder --------------------------------------------------------------------------


def encoded(command: int, *attributes: tuple[str, Any]) -> bytes:
    message = theirs.ipvsmsg()
    message["cmd"], message["version"] = command, theirs.GENL_VERSION
    message["attrs"] = list(attributes)
    message["header"]["type"], message["header"]["flags"] = FAMILY, REQUEST
    message["header"]["sequence_number"] = SEQUENCE
    message.encode()
    return bytes(message.data)


def their_identity(service: Service) -> Any:
    family = ipvs_messages.FAMILIES[service.family]
    if service.vip is None:
        return IPVSService(af=family, fwmark=service.fwmark)
    return IPVSService(
        af=family,
        protocol=int(ipvs_messages.PROTOCOLS[service.protocol]),
        addr=str(service.vip),
        port=service.port,
    )


def their_service(server: VirtualServer) -> Any:
    described = their_identity(server.service)
    prefix = server.persistence_prefix
    if server.service.family == "inet6":
        assert not isinstance(prefix, str)
        mask = struct.pack("=I", prefix or 128)
    elif isinstance(prefix, str):
        mask = socket.inet_aton(prefix)
    else:
        mask = struct.pack("!I", 0xFFFFFFFF << (32 - (prefix or 32)) & 0xFFFFFFFF)
    persistent = 0 if server.persistence is None else 1
    flags = server.flags | persistent | (4 if server.one_packet else 0)
    described["sched_name"] = server.scheduler
    described["flags"] = {"flags": flags, "mask": 0xFFFFFFFF}
    described["timeout"] = server.persistence or 0
    described["netmask"] = socket.inet_ntoa(mask)
    if server.engine:
        described["pe_name"] = server.engine
    return described


def their_destination(server: RealServer) -> Any:
    kind, port, flags = server.tunnel
    return IPVSDest(
        addr=str(server.rip),
        port=server.port,
        fwd_method=ipvs_attributes.METHODS[server.forwarding_method],
        weight=server.weight,
        u_thresh=server.upper_threshold,
        l_thresh=server.lower_threshold,
        tun_type=kind,
        tun_port=socket.htons(port),
        tun_flags=flags,
    )


def ours(command: int, attributes: bytes) -> bytes:
    return pack_message(FAMILY, GENERIC.pack(command, 1) + attributes, SEQUENCE, REQUEST)


@given(virtual_servers())
def test_a_virtual_server_is_encoded_as_pyroute2_encodes_it(server: VirtualServer) -> None:
    expected = encoded(1, ("IPVS_CMD_ATTR_SERVICE", their_service(server).dump_nla()))

    message = ours(ipvs_messages.NEW_SERVICE, ipvs_messages.virtual_server(server))

    assert message == expected


@given(real_servers())
def test_a_real_server_is_encoded_as_pyroute2_encodes_it(server: RealServer) -> None:
    expected = encoded(
        5,
        ("IPVS_CMD_ATTR_SERVICE", their_identity(server.service).dump_key()),
        ("IPVS_CMD_ATTR_DEST", their_destination(server).dump_nla()),
    )
    attributes = ipvs_messages.identity(server.service) + ipvs_messages.real_server(server)

    message = ours(ipvs_messages.NEW_DEST, attributes)

    assert message == expected


@given(st.lists(real_servers(), min_size=1, max_size=8))
def test_many_are_encoded_as_each_is_by_itself(several: list[RealServer]) -> None:
    """Of both families at once, and where some have a setting in common and others do not."""
    assert ipvs_messages.real_servers(several) == [
        ipvs_messages.real_server(each) for each in several
    ]
    assert ipvs_dump.all_listed_bytes(several) == [ipvs_dump.listed_bytes(each) for each in several]
    assert ipvs_messages.real_servers([]) == ipvs_dump.all_listed_bytes([]) == []


def asked_for(changes: Sequence[Change]) -> list[ipvs_batch.Request]:
    """Return the requests for changes of servers by themselves."""
    found = list(ipvs_batch.requests(changes))
    one_by_one = [each for each in found if not isinstance(each, Together)]
    assert len(one_by_one) == len(found)
    return one_by_one


@given(real_servers(), st.integers(2, 5))
def test_those_of_a_service_that_is_filled_are_asked_for_as_among_others(
    server: RealServer, count: int
) -> None:
    """A run that only adds goes another way than one in which something else changes as well."""
    new = [replace(server, port=port) for port in range(count)]
    filled = [Change(None, each) for each in new]
    other = Change(replace(server, port=count), replace(server, port=count, weight=7))

    alone, among = asked_for(filled), asked_for([*filled, other])

    assert alone == among[:-1]
    assert [change for change, _, _ in alone] == filled
    assert among[-1][:2] == (other, ipvs_messages.SET_DEST)


def test_the_numbers_are_those_of_pyroute2() -> None:
    for name in ("NEW_SERVICE", "SET_SERVICE", "DEL_SERVICE", "GET_SERVICE"):
        assert getattr(ipvs_messages, name) == getattr(theirs, f"IPVS_CMD_{name}")
    for name in ("NEW_DEST", "SET_DEST", "DEL_DEST", "GET_DEST"):
        assert getattr(ipvs_messages, name) == getattr(theirs, f"IPVS_CMD_{name}")


# --- what the kernel lists -----------------------------------------------------------------------


def listed(server: RealServer, extra: int = 0, *, order: int = 1) -> bytes:
    """Return a real server as a kernel lists it, `extra` bytes of statistics with it."""
    settings = ipvs_dump.listed_bytes(server)
    body, family = settings[: ipvs_dump.SETTINGS_SIZE], settings[ipvs_dump.SETTINGS_SIZE :]
    connections = b"".join(pack_attribute(kind, bytes(4)) for kind in (7, 8, 9))
    parts = [body, connections, family, pack_attribute(10, bytes(extra))]
    return reply(pack_attribute(ipvs_attributes.DEST, b"".join(parts[::order])))


def in_one_reply(found: list[bytes]) -> Iterator[bytes]:
    yield b"".join(found)
    yield DONE


WEB = Service("tcp", ip_address("192.0.2.10"), 80)


def servers(count: int) -> list[RealServer]:
    return [RealServer(WEB, IPv4Address(0x0A000001 + number), 80) for number in range(count)]


@given(real_servers(), st.integers(0, 64), st.booleans())
def test_what_was_listed_is_what_it_was(server: RealServer, extra: int, reverse: bool) -> None:
    wire = Listing(*in_one_reply([listed(server, extra * 4, order=-1 if reverse else 1)] * 2))

    found = list(ipvs_dump.real_servers(wire, server.service))
    wire.close()

    assert found == [server, server]


@given(virtual_servers())
def test_a_virtual_server_is_listed_as_it_was_made(server: VirtualServer) -> None:
    wire = Listing(reply(ipvs_messages.virtual_server(server)), DONE)

    (found,) = listed_services.virtual_servers(wire)
    wire.close()

    assert found == server


def with_statistics(server: VirtualServer, counts: bytes, *, first: bool) -> bytes:
    """Return a virtual server as the kernel lists it, with statistics after its settings."""
    settings = ipvs_messages.virtual_server(server)[4:]
    statistics = pack_attribute(10, counts), pack_attribute(12, counts * 2)
    parts = (*statistics, settings) if first else (settings, *statistics)
    return reply(pack_attribute(ipvs_attributes.SERVICE, b"".join(parts)))


@given(
    st.lists(
        st.tuples(virtual_servers(), st.binary(max_size=40), st.booleans()), min_size=1, max_size=20
    )
)
def test_virtual_servers_are_told_apart_whatever_they_have_in_common(
    listed: list[tuple[VirtualServer, bytes, bool]],
) -> None:
    """Of those before, each has left where its attributes were, and what they said."""
    there = [(server, with_statistics(server, counts, first=at)) for server, counts, at in listed]
    # Once more, with other statistics: the same ones are known by now.
    again = [(server, with_statistics(server, b"1234", first=False)) for server, _, _ in listed]
    wire = Listing(*in_one_reply([each for _, each in (*there, *again)]))

    found = list(listed_services.virtual_servers(wire))
    wire.close()

    assert found == [server for server, _ in (*there, *again)]


def test_what_is_as_expected_is_not_decoded() -> None:
    expected = servers(40)
    wire = Listing(*in_one_reply([listed(server, 100) for server in expected]))

    found = list(ipvs_dump.real_servers(wire, WEB, expected))
    wire.close()

    assert all(one is other for one, other in zip(found, expected, strict=True))


def test_what_differs_in_one_field_is_told_from_what_was_expected() -> None:
    expected = servers(3)
    heavier = RealServer(WEB, expected[1].rip, 80, weight=2)
    there = [expected[0], heavier, expected[2]]
    wire = Listing(*in_one_reply([listed(server) for server in there]))

    found = list(ipvs_dump.real_servers(wire, WEB, expected))
    wire.close()

    assert found == there


def test_of_many_only_those_at_the_addresses_that_are_asked_for_are_decoded() -> None:
    there = servers(40)
    wire = Listing(*in_one_reply([listed(server, 100) for server in there]))

    found = list(ipvs_dump.real_servers(wire, WEB, there[:2], [str(there[7].rip)]))
    wire.close()

    assert found == [*there[:2], there[7]]


def test_where_no_address_comes_first_none_is_left_out() -> None:
    addresses = ipvs_dump.listed_addresses(["192.0.2.11", "2001:db8::11"])
    first, port = pack_attribute(1, bytes(16)), pack_attribute(2, bytes(2))

    assert ipvs_dump.is_another(first + port, addresses)
    assert not ipvs_dump.is_another(port + first, addresses)
    assert not any(ipvs_dump.is_another(each + port, addresses) for each in addresses)


def test_messages_of_many_sizes_in_one_reply_are_walked() -> None:
    expected = servers(5)
    sizes = (0, 4, 100, 4, 0)
    there = [listed(server, size) for server, size in zip(expected, sizes, strict=True)]
    wire = Listing(b"".join(there) + DONE)

    found = list(ipvs_dump.real_servers(wire, WEB, expected))
    wire.close()

    assert found == expected


def test_an_ipv6_address_is_not_taken_for_an_ipv4_address_of_the_same_bytes() -> None:
    six = RealServer(WEB, IPv6Address("a00:1::"), 80)
    wire = Listing(*in_one_reply([listed(six)]))

    found = list(ipvs_dump.real_servers(wire, WEB, servers(1)))
    wire.close()

    assert found == [six]


def test_a_list_that_somebody_changed_meanwhile_is_not_taken_for_whole() -> None:
    interrupted = bytearray(listed(servers(1)[0]))
    interrupted[6] |= 0x10
    wire = Listing(bytes(interrupted), DONE)

    with pytest.raises(OSError, match="Interrupted"):
        list(ipvs_dump.real_servers(wire, WEB))
    wire.close()


# --- batches -------------------------------------------------------------------------------------


def test_a_broken_length_is_never_sent() -> None:
    wire = Listing()
    broken = bytearray(ours(ipvs_messages.NEW_SERVICE, ipvs_messages.identity(WEB)))
    broken[0] += 4

    with pytest.raises(AssertionError, match="a broken length"):
        wire.batch(broken)
    with pytest.raises(BlockingIOError):
        wire.kernel.recv(1, socket.MSG_DONTWAIT)
    wire.close()


@pytest.mark.parametrize(
    ("most_bytes", "most_requests", "counts"),
    [(1 << 20, 1 << 10, [7]), (1 << 20, 3, [3, 3, 1]), (300, 100, [2, 2, 2, 1]), (1, 1, [1] * 7)],
)
def test_a_send_has_as_much_as_its_socket_takes(
    most_bytes: int, most_requests: int, counts: list[int]
) -> None:
    """Of IPv4 each real server is a message of 140 bytes; one that is too large goes alone."""
    wire = Listing()
    wire.most_bytes, wire.most_requests = most_bytes, most_requests
    todo = [Change(None, server) for server in servers(7)]

    sends = list(ipvs_batch.batches(wire, todo))

    assert [len(each) for each in sends] == counts
    assert [request[0] for each in sends for request in each if isinstance(request, tuple)] == todo
    wire.close()


def test_answers_that_do_not_come_are_an_error_and_no_consent() -> None:
    wire = Listing()

    with pytest.raises(BlockingIOError):
        wire.batch(ours(ipvs_messages.NEW_SERVICE, ipvs_messages.identity(WEB)))
    wire.close()


def test_a_maglev_service_is_made_as_rr_and_changed_once_it_is_full() -> None:
    maglev = VirtualServer(WEB, "mh", flags=0x8)
    run = [Change(None, maglev), *(Change(None, server) for server in servers(2))]

    sent = [(command, b"mh\0" in attributes) for _, command, attributes in asked_for(run)]

    assert sent == [
        (ipvs_messages.NEW_SERVICE, False),
        (ipvs_messages.NEW_DEST, False),
        (ipvs_messages.NEW_DEST, False),
        (ipvs_messages.SET_SERVICE, True),
    ]


def test_a_maglev_service_without_real_servers_or_there_already_is_left_in_peace() -> None:
    maglev = VirtualServer(WEB, "mh")
    alone = asked_for([Change(None, maglev)])
    later = asked_for([Change(None, server) for server in servers(2)])

    assert [command for _, command, _ in alone] == [ipvs_messages.NEW_SERVICE]
    assert [command for _, command, _ in later] == [ipvs_messages.NEW_DEST, ipvs_messages.NEW_DEST]
    assert b"mh\0" in alone[0][2]


def test_only_the_services_that_are_maglevs_are_made_as_others() -> None:
    other = Service("tcp", ip_address("192.0.2.20"), 80)
    maglev, plain = VirtualServer(WEB, "mh"), VirtualServer(other, "wlc")
    filled = [RealServer(service, ip_address("192.0.2.11"), 80) for service in (WEB, other)]
    run = [*(Change(None, each) for each in (maglev, plain, *filled)), Change(servers(1)[0], None)]

    sent = [(command, b"wlc\0" in attributes) for _, command, attributes in asked_for(run)]

    assert sent == [
        (ipvs_messages.NEW_SERVICE, False),
        (ipvs_messages.NEW_SERVICE, True),
        (ipvs_messages.NEW_DEST, False),
        (ipvs_messages.NEW_DEST, False),
        (ipvs_messages.DEL_DEST, False),
        (ipvs_messages.SET_SERVICE, False),
    ]


def test_a_listing_is_asked_for_as_a_listing() -> None:
    wire = Listing(DONE)

    list(ipvs_dump.real_servers(wire, WEB))
    asked = wire.kernel.recv(4096)
    wire.close()

    body = GENERIC.pack(ipvs_messages.GET_DEST, 1) + ipvs_messages.identity(WEB)
    assert asked == pack_message(FAMILY, body, SEQUENCE, REQUEST | DUMP)
