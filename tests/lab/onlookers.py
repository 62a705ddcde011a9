"""The scenarios' witnesses again, none of them a part of lvsdr: one function for each, by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import MappingProxyType

from witnesses import arping, captured, ndisc6, neighbour

from lvsdr.lab.services import serving
from lvsdr.lab.stage import Stage

CLIENT = """import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).recv(64).decode())"""
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
            for host in built.lab.realservers:
                stack.enter_context(serving(host, [service]))
            where = (str(service.vip), str(service.port))
            asked = built.lab.client.run("python3", "-c", CLIENT, *where, check=False)
            found.add(asked.stdout.strip() or "nobody")
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
    """Ask the client's kernel what it has learnt about the way to the VIP."""
    vip = built.vips[0]
    (way,) = json.loads(built.lab.client.run("ip", "-j", "route", "get", str(vip)).stdout)
    mtus = [metric["mtu"] for metric in way.get("metrics", []) if "mtu" in metric]
    return {f"too big, the path takes {mtus[0]}"} if mtus else {"rs1"}


ONLOOKERS: Mapping[str, Callable[[Stage], set[str]]] = MappingProxyType(
    {
        "answering": _answering,
        "entry": _entry,
        "serving": _serving,
        "looping": _looping,
        "reaching": _reaching,
    }
)
