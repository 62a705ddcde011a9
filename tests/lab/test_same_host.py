"""A director that is a real server of itself, and hosts that are clients of their own VIP."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import program
import pytest
from rig import (
    RIPS,
    VIP,
    Rig,
    director,
    lvsdr,
    realserver,
    refused,
    rig,
    state,
    verified,
    virtual_server,
    write,
)
from witnesses import captured, ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving

DIP = "192.168.1.10"
SHORTLY = ("--seconds", "0.4")
# Longer than a verify takes on a busy machine.
PATIENCE = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(rips=RIPS[:1], scheduler="rr"))
    with rig(tmp_path_factory.mktemp("same"), wanted, realserver()) as made:
        yield made


@pytest.fixture
def both(made: Rig, tmp_path: Path) -> Iterator[Path]:
    """Real server .11 and the director's own address, both applied and serving."""
    wanted = director(virtual_server(rips=[RIPS[0], DIP], scheduler="rr"), name="both")
    profile = write(tmp_path, wanted)
    lvsdr(made.lab.realservers[0], "realserver", "apply", made.realserver)
    before = state(made.lab.director)
    lvsdr(made.lab.director, "director", "apply", profile)
    with serving(made.lab.director, made.services):
        yield profile
    lvsdr(made.lab.director, "director", "withdraw", profile)
    lvsdr(made.lab.realservers[0], "realserver", "withdraw", made.realserver)
    assert state(made.lab.director) == before


def test_a_director_serves_its_own_share(made: Rig, both: Path) -> None:
    host = made.lab.director

    with captured(host, "eth0", f"dst host {VIP} and tcp[13] = 2") as frames:
        served = made.served(times=8)
    again = lvsdr(host, "director", "apply", both)

    assert served == {"rs1": 4, "director": 4}
    # Each question comes in once; those for the real server go out again, the others stay.
    assert len(frames) == 8 + 4
    assert again == "nothing to change\n"
    assert f"-a -t {VIP}:80 -r {DIP}:80 -g -w 1" in ipvsadm(host)


def test_verify_says_that_it_cannot_prove_the_way_to_itself(made: Rig, both: Path) -> None:
    with serving(made.lab.realservers[0], made.services):
        words = ("director", "verify", str(both), *SHORTLY, "--format", "json")
        said = json.loads(program.run(made.lab.director, *words).stdout)

    assert [(path["rip"], path["verdict"]) for path in said["paths"]] == [
        (RIPS[0], "served"),
        (DIP, None),
    ]
    assert [(each["rule"], each["severity"]) for each in said["findings"]] == [
        ("PATH-UNPROVEN", "warning")
    ]
    assert said["ok"]


def test_the_loopback_address_is_no_rip(made: Rig, tmp_path: Path) -> None:
    wanted = write(tmp_path, director(virtual_server(rips=["127.0.0.1"])))

    said = refused(made.lab.director, "director", "apply", wanted, expect=2)

    assert "127.0.0.1' is a loopback address" in said


def asked_by(host: Host) -> str:
    """Connect to the VIP from a host, and say who answers."""

    def ask() -> str:
        try:
            with socket.create_connection((VIP, 80), timeout=PATIENCE) as asking:
                return asking.recv(64).decode()
        except OSError as error:
            return type(error).__name__

    return host.inside(ask)


def test_a_real_server_that_asks_for_the_vip_answers_itself(made: Rig, both: Path) -> None:
    host = made.lab.realservers[0]

    silent = verified(host, "realserver", "verify", made.realserver, expect=0)
    with captured(host, "eth0", f"host {VIP}") as frames, serving(host, made.services):
        who = Counter(asked_by(host) for _ in range(4))
    found = verified(host, "realserver", "verify", made.realserver, expect=0)

    assert who == {"rs1": 4}
    assert frames == []
    assert silent == []
    assert [(each["rule"], each["severity"], each["vip"]) for each in found] == [
        ("SELF-CLIENT", "warning", VIP)
    ]
    assert VIP in host.run("sh", "-c", found[0]["look"].partition(": ")[2]).stdout


def test_a_director_that_asks_for_the_vip_waits(made: Rig) -> None:
    """The real server answers to the VIP, which is an address of its own."""
    host = made.lab.director
    lvsdr(made.lab.realservers[0], "realserver", "apply", made.realserver)
    lvsdr(host, "director", "apply", made.director)

    with serving(made.lab.realservers[0], made.services):
        waiting = host.start(lambda: asked_by(host))
        found = verified(host, "director", "verify", made.director, *SHORTLY, expect=0)
        said = waiting.result()
    lvsdr(host, "director", "withdraw", made.director)
    lvsdr(made.lab.realservers[0], "realserver", "withdraw", made.realserver)

    assert said == "TimeoutError"
    assert [(each["rule"], each["vip"]) for each in found] == [("SELF-CLIENT", VIP)]
