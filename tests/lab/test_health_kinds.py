"""Health checks of every kind of service, family and method; each says why."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest
from keepers import Keeper, keeping
from rig import (
    RIPS,
    VIP,
    VIP6,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    virtual_server,
)
from test_health import link_down
from witnesses import ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.ipvs import Service

RIPS6 = ("fd00::13", "fd00::14")
QUICK = {"interval": 0.5, "timeout": 0.3}
HTTP, DNS, PROGRAM, MARKED = 8080, 5353, 90, 91


def wanted(folder: Path) -> Document:
    program = str(folder / "check")
    http = {"http": {"path": "/health", "status": "200", "contains": "fine"}}
    dns = {"udp": {"send": "70696e67", "expect": "706f6e67"}}
    return director(
        virtual_server(),
        virtual_server(VIP6, RIPS6),
        virtual_server(port=81, method="tunnel"),
        virtual_server(port=HTTP, health={"check": http}),
        virtual_server(port=DNS, protocol="udp", health={"check": dns}),
        virtual_server(
            port=PROGRAM,
            # To start a program takes its time in the lab.
            health={
                "check": {"command": [program]},
                "action": "remove",
                "interval": 2,
                "timeout": 2,
                "fall": 1,
                "rise": 1,
            },
        ),
        virtual_server(port=92, health=None),
        {
            "fwmark": 7,
            "probe_vip": VIP,
            "probe_port": MARKED,
            "real_servers": [{"rip": rip} for rip in RIPS],
        },
        health=QUICK,
    )


@dataclass
class Made:
    rig: Rig
    folder: Path

    def table(self) -> list[str]:
        return ipvsadm(self.rig.lab.director)

    def weights(self, service: str) -> dict[str, str]:
        """Return the weights of a service, which is written as ipvsadm does, by real server."""
        lines = [line.split() for line in self.table()]
        return {line[4]: line[-1] for line in lines if line[:3] == ["-a", *service.split()]}


class Answers(http.server.BaseHTTPRequestHandler):
    """Says `body` to each request."""

    body = b"all is fine"
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web(host: Host, body: bytes = b"all is fine", status: int = 200) -> Iterator[None]:
    """Answer HTTP in a host inside the block."""
    kind = type("Answering", (Answers,), {"body": body, "status": status})
    ready, servers = threading.Event(), list[http.server.ThreadingHTTPServer]()

    def run() -> None:
        servers.append(http.server.ThreadingHTTPServer(("0.0.0.0", HTTP), kind))
        ready.set()
        servers[0].serve_forever(0.05)
        servers[0].server_close()

    done = host.start(run)
    assert ready.wait(10)
    try:
        yield
    finally:
        servers[0].shutdown()
        done.result()


@contextmanager
def pong(host: Host, word: bytes = b"pong") -> Iterator[None]:
    """Answer each datagram with `word` in a host inside the block."""
    ready, stop = threading.Event(), threading.Event()

    def run() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind((VIP, DNS))
            wire.settimeout(0.1)
            ready.set()
            while not stop.is_set():
                try:
                    _, sender = wire.recvfrom(2048)
                except TimeoutError:
                    continue
                wire.sendto(word, sender)

    done = host.start(run)
    assert ready.wait(10)
    try:
        yield
    finally:
        stop.set()
        done.result()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("kinds")
    program = folder / "check"
    # As keepalived's misc checks get it, and more: VIP, port, RIP.
    program.write_text(
        f'#!/bin/sh\ntest ! -e {folder}/"$3" && test "$1:$2" = {VIP}:{PROGRAM} && '
        "ip link show eth0 | grep -q LOWER_UP\n"
    )
    program.chmod(0o755)
    for part in (folder, *folder.parents):
        if part.stat().st_mode & 0o022 and not part.stat().st_mode & 0o1000:
            part.chmod(0o755)
    with rig(folder, wanted(folder), realserver(vips=[VIP, VIP6])) as cluster:
        for each in cluster.lab.realservers:
            lvsdr(each, "realserver", "apply", cluster.realserver)
            # Whatever is decapsulated arrives on the fallback link.
            each.ip("link set tunl0 up")
            each.sysctl("net/ipv4/conf/tunl0/rp_filter", 0)
            each.sysctl("net/ipv4/conf/all/rp_filter", 0)
        yield Made(cluster, folder)


TCP = (80, 81, PROGRAM, MARKED)
FAMILIES = ("inet", "inet6")


# What fails on the first real server, each in its service as ipvsadm names it, and what is said.
REFUSES = "refuses the connection"
FAULTS: dict[str, dict[str, tuple[str, str]]] = {
    "nothing listens": {
        "tcp 80": (f"-t {VIP}:80", REFUSES),
        "tcp 81": (f"-t {VIP}:81", REFUSES),
        f"tcp {MARKED}": ("-f 7", REFUSES),
        "tcp6 80": (f"-t [{VIP6}]:80", REFUSES),
        "http": (f"-t {VIP}:{HTTP}", REFUSES),
        "udp": (f"-u {VIP}:{DNS}", "refuses the datagram"),
    },
    "it answers wrongly": {
        "http body": (f"-t {VIP}:{HTTP}", "answers without the text that it is to contain"),
        "udp word": (f"-u {VIP}:{DNS}", "answers with something else"),
    },
    "it says that it fails": {"http status": (f"-t {VIP}:{HTTP}", "answers 503")},
}


@contextmanager
def all_served(made: Made, place: int, *less: str) -> Iterator[None]:
    """Serve everything on the real server of each family at `place` but what `less` names."""
    four, six = (next(it for it in made.rig.services if it.family == f) for f in FAMILIES)
    host, host6 = (made.rig.lab.realservers[each] for each in (place, place + 2))
    with ExitStack() as stack:
        tcp = [Service("tcp", four.vip, port) for port in TCP if f"tcp {port}" not in less]
        stack.enter_context(serving(host, tcp))
        stack.enter_context(serving(host6, [six] if "tcp6 80" not in less else []))
        if "udp" not in less:
            stack.enter_context(pong(host, b"nope" if "udp word" in less else b"pong"))
        if "http" not in less:
            body = b"broken" if "http body" in less else b"all is fine"
            stack.enter_context(web(host, body, 503 if "http status" in less else 200))
        yield


@pytest.fixture(scope="module")
def kept(made: Made) -> Iterator[Keeper]:
    director = made.rig.lab.director
    with (
        all_served(made, 1),
        keeping(director, "director", made.rig.director, "--every", "1") as keeper,
    ):
        yield keeper
        keeper.end()


def downs(made: Made) -> dict[str, str]:
    """Return who is down, as `status` says it, by its service and RIP, and why."""
    words = ("director", "status", made.rig.director, "--format", "json")
    rows = json.loads(lvsdr(made.rig.lab.director, *words))["objects"]
    return {str(each["key"]): each["down"]["why"] for each in rows if each.get("down")}


def out_of(made: Made) -> set[str]:
    """Return the services in which somebody has weight 0, as ipvsadm names them."""
    return {" ".join(line.split()[1:3]) for line in made.table() if " -w 0" in line}


def everybody_is_in(made: Made) -> bool:
    return settled(lambda: not out_of(made), True, 20)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_on_one_is_out_there_and_nowhere_else(
    made: Made, kept: Keeper, fault: str
) -> None:
    wrong = FAULTS[fault]
    services = {service for service, _ in wrong.values()}
    with all_served(made, 0):
        before = everybody_is_in(made)
    with all_served(made, 0, *wrong):
        out = settled(lambda: out_of(made), services, 15)
        lines, said = made.table(), downs(made)
    with all_served(made, 0):
        back = everybody_is_in(made)

    assert (before, out, back) == (True, services, True), (lines, kept.events)
    assert sum(" -w 0" in line for line in lines) == len(services)
    # Its service was started anew in between: it may have refused connections first.
    assert all(why in (*(each for _, each in wrong.values()), REFUSES) for why in said.values())


def test_a_program_says_who_serves_and_who_does_not_is_removed(made: Made, kept: Keeper) -> None:
    service = f"-t {VIP}:{PROGRAM}"
    with all_served(made, 0):
        assert settled(lambda: set(made.weights(service).values()), {"1"}, 15) == {"1"}
        (made.folder / RIPS[0]).touch()
        out = settled(lambda: list(made.weights(service)), [f"{RIPS[1]}:{PROGRAM}"])
        (made.folder / RIPS[0]).unlink()
        back = settled(lambda: len(made.weights(service)), 2)

    assert out == [f"{RIPS[1]}:{PROGRAM}"]
    assert back == 2


def test_a_program_that_cannot_be_started_takes_nobody_out(made: Made, kept: Keeper) -> None:
    """It is being upgraded, say: that is no word of it."""
    service, program = f"-t {VIP}:{PROGRAM}", made.folder / "check"
    with all_served(made, 0):
        assert settled(lambda: set(made.weights(service).values()), {"1"}, 15) == {"1"}
        program.rename(program.with_name("elsewhere"))
        # Each is to be asked twice, and one failure is enough.
        fewest = least(lambda: len(made.weights(service)), 6.0)
        told = "BLIND" in kept.kinds
        program.with_name("elsewhere").rename(program)
        sees = kept.has("SEES")

    assert (fewest, told, sees) == (2, True, True), kept.events


def test_a_program_that_fails_while_our_own_link_is_down_takes_nobody_out(
    made: Made, kept: Keeper
) -> None:
    service = f"-t {VIP}:{PROGRAM}"
    with all_served(made, 0):
        assert settled(lambda: set(made.weights(service).values()), {"1"}, 15) == {"1"}
        up = link_down(made.rig.lab.director)
        fewest = least(lambda: len(made.weights(service)), 6.0)
        up()
        after = least(lambda: len(made.weights(service)), 4.0)

    assert (fewest, after) == (2, 2), kept.events


def least(look: Callable[[], int], seconds: float) -> int:
    """Return the least that is seen in so many seconds."""
    found, until = look(), monotonic() + seconds
    while monotonic() < until:
        found = min(found, look())
        sleep(0.1)
    return found
