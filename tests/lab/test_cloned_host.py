"""Two real servers with one MAC address, as a cloned machine has it, and one with two RIPs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Rig,
    director,
    for_now,
    lvsdr,
    realserver,
    rig,
    verified,
    virtual_server,
    write,
)
from witnesses import arping

from lvsdr.lab.services import serving

SECOND = "192.168.1.21"
CLONES = (RIP6, "fd00::14")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers on IPv4 and two on IPv6, all of which serve."""
    wanted = director(virtual_server(), virtual_server(VIP6, CLONES))
    own = realserver(vips=[VIP, VIP6])
    with rig(tmp_path_factory.mktemp("shared"), wanted, own) as made, ExitStack() as stack:
        made.apply()
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield made


@contextmanager
def cloned(made: Rig, first: int) -> Iterator[str]:
    """Give one real server the MAC of the one before it."""
    host = made.lab.realservers[first + 1]
    mac, own = made.mac(made.lab.realservers[first]), made.mac(host)
    host.ip(f"link set eth0 address {mac}")
    made.lab.director.ip("neighbour flush dev eth0")
    try:
        yield mac
    finally:
        host.ip(f"link set eth0 address {own}")
        made.lab.director.ip("neighbour flush dev eth0")


def ports(made: Rig, mac: str) -> set[str]:
    """Return the ports of the switch behind which it takes a MAC to be; bridge(8) says so."""
    said = json.loads(made.lab.switch.run("bridge", "-j", "fdb", "show", "br", "br0").stdout)
    return {each["ifname"] for each in said if each["mac"] == mac}


def on_both_places(made: Rig, expect: int) -> list[list[tuple[str, str, str]]]:
    words = ("--seconds", "0.5")
    here = verified(made.lab.director, "director", "verify", made.director, *words, expect=expect)
    there = verified(made.lab.observer, "verify", made.director, *words, expect=expect)
    return [
        [(each["rule"], each["mac"], each["subject"]) for each in all_] for all_ in (here, there)
    ]


@pytest.mark.parametrize("first", [0, 2])
def test_two_hosts_with_one_mac_are_told(made: Rig, first: int) -> None:
    rips = (RIPS, CLONES)[first // 2]
    with cloned(made, first) as mac:
        known = {rip: arping(made.lab.observer, rip) for rip in rips if ":" not in rip}
        places = ports(made, mac)
        found = on_both_places(made, expect=1)

    # The fault is real: both answer with the MAC, and the switch has it at one place.
    assert set(map(frozenset, known.values())) <= {frozenset({mac})}
    assert len(places) == 1
    assert found == [[("PATH-SHARED-MAC", mac, ", ".join(rips))]] * 2


def test_two_rips_of_one_host_are_right(made: Rig, tmp_path: Path) -> None:
    lab = made.lab
    wanted = director(virtual_server(rips=(RIPS[0], SECOND)), virtual_server(VIP6, CLONES))
    there = f"{SECOND}/24 dev eth0"
    two = write(tmp_path, wanted)
    with for_now(lab.realservers[0], do=f"address add {there}", undo=f"address del {there}"):
        lvsdr(lab.director, "director", "apply", two)
        try:
            same = arping(lab.observer, SECOND), arping(lab.observer, RIPS[0])
            words = ("--seconds", "0.5")
            here = verified(lab.director, "director", "verify", two, *words, expect=0)
            beside = verified(lab.observer, "verify", two, *words, expect=0)
        finally:
            lvsdr(lab.director, "director", "apply", made.director)

    assert same == ({made.mac(lab.realservers[0])},) * 2
    assert (here, beside) == ([], [])


def test_hosts_with_macs_of_their_own_are_right(made: Rig) -> None:
    assert on_both_places(made, expect=0) == [[], []]
