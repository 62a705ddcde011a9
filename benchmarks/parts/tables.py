"""Virtual servers of a profile: all alike, or as people have them, varied in every field."""

from __future__ import annotations

import random
from typing import Any

VIP = "192.0.2.10"
# Of the namespace in which a sample is taken.
SET_UP = (
    "mount -t tmpfs tmpfs /run",
    "ip link set lo up",
    "ip link add eth0 type dummy",
    "ip link set eth0 arp on up",
    "ip address add 192.0.2.1/24 dev eth0",
)
Table = list[dict[str, Any]]


# The one real server that all services have.
EVERYWHERE = "10.250.0.1"


def rip(service: int, server: int) -> str:
    """Return the RIP of a real server by its service's number and its own."""
    if server == 0:
        return EVERYWHERE
    return f"10.{service % 200 + 1}.{server // 250}.{server % 250 + 1}"


def uniform(services: int, each: int) -> Table:
    """Return services whose real servers differ in their RIP alone."""
    return [
        {
            "vip": VIP,
            "protocol": "tcp",
            "port": 1000 + number,
            "real_servers": [{"rip": rip(number, place), "weight": 1} for place in range(each)],
        }
        for number in range(services)
    ]


def varied(services: int, each: int, seed: int) -> Table:
    """Return services that differ in weights, methods, ports, thresholds, order and more."""
    # The same each time.
    chosen = random.Random(seed)  # noqa: S311
    table = [_service(chosen, number, each) for number in range(services)]
    chosen.shuffle(table)
    return table


def _service(chosen: random.Random, number: int, each: int) -> dict[str, Any]:
    servers = [_real_server(chosen, rip(number, place)) for place in range(each)]
    chosen.shuffle(servers)
    persistence = {"persistence": chosen.randrange(60, 600)} if chosen.random() < 0.3 else {}
    return {
        "vip": VIP,
        "protocol": chosen.choice(["tcp", "udp"]),
        "port": 1000 + number,
        "scheduler": chosen.choice(["rr", "wrr", "lc", "wlc"]),
        **persistence,
        "real_servers": servers,
    }


def _real_server(chosen: random.Random, address: str) -> dict[str, Any]:
    made: dict[str, Any] = {"rip": address, "weight": chosen.randrange(101)}
    method = chosen.choice(["dr", "dr", "tunnel", "masquerade"])
    if method != "dr":
        made["forwarding_method"] = method
    if method == "masquerade" and chosen.random() < 0.5:
        made["port"] = chosen.randrange(1, 65536)
    if chosen.random() < 0.3:
        made["upper_threshold"] = chosen.randrange(100, 10_000)
        made["lower_threshold"] = chosen.randrange(1, 100)
    return made
