r"""CPU of checking real servers, against keepalived's TCP_CHECK at the same interval, in one run.

    .venv/bin/python -m lvsdr.lab --timeout 600 --memory 1024 -- \
        .venv/bin/python benchmarks/health_checks.py

One host has all RIPs and all VIPs, and a program that accepts and closes on each port. Uniform: one
service with all real servers. Varied: a service for each ten, each with a VIP and a port of its
own, every second one of IPv6. CPU is what the kernel counts for the process, its own work on the
frames included. How late a check begins is counted from the time it was due.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from statistics import median
from time import monotonic, sleep

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.address import IPAddress
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path as CheckPath
from lvsdr.model.path import RealServerRoute
from lvsdr.wire.checks.path_checker import PathChecker

OWN = {4: ip_address("10.1.0.1"), 6: ip_address("fd01::1")}
FIRST = {4: ip_address("10.1.1.0"), 6: ip_address("fd01::1:0")}
VIPS = {4: ip_address("10.2.0.1"), 6: ip_address("fd02::1")}
PER_SERVICE = 10
TICKS = os.sysconf("SC_CLK_TCK")
SLICE, WARM = 0.01, 4.0

Target = tuple[IPAddress, int, IPAddress]
"""A VIP, a port and a RIP."""


def main() -> None:
    """Measure both, in turns, and print what each took."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--real-servers", type=int, default=1000)
    words.add_argument("--seconds", type=float, default=15.0)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--alone", action="store_true", help="without keepalived")
    words.add_argument("--ours", action="store_true", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.ours:
        print(json.dumps(check(json.load(sys.stdin), asked.seconds)))
        return
    tables = {"uniform": uniform(asked.real_servers), "varied": varied(asked.real_servers)}
    for name, targets in tables.items():
        with cluster(targets) as director:
            ours, theirs = [], []
            for _ in range(asked.rounds):
                ours.append(run_ours(director, targets, asked.seconds))
                if not asked.alone:
                    theirs.append(run_keepalived(director, targets, asked.seconds))
        show(name, ours, theirs)


def uniform(count: int) -> list[Target]:
    """Return one service with all the real servers."""
    return [(VIPS[4], 80, FIRST[4] + number) for number in range(1, count + 1)]


def varied(count: int) -> list[Target]:
    """Return a service for each ten real servers."""
    found: list[Target] = []
    for service in range(count // PER_SERVICE):
        version = 6 if service % 2 else 4
        for number in range(PER_SERVICE):
            rip = FIRST[version] + (service * PER_SERVICE + number + 1)
            found.append((VIPS[version] + service % 20, 1000 + service % 50, rip))
    return found


@contextmanager
def cluster(targets: list[Target]) -> Iterator[Host]:
    """Build the director and the host of all real servers, which serves inside the block."""
    with hosts(("director", "realserver")) as made, ExitStack() as stack:
        director, realserver = made["director"], made["realserver"]
        director.ip(
            f"link add eth0 type veth peer name eth0 netns {realserver.namespace}",
            "link set eth0 up",
            *(
                f"address add {ip}/{16 if v == 4 else 64} dev eth0 {nodad(ip)}"
                for v, ip in OWN.items()
            ),
        )
        for name, value in (("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 0)):
            realserver.sysctl(f"net/ipv4/conf/all/{name}", value)
        rips, vips = {each[2] for each in targets}, {each[0] for each in targets}
        realserver.ip(
            "link set eth0 up",
            *(
                f"address add {ip}/{16 if ip.version == 4 else 64} dev eth0 {nodad(ip)}"
                for ip in sorted(rips, key=str)
            ),
            *(f"address add {ip}/{ip.max_prefixlen} dev lo {nodad(ip)}" for ip in vips),
        )
        ports = sorted({each[1] for each in targets})
        serving = realserver.inside(partial(serve, ports))
        stack.callback(serving.wait)
        stack.callback(serving.kill)
        yield director


def nodad(address: IPAddress) -> str:
    return "nodad" if address.version == 6 else ""


SERVE = """
import select, socket, sys
listeners = {}
waiting = select.epoll()
for port in map(int, sys.argv[1:]):
    made = socket.create_server(("::", port), family=socket.AF_INET6, backlog=1024,
                                dualstack_ipv6=True)
    made.setblocking(False)
    listeners[made.fileno()] = made
    waiting.register(made, select.EPOLLIN)
while True:
    for number, _ in waiting.poll():
        try:
            listeners[number].accept()[0].close()
        except OSError:
            pass
"""


def serve(ports: list[int]) -> subprocess.Popen[bytes]:
    """Start the program that accepts and closes."""
    made = subprocess.Popen([sys.executable, "-I", "-c", SERVE, *map(str, ports)])
    sleep(1.0)
    return made


# --- ours ----------------------------------------------------------------------------------------


def run_ours(director: Host, targets: list[Target], seconds: float) -> dict[str, float]:
    """Check in a process of its own; return what it took."""
    text = json.dumps([(str(vip), port, str(rip)) for vip, port, rip in targets])
    words = (sys.executable, "-I", __file__, "--ours", "--seconds", str(seconds))
    done = director.run(*words, timeout=seconds + 60, text=text)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def check(targets: list[tuple[str, int, str]], seconds: float) -> dict[str, float]:
    """Check each once a second; return CPU, results and lateness after a while to warm up."""
    checker = PathChecker("eth0", [item(n, *each) for n, each in enumerate(targets)])
    start, count = monotonic(), len(targets)
    due = [(start + number / count, number) for number in range(count)]
    late: list[float] = []
    said: Counter[bool] = Counter()
    spent = waited = 0.0
    while (now := monotonic()) < start + WARM + seconds:
        if not waited and now > start + WARM:
            waited, spent = now, cpu()
            late.clear()
            said.clear()
        begun = []
        while due[0][0] <= now:
            when, number = due[0]
            heapq.heapreplace(due, (when + 1.0, number))
            late.append(now - when)
            begun.append(number)
        checker.begin(begun, now)
        said.update(each.ok for each in checker.results(monotonic()))
        # New checks in slices; what comes meanwhile is read with the next.
        sleep(SLICE)
    end = monotonic()
    late.sort()
    checker.close()
    return {
        "cpu": (cpu() - spent) / (end - waited),
        "checks": sum(said.values()) / (end - waited),
        "failed": said[False],
        "late": late[int(len(late) * 0.99)],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def item(number: int, vip: str, port: int, rip: str) -> CheckedPath:
    """Return the check of one real server."""
    address, to = ip_address(vip), ip_address(rip)
    family = "inet" if to.version == 4 else "inet6"
    path = CheckPath(Service("tcp", address, port, 0, family), address, to, port)
    return CheckedPath(number, path, RealServerRoute(to, "eth0", to, OWN[to.version]))


def cpu() -> float:
    """Return the seconds of CPU so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# --- keepalived ----------------------------------------------------------------------------------


def run_keepalived(director: Host, targets: list[Target], seconds: float) -> dict[str, float]:
    """Let keepalived check the same; return the CPU of its checker."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "keepalived.conf"
        file.write_text("\n".join(configuration(targets)), encoding="ascii")
        words = ["keepalived", "-n", "-D", "-C", "-f", str(file)]
        words += ["-p", f"{folder}/main.pid", "-c", f"{folder}/checkers.pid"]
        with (Path(folder) / "log").open("wb") as log:
            process = director.inside(lambda: subprocess.Popen(words, stdout=log, stderr=log))
            try:
                sleep(WARM + 6)
                checker = int((Path(folder) / "checkers.pid").read_text(encoding="ascii"))
                before, opened = ticks(checker), connections(director)
                start = monotonic()
                sleep(seconds)
                lasted = monotonic() - start
                used, made = ticks(checker) - before, connections(director) - opened
            finally:
                process.terminate()
                process.wait()
    return {"cpu": used / TICKS / lasted, "checks": made / lasted}


def ticks(process: int) -> int:
    """Return the CPU that a process has used, in ticks."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def connections(director: Host) -> int:
    """Return how many connections the director has opened."""

    def read() -> int:
        lines = Path("/proc/thread-self/net/snmp").read_text(encoding="ascii").splitlines()
        names, values = (line.split() for line in lines if line.startswith("Tcp:"))
        return int(values[names.index("ActiveOpens")])

    return director.inside(read)


def configuration(targets: list[Target]) -> Iterator[str]:
    """Yield keepalived's virtual servers, checked once a second."""
    services: dict[tuple[IPAddress, int], list[IPAddress]] = {}
    for vip, port, rip in targets:
        services.setdefault((vip, port), []).append(rip)
    for (vip, port), rips in services.items():
        yield f"virtual_server {vip} {port} {{\n delay_loop 1\n lvs_sched wrr\n lvs_method DR"
        yield " protocol TCP"
        for rip in rips:
            yield f" real_server {rip} {port} {{\n  TCP_CHECK {{\n   connect_timeout 1\n  }}\n }}"
        yield "}"


def show(name: str, ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> None:
    """Print the medians, and the ratio for each check."""
    print(f"{name}: load {os.getloadavg()[0]:.1f}")
    for who, found in (("ours", ours), ("keepalived", theirs)):
        if found:
            words = {key: round(median(each[key] for each in found), 4) for key in found[0]}
            print(f"  {who:10} {words}", flush=True)
    if theirs:
        each = [
            sum(f["cpu"] for f in some) / sum(f["checks"] for f in some) for some in (ours, theirs)
        ]
        print(
            f"  CPU for each check: {each[0] * 1e6:.0f} / {each[1] * 1e6:.0f} us,"
            f" ratio {each[0] / each[1]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
