r"""Time the proof of many paths: 1,000 virtual servers of 50 real servers each, by default.

    .venv/bin/python -m lvsdr.lab --timeout 900 --memory 1024 -- \
        .venv/bin/python benchmarks/paths.py

One host has all the RIPs and all the VIPs, and serves them all at one port. Each RIP is on a link
of its own, with a MAC address of its own: probes that are the same frame are sent but once, and an
answer from another's MAC address counts for nothing. What was really sent, the kernel of that host
counts.
"""

from __future__ import annotations

import argparse
import resource
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_address
from time import monotonic, process_time

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path, RealServerRoute
from lvsdr.wire.paths.prove_paths import prove_paths

DIP = ip_address("10.1.0.1")


def main() -> None:
    """Build the two hosts, and prove every path."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--virtual-servers", type=int, default=1000)
    arguments.add_argument("--real-servers", type=int, default=50)
    arguments.add_argument("--rate", type=int, default=20_000)
    asked = arguments.parse_args()
    rips = [ip_address("10.1.1.0") + number for number in range(1, asked.real_servers + 1)]
    vips = [ip_address("10.2.0.0") + number for number in range(1, asked.virtual_servers + 1)]
    paths = [Path(Service("tcp", vip, 80), vip, rip, 80) for vip in vips for rip in rips]
    with hosts(("director", "realserver")) as made:
        director, realserver = made["director"], made["realserver"]
        director.ip(
            f"link add eth0 type veth peer name eth0 netns {realserver.namespace}",
            "link set eth0 up",
            f"address add {DIP}/16 dev eth0",
        )
        realserver.ip(
            "link set eth0 up",
            *(line for number, rip in enumerate(rips) for line in own_link(number, rip)),
            *(f"address add {vip}/32 dev lo" for vip in vips),
        )
        # Each link answers for its own address only.
        for name, value in (("arp_ignore", 1), ("rp_filter", 0)):
            realserver.sysctl(f"net/ipv4/conf/all/{name}", value)
        routes = [RealServerRoute(rip, "eth0", rip, DIP) for rip in rips]
        with ExitStack() as stack:
            for number in range(len(rips)):
                stack.enter_context(realserver.inside(partial(listener, f"m{number}")))
            measure(director, paths, routes, asked.rate)
            print(realserver.run("nstat", "-asz", "TcpInSegs", "TcpAttemptFails").stdout)
            left = realserver.run("ss", "-Htan", "state", "syn-recv").stdout
            print(f"half-open connections left: {len(left.splitlines())}")


def own_link(number: int, rip: object) -> Iterator[str]:
    """Yield what gives the host a link with one RIP."""
    yield f"link add link eth0 name m{number} type macvlan mode private"
    yield f"link set m{number} up"
    yield f"address add {rip}/16 dev m{number}"


def listener(link: str) -> socket.socket:
    """Listen on one port of every address, for what comes by `link`: its answers leave by it."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    made.bind(("", 80))
    made.listen(4096)
    return made


def measure(director: Host, paths: list[Path], routes: list[RealServerRoute], rate: int) -> None:
    """Prove `paths`, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = monotonic(), process_time()
    proofs = director.inside(lambda: prove_paths(paths, routes, rate=rate))
    took, cpu = monotonic() - start, process_time() - cpu
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(paths)} paths at --rate {rate}: {took:.1f} s, {cpu:.1f} s of CPU")
    print(f"memory: {before // 1024} MB before, {after // 1024} MB at the most")
    print(dict(Counter(proof.verdict for proof in proofs)))


if __name__ == "__main__":
    main()
