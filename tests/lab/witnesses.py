"""Those who are asked what happened, none of them a part of lvsdr: tcpdump, arping, ip, ndisc6."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from time import monotonic, sleep

from lvsdr.lab.lab_host import Host

MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE)
ARP, IPV6, ICMPV6 = 0x0806, 0x86DD, 58
REQUEST, REPLY = 1, 2
# An EtherType for experiments; what was on the link before this frame has been captured.
MARK = bytes.fromhex("ffffffffffff 020000000000 88b5") + b"the end of the capture".ljust(46)
PATIENCE = 10.0


@contextmanager
def captured(host: Host, link: str, only: str = "") -> Iterator[list[bytes]]:
    """Give a list that tcpdump has filled, at the end of the block, with the frames on a link.

    `only` is a filter of pcap-filter(7).
    """
    frames: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frames"
        with _tcpdump(host, link, file, only) as tcpdump:
            yield frames
            _wait_for_mark(file, tcpdump, lambda: host.inside(lambda: _send(link, MARK)))
        frames += (frame for frame in _packets(file.read_bytes()) if MARK not in frame)


def frames_about(frames: Iterable[bytes], mac: str, addresses: Iterable[str]) -> list[bytes]:
    """Return the frames from `mac` that have one of `addresses` in them.

    The kernel asks for its neighbours and its routers too, whenever it likes.
    """
    own, wanted = bytes.fromhex(mac.replace(":", "")), [ip_address(ip).packed for ip in addresses]
    return [frame for frame in frames if frame[6:12] == own and any(ip in frame for ip in wanted)]


@contextmanager
def _tcpdump(host: Host, link: str, file: Path, only: str) -> Iterator[subprocess.Popen[str]]:
    # The kernel keeps a place of this size for each frame until tcpdump is scheduled: with the
    # default, of 256 kB, there are eight places, and a burst overflows them.
    size = 130_000 if link == "nlmon0" else 2_000
    words = ["tcpdump", "-Z", "root", "-i", link, "-U", "--immediate-mode", "-w", str(file)]
    words += ["-s", str(size), "-B", "32768"]
    # What is no Ethernet has no such protocol: there the mark is what is short.
    mark = "less 64" if link == "nlmon0" else "ether proto 0x88b5"
    wanted = [f"({only}) or {mark}"] if only else []
    command = ["nsenter", f"--net={host.path}", "--", *words, *wanted]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tcpdump:
        try:
            assert tcpdump.stderr is not None
            said = tcpdump.stderr.readline()
            assert "listening on" in said, said
            yield tcpdump
        finally:
            tcpdump.send_signal(signal.SIGINT)


def _wait_for_mark(file: Path, tcpdump: subprocess.Popen[str], send: Callable[[], None]) -> None:
    deadline, again = monotonic() + PATIENCE, 0.0
    while MARK not in file.read_bytes():
        assert monotonic() < deadline and tcpdump.poll() is None, "tcpdump missed the mark"
        if monotonic() >= again:
            # In a burst it may have found no room.
            send()
            again = monotonic() + 0.5
        sleep(0.02)


def _send(link: str, frame: bytes) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((link, 0))
        wire.send(frame)


def _packets(pcap: bytes) -> Iterator[bytes]:
    """Yield the packets of a file of pcap-savefile(5), in this machine's byte order."""
    offset = 24
    while offset < len(pcap):
        (length,) = struct.unpack_from("=8xI4x", pcap, offset)
        yield pcap[offset + 16 : offset + 16 + length]
        offset += 16 + length


# --- ARP and neighbours --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arp:
    """One ARP packet (RFC 826)."""

    operation: int
    sender_mac: str
    sender: str
    target: str


def arps(frames: Sequence[bytes]) -> list[Arp]:
    """Return the ARP packets among Ethernet frames."""
    found = []
    for frame in frames:
        if struct.unpack_from("!12xH", frame) == (ARP,):
            operation, mac, sender, target = struct.unpack_from("!6xH6s4s6x4s", frame, 14)
            addresses = str(IPv4Address(sender)), str(IPv4Address(target))
            found.append(Arp(operation, mac.hex(":"), *addresses))
    return found


def speakers(frames: Sequence[bytes], vip: str) -> list[str]:
    """Return the MACs that spoke in a VIP's name, in their order: by ARP, or as neighbours."""
    if ":" not in vip:
        return [arp.sender_mac for arp in arps(frames) if arp.sender == vip]
    address = IPv6Address(vip).packed
    found = []
    for frame in frames:
        if struct.unpack_from("!12xH6xB", frame) == (IPV6, ICMPV6):
            solicits, tells = frame[54] == 135, frame[54] == 136
            if (tells and frame[62:78] == address) or (solicits and frame[22:38] == address):
                found.append(frame[6:12].hex(":"))
    return found


def dying(frames: Sequence[bytes], vips: Sequence[str]) -> int:
    """Return how many packets from or to one of `vips` had a TTL of 1 or less."""
    addresses = {ip_address(vip).packed for vip in vips}
    count = 0
    for frame in frames:
        four = frame[12:14] == b"\x08\x00"
        place, length, ttl = (26, 4, 22) if four else (22, 16, 21)
        ends = {frame[place : place + length], frame[place + length : place + 2 * length]}
        count += frame[12:14] != b"\x08\x06" and frame[ttl] < 2 and bool(ends & addresses)
    return count


def arping(host: Host, vip: str) -> set[str]:
    """Return the MACs that answer for `vip` when the host asks in its own name.

    For a second, whoever answers: given a count, arping ends at so many replies, of anybody.
    """
    said = host.run("arping", "-b", "-w", "1", "-I", "eth0", vip, check=False).stdout
    return _macs(said)


def arping_probe(host: Host, vip: str) -> set[str]:
    """Return the MACs that answer for `vip` when the host asks in nobody's name.

    This form of arping ends at the first reply, so tcpdump hears the others; what one question
    started has arrived when the last one is answered.
    """
    said = ""
    with captured(host, "eth0") as frames:
        for _ in range(3):
            said += host.run("arping", "-D", "-w", "1", "-I", "eth0", vip, check=False).stdout
    replies = (arp for arp in arps(frames) if (arp.operation, arp.sender) == (REPLY, vip))
    return _macs(said) | {reply.sender_mac for reply in replies}


def ndisc6(host: Host, vip: str) -> set[str]:
    """Return the MACs that answer for an IPv6 VIP within 2 s, of which a proxy takes up to 0.8.

    ndisc6 does not tell of every answer that has come, so tcpdump hears them.
    """
    patient = ("ndisc6", "-m", "-n", "-q", "-r", "1", "-w", "2000")
    with captured(host, "eth0", "icmp6 and ip6[40] = 136") as frames:
        said = host.run(*patient, vip, "eth0", check=False).stdout
    target = ip_address(vip).packed
    return _macs(said) | {frame[6:12].hex(":") for frame in frames if frame[62:78] == target}


def neighbour(host: Host, address: str) -> str:
    """Return the MAC to which a host sends what is for `address`, or nothing."""
    shown = json.loads(host.run("ip", "-j", "neighbour", "show", address).stdout)
    return str(shown[0].get("lladdr", "")) if shown else ""


def ipvsadm(host: Host) -> list[str]:
    """Return the IPVS table, as the lines that would restore it."""
    return host.run("ipvsadm", "-Sn").stdout.splitlines()


def _macs(text: str) -> set[str]:
    return {mac.lower() for mac in MAC.findall(text)}


# --- netlink -------------------------------------------------------------------------------------

ROUTE, GENERIC = 0, 16
GENL_CONTROL, NLM_F_REQUEST = 16, 1
# linux/ip_vs.h: the commands of IPVS that only read.
IPVS_READS = {4: "GET_SERVICE", 8: "GET_DEST", 11: "GET_DAEMON", 13: "GET_CONFIG", 15: "GET_INFO"}
IPVS_WRITES = {1: "NEW_SERVICE", 2: "SET_SERVICE", 3: "DEL_SERVICE"}
IPVS_WRITES |= {5: "NEW_DEST", 6: "SET_DEST", 7: "DEL_DEST"}


@contextmanager
def netlink_writes(host: Host) -> Iterator[list[str]]:
    """Give a list that is filled, at the end of the block, with every write to the kernel.

    The host has a link `nlmon0` already: making one is a write, and changes the host.
    """
    writes: list[str] = []
    with captured(host, "nlmon0") as packets:
        yield writes
    for packet in packets:
        # The header of linux/netlink.h's DLT_NETLINK: its family stands at the end.
        (family,) = struct.unpack_from("!14xH", packet)
        writes += writes_in(family, packet[16:])


def writes_in(family: int, messages: bytes) -> Iterator[str]:
    """Yield the requests among the messages of a netlink socket that write."""
    while len(messages) >= 16:
        length, kind, flags = struct.unpack_from("=IHH", messages)
        if flags & NLM_F_REQUEST and kind >= 16:
            if family == ROUTE and kind % 4 != 2:
                yield f"RTM {kind}"
            if family == GENERIC and kind != GENL_CONTROL and messages[16] not in IPVS_READS:
                yield IPVS_WRITES.get(messages[16], f"IPVS {messages[16]}")
        messages = messages[max(16, (length + 3) & ~3) :]
