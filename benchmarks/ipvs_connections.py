r"""Time reading IPVS's connections: 200,000, against `cat` of the same table in the same run.

    .venv/bin/python -m lvsdr.lab --timeout 900 --memory 1024 -- \
        .venv/bin/python benchmarks/ipvs_connections.py

    .venv/bin/python benchmarks/ipvs_connections.py --file

Datagrams make them, from addresses that nobody has, and they last longer than the run. With
`--file` a file is read that is written like the kernel's: what lvsdr itself takes, without the
kernel's part. With `--alone` neither cat reads all of it nor lvsdr, which takes half an hour for a
million.
"""

from __future__ import annotations

import argparse
import resource
import socket
import subprocess
import tempfile
from ipaddress import ip_address, ip_network
from pathlib import Path
from time import monotonic, process_time

from lvsdr.kernel.views.ipvs_connections import connections
from lvsdr.lab.cluster import hosts
from lvsdr.model.client_connections import ConnectionQuestion
from lvsdr.wire.frames import ethernet, ip, udp
from lvsdr.wire.frames.ethernet import IPV4, Frame
from lvsdr.wire.frames.ip import UDP, IPPacket

VIP, NEAR = ip_address("192.168.1.2"), ip_network("192.168.1.0/24")
MAC = "02:00:00:00:00:10"
TABLE = Path("/proc/thread-self/net/ip_vs_conn")
LINE = "TCP %08X %04X C0A80102 0050 C0A801%02X 0050 %-11s %7u\n"
STATES = ("SYN_RECV", "FIN_WAIT", "ESTABLISHED")


def main() -> None:
    """Make the connections, or a file like them, and read it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--connections", type=int, default=200_000)
    arguments.add_argument("--seconds", type=float, default=0.3)
    arguments.add_argument("--file", action="store_true")
    arguments.add_argument("--alone", action="store_true")
    asked = arguments.parse_args()
    if asked.file:
        with tempfile.NamedTemporaryFile("w") as file:
            write(file.name, asked.connections)
            read(Path(file.name), asked.seconds, alone=asked.alone)
        return
    with hosts(("director", "client")) as made:
        director, client = made["director"], made["client"]
        director.ip(
            f"link add eth0 address {MAC} type veth peer name eth0 netns {client.namespace}",
            "link set eth0 up",
            "address add 192.168.1.10/24 dev eth0",
            f"address add {VIP}/32 dev eth0",
        )
        client.ip("link set eth0 up")
        director.run("ipvsadm", "--set", "0", "0", "3600")
        director.run("ipvsadm", "-A", "-u", f"{VIP}:53", "-s", "rr")
        for number in (11, 12):
            director.run("ipvsadm", "-a", "-u", f"{VIP}:53", "-r", f"192.168.1.{number}", "-g")
        client.inside(lambda: flood(asked.connections))
        director.inside(lambda: read(TABLE, asked.seconds, alone=asked.alone))


def write(name: str, number: int) -> None:
    """Write a table of so many connections."""
    with Path(name).open("w", encoding="ascii") as file:
        file.write("Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires\n")
        for place in range(number):
            state = STATES[place % 3]
            file.write(LINE % (0x0A000000 + place, 1024, 11 + place % 2, state, place % 60))


def flood(number: int) -> None:
    """Send a datagram from so many addresses."""
    first = ip_address("10.0.0.0")
    query = udp.encode(udp.Datagram(1024, 53), first, VIP)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        own = ethernet.mac_text(wire.getsockname()[4])
        for place in range(number):
            packet = ip.encode(IPPacket(first + place, VIP, UDP, query))
            wire.send(ethernet.encode(Frame(MAC, own, IPV4, packet)))


def read(table: Path, seconds: float, *, alone: bool) -> None:
    """Read the table by lvsdr within its time, and, unless `alone`, all of it, and by cat."""
    count(table, seconds)
    if not alone:
        start = monotonic()
        subprocess.run(["cat", table], stdout=subprocess.DEVNULL, check=True)
        print(f"cat: {monotonic() - start:.2f} s")
        count(table, 60.0)


def count(table: Path, seconds: float) -> None:
    """Read the table by lvsdr, and print what it took."""
    before, start, cpu = peak(), monotonic(), process_time()
    seen = connections(ConnectionQuestion((NEAR,), seconds=seconds), {}, table)
    took, cpu = monotonic() - start, process_time() - cpu
    print(
        f"lvsdr, {seconds} s at most: {took:.2f} s, {cpu:.2f} s of CPU, {seen.extent};"
        f" {peak() - before} kB more than before"
    )


def peak() -> int:
    """Return the most memory that this process has had, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
