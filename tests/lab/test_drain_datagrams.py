"""A real server of UDP taken out while a client sends, 10 datagrams a second, and never pauses."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest
from rig import RIPS, VIP, Document, Rig, director, lvsdr, realserver, rig, virtual_server, write

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import IP_FREEBIND, SOL_IP

PORT = 53
EVERY = 0.1
PATIENCE = 20.0


@dataclass
class Flow:
    """The numbers that one client has sent, and those that each real server has got."""

    sent: list[int] = field(default_factory=list)
    got: dict[str, list[int]] = field(default_factory=dict)

    def lost(self) -> list[int]:
        """Return what was sent and never came, but for what may be under way."""
        sent = list(self.sent)
        self.pass_by(5)
        arrived = {number for numbers in self.got.values() for number in numbers}
        return [number for number in sent if number not in arrived]

    def pass_by(self, number: int) -> None:
        """Wait until so many more have been sent."""
        wanted, deadline = len(self.sent) + number, monotonic() + PATIENCE
        while len(self.sent) < wanted:
            assert monotonic() < deadline, "the client sends no more"
            sleep(EVERY / 2)

    @property
    def place(self) -> str:
        """Return who has got the last datagram."""
        return max(self.got, key=lambda name: max(self.got[name], default=-1))


def services(*rips: str, **fields: object) -> Document:
    return director(virtual_server(rips=rips, protocol="udp", port=PORT, scheduler="rr"), **fields)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path, services(*RIPS), realserver()) as made:
        made.apply()
        yield made


@contextmanager
def flowing(made: Rig) -> Iterator[Flow]:
    """Give a flow from one port of the client, counted at the real servers."""
    flow, stop = Flow(), threading.Event()
    with ExitStack() as stack:
        for host in made.lab.realservers:
            flow.got[host.name] = []
            ready = threading.Event()
            done = host.start(partial(sink, host, flow, ready, stop))
            stack.callback(done.result, PATIENCE)
            assert ready.wait(PATIENCE)
        done = made.lab.client.start(lambda: send(flow, stop))
        stack.callback(done.result, PATIENCE)
        stack.callback(stop.set)
        flow.pass_by(5)
        yield flow


def sink(host: Host, flow: Flow, ready: threading.Event, stop: threading.Event) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taking:
        taking.setsockopt(SOL_IP, IP_FREEBIND, 1)
        taking.bind((VIP, PORT))
        taking.settimeout(0.1)
        ready.set()
        while not stop.is_set():
            try:
                said = taking.recv(64)
            except TimeoutError:
                continue
            # A probe of the path says something else.
            if said.isdigit():
                flow.got[host.name].append(int(said))


def send(flow: Flow, stop: threading.Event) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((VIP, PORT))
        while not stop.wait(EVERY):
            number = len(flow.sent)
            asking.send(b"%d" % number)
            flow.sent.append(number)


def test_a_flow_that_never_pauses_is_moved_without_a_loss(made: Rig, tmp_path: Path) -> None:
    host = made.lab.director
    with flowing(made) as flow:
        name = flow.place
        place = ["rs1", "rs2"].index(name)
        rip, others = RIPS[place], [each for each in RIPS if each != RIPS[place]]
        words = ("director", "drain", "--rip", rip, "--timeout", "1", "--format", "json")
        said = json.loads(lvsdr(host, *words, made.director, expect=1))
        still = flow.place
        without = services(*others, sysctls={"expire_nodest_conn": 1})
        lvsdr(host, "director", "apply", write(tmp_path, without))
        flow.pass_by(10)
        lost, moved = flow.lost(), flow.place
        lvsdr(made.lab.realservers[place], "realserver", "withdraw", made.realserver)
        flow.pass_by(10)
        lost_afterwards = flow.lost()

    assert said["state"] == "waiting"
    assert (said["left"][0]["active"], said["left"][0]["inactive"]) == (0, 1)
    assert any("write expire_nodest_conn 1" in line for line in said["obstacles"])
    assert still == name
    assert (lost, lost_afterwards) == ([], [])
    assert moved not in ("", name)


def test_without_that_setting_every_datagram_is_lost(made: Rig, tmp_path: Path) -> None:
    with flowing(made) as flow:
        others = [each for each in RIPS if each != RIPS[["rs1", "rs2"].index(flow.place)]]
        lvsdr(made.lab.director, "director", "apply", write(tmp_path, services(*others)))
        flow.pass_by(10)
        lost = flow.lost()

    assert len(lost) >= 10
