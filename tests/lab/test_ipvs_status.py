"""What passes through the table, counted by us and by ipvsadm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    virtual_server,
)
from witnesses import ipvsadm

REQUESTS = 12
STRANGER = "192.168.1.99"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A director of three services; the first has had requests, the kernel has counted them."""
    profile = director(
        virtual_server(scheduler="rr"),
        virtual_server(VIP6, [RIP6], persistence=60),
        {"fwmark": 7, "real_servers": [{"rip": RIP6}]},
    )
    folder = tmp_path_factory.mktemp("status")
    with rig(folder, profile, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        made.served(made.services[0], REQUESTS)
        made.served(made.services[1], 2)
        # The kernel sums each object's counters up every two seconds, not all of them at once.
        counted = [REQUESTS, REQUESTS, 2, 2]
        assert settled(lambda: summed_up(made), counted) == counted
        yield made


def summed_up(made: Rig) -> list[int]:
    """Return the connections of each service that had requests, and of its real servers."""
    known = {place: row[0] for place, row in ipvsadm_stats(made).items()}
    first = sum(known[f"{rip}:80"] for rip in RIPS)
    return [known[f"{VIP}:80"], first, known[f"[{VIP6}]:80"], known[f"[{RIP6}]:80"]]


def ipvsadm_stats(made: Rig) -> dict[str, list[int]]:
    """Return connections, packets in and out, bytes in and out, as ipvsadm counts them."""
    shown = made.lab.director.run("ipvsadm", "-Ln", "--stats", "--exact").stdout
    rows = (line.replace("->", "").replace("IPv6", "").split() for line in shown.splitlines()[3:])
    return {words[-6]: [int(each) for each in words[-5:]] for words in rows}


def ipvsadm_connections(made: Rig) -> dict[str, tuple[int, int]]:
    """Return active and inactive connections of each real server, as ipvsadm counts them."""
    shown = made.lab.director.run("ipvsadm", "-Ln").stdout.splitlines()[3:]
    rows = [line.split() for line in shown if line.strip().startswith("->")]
    return {words[1]: (int(words[-2]), int(words[-1])) for words in rows}


def objects(made: Rig, *more: str, expect: int = 0) -> list[dict[str, Any]]:
    arguments = ("director", "status", "--format", "json", *more)
    said = lvsdr(made.lab.director, *arguments, made.director, expect=expect)
    found: list[dict[str, Any]] = json.loads(said)["objects"]
    return found


def endpoint(item: dict[str, Any]) -> str:
    """Return the place of a virtual or real server, as ipvsadm writes it."""
    *_, address, port = item["key"]
    if item["key"][0] == "fwmark" and item["object"] == "virtual_server":
        return "7"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def test_what_has_passed_is_what_ipvsadm_counts(served: Rig) -> None:
    known = ipvsadm_stats(served)

    counted = [each for each in objects(served) if each["counters"]]

    assert {endpoint(each): list(each["counters"]["totals"].values()) for each in counted} == known
    assert sum(known[f"{rip}:80"][0] for rip in RIPS) == REQUESTS


def test_connections_are_what_ipvsadm_counts(served: Rig) -> None:
    known = ipvsadm_connections(served)

    found = objects(served)

    counted = {
        endpoint(each): (each["counters"]["active"], each["counters"]["inactive"])
        for each in found
        if each["object"] == "real_server"
    }
    assert counted == known
    (lasting,) = [each for each in found if each["key"] == ["tcp", VIP6, 80]]
    assert lasting["counters"]["persistent"] > 0


def test_rates_are_those_of_the_interval(served: Rig) -> None:
    quiet = objects(served, "--interval", "2.5")

    rates = [each["counters"]["rates"]["connections"] for each in quiet if each["counters"]]
    assert rates == [0] * len(rates)


def test_a_real_server_of_others_is_foreign(served: Rig, tmp_path: Path) -> None:
    host = served.lab.director
    host.run("ipvsadm", "-a", "-t", f"{VIP}:80", "-r", f"{STRANGER}:80", "-g", "-w", "0")

    shown = lvsdr(host, "director", "status", served.director).splitlines()
    lvsdr(host, "director", "apply", served.director)
    kept = [line for line in ipvsadm(host) if STRANGER in line]
    host.run("ipvsadm", "-d", "-t", f"{VIP}:80", "-r", f"{STRANGER}:80")

    (foreign,) = [line for line in shown if STRANGER in line]
    assert foreign.endswith("foreign")
    assert kept == [f"-a -t {VIP}:80 -r {STRANGER}:80 -g -w 0"]


def test_counters_that_stand_still_are_said_to(served: Rig) -> None:
    host, before = served.lab.director, ipvsadm_stats(served)[f"{VIP}:80"]
    host.sysctl("net/ipv4/vs/run_estimation", 0)
    served.served(served.services[0], 2)

    # A kernel that counts does so every two seconds.
    moved = settled(lambda: ipvsadm_stats(served)[f"{VIP}:80"] != before, True, 5.0, 0.5)
    stopped = lvsdr(host, "director", "status", served.director)
    host.sysctl("net/ipv4/vs/run_estimation", 1)

    assert not moved
    assert "the counters stand still: net/ipv4/vs/run_estimation is 0" in stopped.splitlines()
    assert settled(lambda: ipvsadm_stats(served)[f"{VIP}:80"] != before, True, 10.0, 0.5)
    assert "stand still" not in lvsdr(host, "director", "status", served.director)
