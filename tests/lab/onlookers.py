"""The scenarios' witnesses again, none of them a part of lvsdr: one function for each, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import MappingProxyType

from witnesses import arping, captured, ndisc6, neighbour

from lvsdr.lab import large_requests
from lvsdr.lab.scenario_stage import Stage
from lvsdr.lab.services import serving

CLIENT = """import socket, sys
for _ in range(int(sys.argv[3])):
    print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).recv(64).decode())"""
ONE_BY_ONE = """import socket, sys
for _ in range(int(sys.argv[3])):
    try:
        print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.9).recv(64).decode())
    except OSError:
        print("nobody")"""
# Reset at its end: what is under way would be repeated for minutes.
LONG = """import socket, struct, sys
asking = socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
asking.sendall(b"." * 30000 + b"end")
asking.shutdown(socket.SHUT_WR)
print(asking.recv(64).decode())"""
ONE = """import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
socket.socket(family, socket.SOCK_DGRAM).sendto(b"one packet of ours", (sys.argv[1], 9))"""


def _answering(built: Stage) -> set[str]:
    macs = [
        mac
        for vip in built.vips
        for mac in (ndisc6 if vip.version == 6 else arping)(built.lab.observer, str(vip))
    ]
    return {built.name_of(mac) for mac in macs} or {"nobody"}


def _entry(built: Stage) -> set[str]:
    return {built.name_of(neighbour(built.lab.gateway, str(built.vips[0])))}


def _serving(built: Stage) -> set[str]:
    """Say whom the client reaches, by a request that our own client has no part in."""
    found = set()
    for service in built.services:
        with ExitStack() as stack:
            for host in built.servers:
                stack.enter_context(serving(host, [service]))
            where = (str(service.vip), str(service.port), str(built.turns(service)))
            asked = built.lab.client.run("python3", "-c", CLIENT, *where, check=False)
            found.update(asked.stdout.split() or ["nobody"])
    return found


def _looping(built: Stage) -> set[str]:
    watched, vip = built.scenario.watched, built.vips[0]
    only = f"udp and dst host {vip} and dst port 9"
    with captured(built.hosts[watched.host], watched.link, only) as frames:
        built.lab.client.run("python3", "-c", ONE, str(vip))
        # Whatever goes on going round ends within this time: a frame takes less than a millisecond.
        built.lab.client.run("sleep", "0.5")
    return {str(len(frames))}


def _reaching(built: Stage) -> set[str]:
    """Send a long request; where nobody has it, the gateway must have heard why."""
    lab, service = built.lab, built.services[0]
    where = (str(service.vip), str(service.port))
    with (
        captured(lab.gateway, "eth0", "icmp[0:2] = 0x0304") as told,
        large_requests.serving_large_requests(lab.realservers[0], service),
    ):
        asked = lab.client.run("python3", "-c", LONG, *where, check=False)
    mtus = {int.from_bytes(frame[40:42]) for frame in told}
    assert mtus == (set() if asked.stdout else {1480})
    return {asked.stdout.strip() or "nobody"}


def _lasting(built: Stage) -> set[str]:
    """Say whom the client reaches as things are: the services run, and so may a keeper."""
    (service,) = built.services
    where = (str(service.vip), str(service.port), str(2 * built.turns(service)))
    return set(built.lab.client.run("python3", "-c", ONE_BY_ONE, *where).stdout.split())


ONLOOKERS: Mapping[str, Callable[[Stage], set[str]]] = MappingProxyType(
    {
        "answering": _answering,
        "entry": _entry,
        "serving": _serving,
        "looping": _looping,
        "reaching": _reaching,
        "lasting": _lasting,
    }
)
