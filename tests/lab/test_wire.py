"""Who answers, and announcements, on a real kernel: hosts are network namespaces on one bridge."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import ParamSpec, TypeVar

import pytest

from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.neighbour_claim import Answer, Heard
from lvsdr.wire.announce import Announcer
from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
from lvsdr.wire.frames.arp import Arp
from lvsdr.wire.frames.ethernet import Frame
from lvsdr.wire.frames.neighbour_discovery import Advertisement
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.who_has import who_has

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="namespaces need root on Linux"
)

P = ParamSpec("P")
T = TypeVar("T")

CLONE_NEWNET = 0x40000000
VIP = IPv4Address("192.0.2.2")
DIP = IPv4Address("192.0.2.10")
FREE = IPv4Address("192.0.2.99")
VIP6 = IPv6Address("2001:db8::2")
DIP6 = IPv6Address("2001:db8::10")


# --- the segment: what a host is, until lvsdr.lab.cluster is there -------------------------------


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace, and one thread that lives in it."""

    name: str
    mac: str
    thread: ThreadPoolExecutor

    def ip(self, *commands: str) -> None:
        for command in commands:
            run("ip", "-n", self.name, *command.split())

    def set(self, path: str, value: object) -> None:
        self.call(Path("/proc/sys/net", path).write_text, str(value))

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self.thread.submit(work, *args, **kwargs)

    def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.start(work, *args, **kwargs).result(timeout=120)

    def neighbour(self, address: IPAddress) -> str:
        entries = json.loads(run("ip", "-j", "-n", self.name, "neigh", "show", str(address)))
        return str(entries[0].get("lladdr")) if entries else ""

    def who_has(self, *addresses: IPAddress, seconds: float = 1.6) -> frozenset[Answer]:
        return self.hear_who_has(*addresses, seconds=seconds).answers

    def hear_who_has(self, *addresses: IPAddress, seconds: float = 1.6) -> Heard:
        return self.call(who_has, "eth0", addresses, source4=DIP, source6=DIP6, seconds=seconds)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def enter(name: str) -> None:
    """Move the calling thread, and it alone, into a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", name).open() as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def namespace(name: str) -> Iterator[str]:
    full = f"lvsdr-wire-{os.getpid()}-{name}"
    run("ip", "netns", "add", full)
    try:
        yield full
    finally:
        run("ip", "netns", "del", full)


@contextmanager
def segment(*names: str) -> Iterator[list[Host]]:
    """Yield hosts whose eth0 are plugged into one switch; MAC 02:00:00:00:00:11 and on."""
    with ExitStack() as stack:
        switch = stack.enter_context(namespace("switch"))
        run(*f"ip -n {switch} link add br0 type bridge mcast_snooping 0".split())
        run(*f"ip -n {switch} link set br0 up".split())
        hosts = []
        for number, short in enumerate(names, start=0x11):
            name = stack.enter_context(namespace(short))
            thread = ThreadPoolExecutor(1, initializer=enter, initargs=(name,))
            host = Host(name, f"02:00:00:00:00:{number:02x}", stack.enter_context(thread))
            plug(host, switch, f"port{number:x}")
            hosts.append(host)
        yield hosts


def plug(host: Host, switch: str, port: str) -> None:
    host.ip(
        "link set lo up",
        f"link add eth0 address {host.mac} type veth peer name {port} netns {switch}",
    )
    run(*f"ip -n {switch} link set {port} master br0 up".split())
    # A new namespace may have copied any value: these are what an ordinary host has.
    for path, value in {
        "ipv4/conf/all/rp_filter": 0,
        "ipv4/conf/eth0/rp_filter": 0,
        "ipv4/conf/all/arp_ignore": 0,
        "ipv4/conf/eth0/arp_ignore": 0,
        "ipv6/conf/eth0/accept_dad": 0,
        "ipv6/conf/eth0/disable_ipv6": 0,
    }.items():
        host.set(path, value)
    host.ip("link set eth0 up")


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = monotonic() + seconds
    while not (true := holds()) and monotonic() < deadline:
        sleep(0.01)
    return true


def blast(frames: list[bytes], stop: Event, pause: float = 0.0) -> int:
    """Send `frames` over and over until `stop`, and return how many went out."""
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind(("eth0", 0))
        while not stop.wait(pause) if pause else not stop.is_set():
            for frame in frames:
                wire.send(frame)
                sent += 1
    return sent


def heard(link: str, *ethertypes: int, ready: Event, stop: Event) -> list[bytes]:
    """Return the frames that a packet socket lets through until `stop`."""
    found: list[bytes] = []
    with PacketSocket(link, *ethertypes) as wire:
        ready.set()
        while not stop.is_set():
            found.extend(wire.frames(monotonic() + 0.05))
        found.extend(wire.frames(monotonic()))
    return found


Told = set[tuple[IPAddress, str, str]]


def answers(address: IPAddress, *macs: str, forms: tuple[str, ...] = ("own", "probe")) -> Told:
    return {(address, mac, form) for mac in macs for form in forms}


def plain(found: frozenset[Answer]) -> Told:
    return {(answer.address, answer.mac, answer.form) for answer in found}


# --- who has -------------------------------------------------------------------------------------


def test_both_owners_of_one_address_are_heard() -> None:
    with segment("asker", "one", "two") as (asker, one, two):
        asker.ip(f"addr add {DIP}/24 dev eth0")
        for owner in (one, two):
            owner.ip(f"addr add {VIP}/24 dev eth0")

        found = asker.who_has(VIP)

    assert plain(found) == answers(VIP, one.mac, two.mac)


def test_both_owners_of_one_ipv6_address_are_heard() -> None:
    with segment("asker", "one", "two") as (asker, one, two):
        asker.ip(f"addr add {DIP6}/64 dev eth0 nodad")
        for owner in (one, two):
            owner.ip(f"addr add {VIP6}/64 dev eth0 nodad")

        found = asker.who_has(VIP6)

    assert plain(found) == answers(VIP6, one.mac, two.mac, forms=("own",))


def test_nobody_is_heard_for_a_free_address() -> None:
    with segment("asker", "owner") as (asker, owner):
        asker.ip(f"addr add {DIP}/24 dev eth0", f"addr add {DIP6}/64 dev eth0 nodad")
        owner.ip(f"addr add {VIP}/24 dev eth0")

        found = asker.who_has(FREE, ip_address("2001:db8::99"))

    assert found == frozenset()


def test_asking_leaves_no_trace_in_the_neighbour_table_of_the_asker() -> None:
    with segment("asker", "owner") as (asker, owner):
        asker.ip(f"addr add {DIP}/24 dev eth0")
        owner.ip(f"addr add {VIP}/24 dev eth0")

        found = asker.who_has(VIP)

        assert found
        assert asker.neighbour(VIP) == ""


def test_an_ipv6_owner_is_heard_by_a_host_without_ipv6() -> None:
    with segment("asker", "owner") as (asker, owner):
        asker.set("ipv6/conf/eth0/disable_ipv6", 1)
        owner.ip(f"addr add {VIP6}/64 dev eth0 nodad")

        found = asker.call(who_has, "eth0", [VIP6], source4=None, source6=None).answers

    assert plain(found) == answers(VIP6, owner.mac, forms=("probe",))


def test_groups_are_heard_while_the_socket_is_open() -> None:
    """On a veth all groups come through anyhow: a real card filters them."""
    with segment("host") as (host,):
        wire = host.call(PacketSocket("eth0", ethernet.IPV6).__enter__)
        opened = run("ip", "-d", "-n", host.name, "link", "show", "eth0")
        wire.__exit__(None, None, None)
        closed = run("ip", "-d", "-n", host.name, "link", "show", "eth0")

    assert "allmulti 1" in opened
    assert "allmulti 0" in closed


def test_a_proxy_answers_the_question_in_our_own_name_alone() -> None:
    with segment("asker", "proxy") as (asker, proxy):
        asker.ip(f"addr add {DIP}/24 dev eth0")
        proxy.ip("addr add 192.0.2.12/24 dev eth0", f"neigh add proxy {VIP} dev eth0")
        # The kernel is a proxy only for what it would send out through another link.
        proxy.ip("link add far0 type veth peer name far1", "link set far0 up", "link set far1 up")
        proxy.ip(f"route add {VIP}/32 dev far0")
        proxy.set("ipv4/ip_forward", 1)
        # Silence that is asked for does not silence a proxy.
        proxy.set("ipv4/conf/all/arp_ignore", 8)

        # A proxy answers late, and later still on a machine that is busy.
        found = asker.who_has(VIP, seconds=4.0)

    assert plain(found) == answers(VIP, proxy.mac, forms=("own",))


def test_an_ipv6_proxy_is_heard() -> None:
    with segment("asker", "proxy") as (asker, proxy):
        asker.ip(f"addr add {DIP6}/64 dev eth0 nodad")
        proxy.ip("addr add 2001:db8::12/64 dev eth0 nodad")
        proxy.set("ipv6/conf/all/forwarding", 1)
        proxy.set("ipv6/conf/eth0/proxy_ndp", 1)
        proxy.ip(f"neigh add proxy {VIP6} dev eth0")

        found = asker.who_has(VIP6)

    assert plain(found) == answers(VIP6, proxy.mac, forms=("proxy",))


def test_a_proxy_with_more_than_it_can_keep_is_found_among_thousands() -> None:
    addresses = [IPv4Address("198.18.0.0") + number for number in range(4000)]
    with segment("asker", "proxy") as (asker, proxy):
        asker.ip(f"addr add {DIP}/24 dev eth0")
        proxy.ip("addr add 192.0.2.12/24 dev eth0")
        proxy.ip("link add far0 type veth peer name far1", "link set far0 up", "link set far1 up")
        # All but the first half of the addresses lead through another link.
        proxy.ip("route add 198.18.8.0/21 dev far0")
        proxy.set("ipv4/ip_forward", 1)
        proxy.set("ipv4/conf/eth0/proxy_arp", 1)

        found = asker.who_has(*addresses)

    assert len(found) >= 64
    assert {(answer.mac, answer.form) for answer in found} == {(proxy.mac, "own")}
    assert min(int(answer.address) for answer in found) >= int(IPv4Address("198.18.8.0"))


def test_the_probe_finds_a_host_that_hides_from_senders_of_another_subnet() -> None:
    with segment("asker", "hidden") as (asker, hidden):
        hidden.ip(f"addr add {VIP}/24 dev eth0")
        hidden.set("ipv4/conf/eth0/rp_filter", 1)

        found = asker.call(
            who_has, "eth0", [VIP], source4=IPv4Address("198.51.100.1"), source6=None
        ).answers

    assert plain(found) == answers(VIP, hidden.mac, forms=("probe",))


def test_an_address_that_is_asked_for_is_not_used_as_the_source() -> None:
    """Else the question would claim it, and move its neighbours' entries to us."""
    with segment("asker", "owner", "router") as (asker, owner, router):
        owner.ip(f"addr add {VIP}/24 dev eth0")
        router.ip("addr add 192.0.2.1/24 dev eth0")
        router.ip(f"neigh add {VIP} lladdr {owner.mac} dev eth0 nud stale")

        found = asker.call(who_has, "eth0", [VIP], source4=VIP, source6=None).answers

        assert plain(found) == answers(VIP, owner.mac, forms=("probe",))
        assert router.neighbour(VIP) == owner.mac


def test_who_speaks_in_the_name_of_an_address_is_overheard() -> None:
    with segment("asker", "speaker") as (asker, speaker):
        stop = Event()
        frames = [
            arp.broadcast(arp.question(speaker.mac, VIP, IPv4Address("192.0.2.1"))),
            neighbour_discovery.multicast(
                speaker.mac, neighbour_discovery.question(speaker.mac, VIP6, DIP6)
            ),
        ]
        speaking = speaker.start(blast, frames, stop, 0.05)

        found = asker.who_has(VIP, VIP6, seconds=0.3)

        stop.set()
        speaking.result(10)
    expected = {(VIP, speaker.mac, "overheard"), (VIP6, speaker.mac, "overheard")}
    assert plain(found) == expected


# For hundreds the kernel may have no room for a filter (net.core.optmem_max), for thousands never.
@pytest.mark.parametrize("number", [700, 2000])
def test_thousands_of_addresses_are_all_heard_in_every_form(number: int) -> None:
    addresses = [IPv4Address("198.18.0.0") + place for place in range(number)]
    with segment("asker", "owner") as (asker, owner):
        asker.ip(f"addr add {DIP}/24 dev eth0")
        owner.ip("addr add 192.0.2.12/24 dev eth0", "route add local 198.18.0.0/20 dev lo")

        found = asker.who_has(*addresses, seconds=0.5)

    assert {(answer.address, answer.form) for answer in found} == {
        (address, form) for address in addresses for form in ("own", "probe")
    }
    assert {answer.mac for answer in found} == {owner.mac}


def test_progress_grows_to_the_end() -> None:
    steps: list[float] = []
    with segment("asker") as (asker,):
        asker.call(
            who_has,
            "eth0",
            [VIP],
            source4=DIP,
            source6=None,
            seconds=0.1,
            progress=steps.append,
        )

    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(1.0)


# --- hostile frames ------------------------------------------------------------------------------


def hostile(us: str, them: str) -> list[bytes]:
    """Return frames that look like answers for VIP and VIP6, and are none."""
    good = arp.encode(Arp(arp.REPLY, them, VIP, us, DIP))
    good6 = neighbour_discovery.encode(Advertisement(VIP6, DIP6, VIP6, them, solicited=True))
    lie = arp.encode(Arp(arp.REPLY, them, FREE, us, DIP))
    to_us = ethernet.mac_bytes(us) + ethernet.mac_bytes(them)
    tagged = to_us + bytes.fromhex("8100 0064")
    return [
        to_us + b"\x08\x06" + good[:27],
        to_us + b"\x08\x06",
        to_us + b"\x08\x06" + good[:4] + b"\x08" + good[5:],
        to_us + b"\x08\x06" + good[:5] + b"\x10" + good[6:],
        to_us + b"\x08\x06" + b"\x00\x06" + good[2:],
        to_us + b"\x08\x06" + lie,
        tagged + b"\x08\x06" + good,
        tagged + b"\x86\xdd" + good6,
        to_us + b"\x86\xdd" + good6[:7] + b"\xfe" + good6[8:],
        to_us + b"\x86\xdd" + good6[:-1] + b"\x00",
        to_us + b"\x86\xdd" + good6[:70],
        b"\xff" * 14,
    ]


def test_hostile_frames_are_no_answers() -> None:
    with segment("asker", "hostile") as (asker, foe):
        stop = Event()
        lying = foe.start(blast, hostile(asker.mac, foe.mac), stop, 0.01)

        found = asker.who_has(VIP, VIP6, seconds=0.5)

        stop.set()
        assert lying.result(10) > 100
    assert found == frozenset()


def test_our_own_frames_come_back_through_a_loop_and_are_no_answers() -> None:
    with segment("asker", "loop") as (asker, loop):
        stop = Event()
        ours = [
            arp.broadcast(Arp(arp.REPLY, asker.mac, VIP, asker.mac, DIP)),
            neighbour_discovery.multicast(
                asker.mac, neighbour_discovery.unsolicited(asker.mac, VIP6)
            ),
        ]
        looping = loop.start(blast, ours, stop, 0.01)

        found = asker.who_has(VIP, VIP6, seconds=0.3)

        stop.set()
        assert looping.result(10) > 20
    assert found == frozenset()


def test_the_same_frames_undamaged_are_answers() -> None:
    """Without the damage they would be believed: the test before this one is no accident."""
    with segment("asker", "foe") as (asker, foe):
        good = Frame(
            asker.mac,
            foe.mac,
            ethernet.ARP,
            arp.encode(Arp(arp.REPLY, foe.mac, VIP, asker.mac, DIP)),
        )
        message = Advertisement(VIP6, DIP6, VIP6, foe.mac, solicited=True, override=True)
        good6 = Frame(asker.mac, foe.mac, ethernet.IPV6, neighbour_discovery.encode(message))
        # VLAN 0 is no VLAN, only a priority.
        tagged = bytearray(ethernet.encode(good6))
        tagged[12:12] = bytes.fromhex("8100 2000")
        stop = Event()
        speaking = foe.start(blast, [ethernet.encode(good), bytes(tagged)], stop, 0.01)

        found = asker.who_has(VIP, VIP6, seconds=0.3)

        stop.set()
        speaking.result(10)
    assert plain(found) == {(VIP, foe.mac, "own"), (VIP6, foe.mac, "own")}


def test_a_flood_neither_hides_an_owner_nor_takes_more_time() -> None:
    with segment("asker", "owner", "foe") as (asker, owner, foe):
        owner.ip(f"addr add {VIP}/24 dev eth0")
        stop = Event()
        forged = [f"02:66:00:00:00:{number:02x}" for number in range(50)]
        lies = [
            arp.broadcast(Arp(arp.REPLY, mac, VIP + number, asker.mac, DIP))
            for mac in forged
            for number in range(2)
        ]
        flooding = foe.start(blast, lies, stop, 0.005)

        start = monotonic()
        found = asker.who_has(VIP, seconds=1.0)
        taken = monotonic() - start

        stop.set()
        assert flooding.result(10) > 1000
    assert {(VIP, owner.mac, "own"), (VIP, owner.mac, "probe")} <= plain(found)
    # Each forged answer is kept once, whatever its number.
    assert {(VIP, mac, "own") for mac in forged} <= plain(found)
    assert len(found) == 2 + len(forged)
    assert taken < 4.0


def test_other_traffic_is_dropped_in_the_kernel() -> None:
    with segment("listener", "talker") as (listener, talker):
        ready, stop = Event(), Event()
        listening = listener.start(
            heard, "eth0", ethernet.ARP, ethernet.IPV6, ready=ready, stop=stop
        )
        assert ready.wait(5)
        other = neighbour_discovery.encode(Advertisement(VIP6, DIP6, VIP6, talker.mac))
        unwanted = [
            Frame(listener.mac, talker.mac, 0x0800, bytes(60)),
            Frame(listener.mac, talker.mac, ethernet.IPV6, other[:6] + b"\x06" + other[7:]),
            Frame(listener.mac, talker.mac, ethernet.IPV6, other[:40] + b"\x80" + other[41:]),
        ]
        wanted = arp.broadcast(arp.gratuitous_reply(talker.mac, VIP))
        frames = [*map(ethernet.encode, unwanted), wanted]

        talker.call(send_all, frames)

        stop.set()
        from_talker = [frame for frame in listening.result(10) if arp_source(frame) == talker.mac]
    assert from_talker == [wanted]


def arp_source(frame: bytes) -> str:
    """Return who sent it, leaving out what the talker's kernel says by itself on IPv6."""
    decoded = ethernet.decode(frame)
    return (
        ""
        if decoded.payload[:1] == b"\x60" and decoded.destination[:5] == "33:33"
        else (decoded.source)
    )


def send_all(frames: list[bytes]) -> None:
    with PacketSocket("eth0") as wire:
        for frame in frames:
            wire.send(frame)


def test_what_this_host_sends_is_not_heard() -> None:
    with segment("host") as (host,), socket_in(host) as listening:
        host.call(send_all, [arp.broadcast(arp.gratuitous_reply(host.mac, VIP))] * 10)

        found = list(listening.frames(monotonic() + 0.2))

    assert found == []


@contextmanager
def socket_in(host: Host) -> Iterator[PacketSocket]:
    """Yield a socket that stays in the namespace where it was made."""
    wire = host.call(PacketSocket("eth0", ethernet.ARP).__enter__)
    try:
        yield wire
    finally:
        wire.__exit__(None, None, None)


# --- announcements -------------------------------------------------------------------------------


def announce(vips: list[IPAddress], count: int = 3) -> None:
    with Announcer("eth0") as announcer:
        announcer.announce(vips, count=count)


@pytest.mark.parametrize(
    ("vip", "own"),
    [
        pytest.param(VIP, "192.0.2.1/24", id="IPv4"),
        pytest.param(VIP6, "2001:db8::1/64", id="IPv6"),
    ],
)
def test_an_announcement_turns_a_poisoned_entry(vip: IPAddress, own: str) -> None:
    with segment("director", "router") as (director, router):
        wrong = "02:00:00:00:00:99"
        router.ip(f"addr add {own} dev eth0 nodad" if ":" in own else f"addr add {own} dev eth0")
        router.ip(f"neigh add {vip} lladdr {wrong} dev eth0 nud stale")
        assert router.neighbour(vip) == wrong

        director.call(announce, [vip])

        assert eventually(lambda: router.neighbour(vip) == director.mac)


def test_every_round_claims_every_vip_in_each_form() -> None:
    with segment("director", "listener") as (director, listener):
        ready, stop = Event(), Event()
        listening = listener.start(
            heard, "eth0", ethernet.ARP, ethernet.IPV6, ready=ready, stop=stop
        )
        assert ready.wait(5)

        director.call(announce, [VIP, VIP6])

        stop.set()
        claims = [frame for frame in listening.result(10) if claims_a_vip(frame)]
    expected = [
        arp.broadcast(arp.gratuitous_request(director.mac, VIP)),
        arp.broadcast(arp.gratuitous_reply(director.mac, VIP)),
        neighbour_discovery.multicast(
            director.mac, neighbour_discovery.unsolicited(director.mac, VIP6)
        ),
    ]
    assert claims == expected * 3


def claims_a_vip(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x06" or VIP6.packed in frame


# --- where it cannot run -------------------------------------------------------------------------


def refusal(host: Host, link: str, open_it: Callable[[str], object]) -> CannotRun:
    with pytest.raises(CannotRun) as refused:
        host.call(open_it, link)
    return refused.value


def ask(link: str, seconds: float = 0.1) -> object:
    return who_has(link, [VIP], source4=None, source6=None, seconds=seconds).answers


def open_announcer(link: str) -> object:
    with Announcer(link) as announcer:
        return announcer


@pytest.mark.parametrize("link", ["eth9", "fifteen-letters-and-more", ""])
def test_a_link_that_is_not_there_is_named(link: str) -> None:
    with segment("host") as (host,):
        # The name that is left when the long one is cut off.
        host.ip("link add fifteen-letters type veth peer name far0")
        refused = refusal(host, link, ask)

    assert refused.message == f"cannot open a packet socket on {link}: no such link (ENODEV)"


@pytest.mark.parametrize("open_it", [ask, open_announcer])
def test_a_loopback_is_refused(open_it: Callable[[str], object]) -> None:
    with segment("host") as (host,):
        refused = refusal(host, "lo", open_it)

    assert refused.message == "cannot open a packet socket on lo: it is a loopback"


@pytest.mark.parametrize("open_it", [ask, open_announcer])
def test_a_link_without_arp_is_refused(open_it: Callable[[str], object]) -> None:
    with segment("host") as (host,):
        host.ip("link set eth0 arp off")
        refused = refusal(host, "eth0", open_it)

    assert "NOARP" in refused.message


def test_a_link_that_is_down_is_told_with_the_way_to_set_it_up() -> None:
    with segment("host") as (host,):
        host.ip("link set eth0 down")
        asking = refusal(host, "eth0", ask)
        announcing = refusal(host, "eth0", lambda _: announce([VIP]))

    assert asking.message == "cannot ask on eth0: the link is down (ENETDOWN)"
    assert announcing.message == "cannot send on eth0: the link is down (ENETDOWN)"
    assert asking.hints == announcing.hints == ["ip link set eth0 up"]


def test_silence_on_a_dead_cable_is_no_answer() -> None:
    with segment("host") as (host,):
        host.ip("link add cable0 type veth peer name cable1", "link set cable0 up")
        # The kernel may tell of it a second late.
        refused = refusal(host, "cable0", lambda link: ask(link, seconds=1.2))

    assert refused.message == "cannot ask on cable0: no carrier"


def test_silence_on_a_cable_that_was_pulled_is_no_answer() -> None:
    with segment("host") as (host,):
        host.ip("link add cable0 type veth peer name cable1")
        host.ip("link set cable0 up", "link set cable1 up")
        listening = host.start(ask, "cable0", seconds=2.0)
        host.ip("link set cable1 down")

        with pytest.raises(CannotRun, match="no carrier"):
            listening.result(10)


def test_a_link_that_goes_down_while_we_listen_is_told() -> None:
    with segment("host") as (host,):
        listening = host.start(who_has, "eth0", [VIP], source4=None, source6=None, seconds=30)
        host.ip("link set eth0 down")

        with pytest.raises(CannotRun, match="on eth0: the link is down"):
            listening.result(10)


WITHOUT_PRIVILEGE = """
import os
from ipaddress import IPv4Address
from lvsdr.errors import CannotRun
from lvsdr.wire.announce import Announcer
os.setuid(65534)
try:
    Announcer("lo").__enter__()
except CannotRun as refused:
    print(refused, refused.hints)
"""


def test_a_missing_privilege_is_told() -> None:
    said = run(sys.executable, "-c", WITHOUT_PRIVILEGE)

    assert said.strip() == (
        "cannot open a packet socket on lo: operation not permitted (EPERM)"
        " ['run as root, or give CAP_NET_RAW']"
    )
