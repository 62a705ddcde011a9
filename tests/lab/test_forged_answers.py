"""A hostile real server answers for its neighbour: it must not make the neighbour's verdict.

It knows what a host of the segment knows: its own probes, and MAC addresses. Numbers that follow
from those of its own probes are guessed right where probes are numbered one after another.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from rig import RIPS, VIP, Document, Rig, director, lvsdr, realserver, rig, virtual_server

from lvsdr.lab.services import serving
from lvsdr.wire.frames import ethernet, icmp, ip, tcp, udp
from lvsdr.wire.frames.ethernet import Frame
from lvsdr.wire.frames.ip import IPPacket

WORDS = ("--seconds", "0.5", "--format", "json")
NEAR = range(-40, 41)
DROP = "iptables-legacy -I INPUT -p tcp --dport 80 -j DROP"
FLUSH = "iptables-legacy -F INPUT"

Forge = Callable[[IPPacket, bytes], Iterator[IPPacket]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(), virtual_server(protocol="udp", port=53))
    with rig(tmp_path_factory.mktemp("forged"), wanted, realserver()) as made, ExitStack() as stack:
        made.apply()
        # Whoever sends with another's MAC would else be sent what is for that one: the probe too.
        for number, station in enumerate(made.lab.topology.segment):
            entry = (station.mac, "dev", f"port{number}", "master", "static", "sticky")
            made.lab.switch.run("bridge", "fdb", "replace", *entry)
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield made


@contextmanager
def forging(made: Rig, forge: Forge, *macs: str) -> Iterator[list[int]]:
    """Let the first real server send what `forge` makes of each packet it sees, from `macs`.

    Gives a list with the number of packets seen and frames sent.
    """
    stop, count = threading.Event(), [0, 0]
    hostile = made.lab.realservers[0]
    wire = hostile.inside(_promiscuous)

    def run() -> None:
        while not stop.is_set():
            try:
                frame = ethernet.decode(wire.recv(2048))
                packet = ip.decode(frame.payload)
            except (TimeoutError, ethernet.FrameError):
                continue
            if str(packet.destination) != VIP or frame.source != made.mac(made.lab.director):
                continue
            count[0] += 1
            for forged in forge(packet, bytes.fromhex(frame.destination.replace(":", ""))):
                for mac in macs:
                    body = ip.encode(forged)
                    wire.send(ethernet.encode(Frame(frame.source, mac, ethernet.IPV4, body)))
                    count[1] += 1

    done = hostile.start(run)
    try:
        yield count
    finally:
        stop.set()
        done.result()
        wire.close()


def _promiscuous() -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethernet.IPV4))
    wire.bind(("eth0", ethernet.IPV4))
    # PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC: what the switch floods is seen, too.
    index = socket.if_nametoindex("eth0").to_bytes(4, "little")
    wire.setsockopt(263, 1, index + (1).to_bytes(2, "little") + bytes(10))
    wire.settimeout(0.1)
    return wire


def open_answers(packet: IPPacket, _: bytes) -> Iterator[IPPacket]:
    """Yield SYN-ACKs and datagrams for the probes around this one."""
    ends = packet.destination, packet.source
    for step in NEAR:
        if packet.protocol == ip.TCP:
            syn = tcp.decode(packet.payload)
            if not syn.flags & tcp.SYN:
                return
            for port in {syn.source_port, syn.source_port + step}:
                number = syn.sequence + 1 + step & 0xFFFFFFFF
                answer = tcp.Segment(80, port & 0xFFFF, 1, number, tcp.SYN | tcp.ACK)
                yield IPPacket(*ends, ip.TCP, tcp.encode(answer, *ends))
        elif packet.protocol == ip.UDP:
            port = udp.decode(packet.payload).source_port + step
            answered = udp.Datagram(53, port & 0xFFFF, b"forged")
            yield IPPacket(*ends, ip.UDP, udp.encode(answered, *ends))


def errors(packet: IPPacket, _: bytes) -> Iterator[IPPacket]:
    """Yield ICMP errors that quote the probes around this one."""
    ends = ip_address(RIPS[1]), packet.source
    for step in NEAR:
        if packet.protocol == ip.TCP:
            syn = tcp.decode(packet.payload)
            number = syn.sequence + step & 0xFFFFFFFF
            quoted = tcp.Segment(syn.source_port + step & 0xFFFF, 80, number, 0, tcp.SYN)
            body = tcp.encode(quoted, packet.source, packet.destination)
        elif packet.protocol == ip.UDP:
            port = udp.decode(packet.payload).source_port + step & 0xFFFF
            body = udp.encode(udp.Datagram(port, 53), packet.source, packet.destination)
        else:
            return
        if step:
            whole = IPPacket(packet.source, packet.destination, packet.protocol, body, 1)
            error = icmp.Error(4, 3, 1, ip.encode(whole))
            yield IPPacket(*ends, ip.ICMP, icmp.encode(error, *ends))


def exactly(made: Rig) -> Forge:
    """Return what answers the neighbour's own probe, as one does that has seen it."""
    neighbour = bytes.fromhex(made.mac(made.lab.realservers[1]).replace(":", ""))

    def forge(packet: IPPacket, destination: bytes) -> Iterator[IPPacket]:
        if destination == neighbour and packet.protocol == ip.TCP:
            syn = tcp.decode(packet.payload)
            ends = packet.destination, packet.source
            answer = tcp.Segment(80, syn.source_port, 1, syn.sequence + 1 & 0xFFFFFFFF, 0x12)
            yield IPPacket(*ends, ip.TCP, tcp.encode(answer, *ends))

    return forge


def verify(made: Rig, *, expect: int) -> tuple[dict[tuple[str, str], str | None], set[str]]:
    """Return the verdict of each path, and the rules of the findings."""
    words = ("director", "verify", made.director, *WORDS)
    said: Document = json.loads(lvsdr(made.lab.director, *words, expect=expect))
    verdicts = {(each["rip"], each["protocol"]): each["verdict"] for each in said["paths"]}
    return verdicts, {each["rule"] for each in said["findings"]}


@pytest.fixture
def dropping(made: Rig) -> Iterator[None]:
    """The second real server drops what clients send it."""
    host = made.lab.realservers[1]
    host.run("sh", text=f"{DROP}\n")
    yield
    host.run("sh", text=f"{FLUSH}\n")


@pytest.mark.usefixtures("dropping")
def test_a_real_server_cannot_answer_its_neighbours_probe_by_what_it_saw_of_its_own(
    made: Rig,
) -> None:
    with forging(made, open_answers, *(made.mac(each) for each in made.lab.realservers)) as count:
        verdicts, rules = verify(made, expect=1)

    assert count[0] > 0 and count[1] > 20
    assert verdicts[RIPS[1], "tcp"] == "filtered"
    assert "PATH-FILTERED" in rules


def test_errors_that_quote_what_was_never_sent_say_nothing(made: Rig) -> None:
    with forging(made, errors, made.mac(made.lab.realservers[1])) as count:
        verdicts, rules = verify(made, expect=0)

    assert count[1] > 20
    assert set(verdicts.values()) == {"served"}
    assert rules == set()


@contextmanager
def overheard(made: Rig) -> Iterator[None]:
    """Let the switch send to all what is for the second real server."""
    number = [each.mac for each in made.lab.topology.segment].index(
        made.mac(made.lab.realservers[1])
    )
    entry = (made.mac(made.lab.realservers[1]), "dev", f"port{number}", "master")
    made.lab.switch.run("bridge", "link", "set", "dev", f"port{number}", "learning", "off")
    made.lab.switch.run("bridge", "fdb", "del", *entry)
    yield
    made.lab.switch.run("bridge", "fdb", "replace", *entry, "static", "sticky")


@pytest.mark.usefixtures("dropping")
def test_one_who_has_seen_the_neighbours_probe_does_not_answer_it_from_its_own_mac(
    made: Rig,
) -> None:
    own = made.mac(made.lab.realservers[0])

    with overheard(made), forging(made, exactly(made), own) as count:
        verdicts, rules = verify(made, expect=1)

    assert count[1] > 0
    assert verdicts[RIPS[1], "tcp"] == "filtered"
    assert "PATH-FILTERED" in rules


def test_a_healthy_cluster_has_no_findings(made: Rig, tmp_path: Path) -> None:
    verdicts, rules = verify(made, expect=0)

    assert set(verdicts.values()) == {"served"}
    assert rules == set()
