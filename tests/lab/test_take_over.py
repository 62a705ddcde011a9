"""Taking a VIP that another host has: the segment is asked before anything is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import program
import pytest
from rig import (
    RIP6,
    VIP,
    VIP6,
    Rig,
    checked,
    director,
    for_now,
    lvsdr,
    realserver,
    refused,
    rig,
    state,
    verified,
    virtual_server,
    write,
)
from witnesses import arping, captured, frames_about, ndisc6

GATEWAY = "192.168.1.1"
ASKED = "arp or icmp6"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    served = director(virtual_server(), virtual_server(VIP6, (RIP6,)))
    with rig(tmp_path_factory.mktemp("take-over"), served, realserver(vips=[VIP, VIP6])) as made:
        for host in made.lab.realservers:
            lvsdr(host, "realserver", "apply", made.realserver)
        yield made


@pytest.fixture(autouse=True)
def given_back(made: Rig) -> Iterator[None]:
    yield
    lvsdr(made.lab.director, "director", "withdraw", made.director)


def held(made: Rig, vip: str) -> str:
    """Return the words of ip(8) that put a VIP on the other host's link, without the verb."""
    return f"{vip}/{128 if ':' in vip else 32} dev eth0" + (" nodad" if ":" in vip else "")


def arps_of(made: Rig, frames: list[bytes]) -> list[bytes]:
    """Return those of the frames that the director has sent about a VIP, asked by nobody."""
    found = frames_about(frames, made.mac(made.lab.director), (VIP, VIP6))
    return [frame for frame in found if not is_answer(frame)]


def is_answer(frame: bytes) -> bool:
    """Return whether a kernel answers: the gateway makes sure of its neighbours by itself."""
    if frame[12:14] == b"\x08\x06":
        return frame[20:22] == b"\0\2" and frame[:6] != b"\xff" * 6
    # A solicited neighbour advertisement.
    return frame[54] == 136 and bool(frame[58] & 0x40)


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_a_vip_that_another_host_has_is_not_taken(made: Rig, vip: str) -> None:
    host, other = made.lab.director, made.lab.observer
    before = state(host)
    with for_now(other, do=f"address add {held(made, vip)}", undo=f"address del {held(made, vip)}"):
        said = refused(host, "director", "apply", made.director, expect=6)
        answering = (ndisc6 if ":" in vip else arping)(made.lab.gateway, vip)

    assert f"cannot take {vip}" in said
    assert made.mac(other) in said and "unknown host, locally administered" in said
    assert f"hint: lvsdr verify {made.director}" in said
    assert answering == {made.mac(other)}
    assert state(host) == before


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_nobody_is_told_to_take_back_a_vip_that_another_host_has_by_now(
    made: Rig, vip: str
) -> None:
    host, other = made.lab.director, made.lab.observer
    lvsdr(host, "director", "apply", made.director)
    host.ip(f"address del {held(made, vip).removesuffix(' nodad')}")
    words = ("director", "verify", made.director, "--seconds", "0.4", "--no-paths")

    alone = verified(host, *words, expect=1)
    with for_now(other, do=f"address add {held(made, vip)}", undo=f"address del {held(made, vip)}"):
        taken = verified(host, *words, expect=1)

    (before,) = (each for each in alone if each["rule"] == "DRIFT")
    (after,) = (each for each in taken if each["rule"] == "DRIFT")
    assert before["hint"] == f"lvsdr director apply {made.director}"
    assert after["hint"] is None
    assert f"{made.mac(other)}) answers {'ND' if ':' in vip else 'ARP'} for {vip}" in after["look"]


def test_the_refusal_is_told_to_programs_too(made: Rig) -> None:
    host, other = made.lab.director, made.lab.observer
    with for_now(other, do=f"address add {held(made, VIP)}", undo=f"address del {held(made, VIP)}"):
        said = lvsdr(host, "director", "apply", "--format", "json", made.director, expect=6)

    told = json.loads(said)
    assert (told["format"], told["exit_code"]) == ("lvsdr/error/1", 6)
    assert made.mac(other) in told["error"]


def test_without_asking_two_hosts_answer(made: Rig) -> None:
    """The fault that is guarded against is real, and `--take-over` does as it is told."""
    host, other = made.lab.director, made.lab.observer
    with for_now(other, do=f"address add {held(made, VIP)}", undo=f"address del {held(made, VIP)}"):
        lvsdr(host, "director", "apply", "--take-over", made.director)
        answering = arping(made.lab.gateway, VIP)

    assert answering == {made.mac(host), made.mac(other)}


def test_what_nobody_has_is_taken_after_a_moment_and_a_second_apply_asks_nothing(
    made: Rig,
) -> None:
    host = made.lab.director

    with captured(host, "eth0", ASKED) as first:
        lvsdr(host, "director", "apply", made.director)
    with captured(host, "eth0", ASKED) as second:
        again = lvsdr(host, "director", "apply", made.director)

    assert arps_of(made, first) != []
    assert (again, arps_of(made, second)) == ("nothing to change\n", [])
    assert arping(made.lab.gateway, VIP) == {made.mac(host)}


def test_a_vip_that_came_off_the_link_is_asked_for_again(made: Rig) -> None:
    host, other = made.lab.director, made.lab.observer
    lvsdr(host, "director", "apply", made.director)
    host.ip(f"address del {held(made, VIP).removesuffix(' nodad')}")
    with for_now(other, do=f"address add {held(made, VIP)}", undo=f"address del {held(made, VIP)}"):
        said = refused(host, "director", "apply", made.director, expect=6)

    assert f"cannot take {VIP}" in said and VIP6 not in said


def test_a_real_server_that_leaks_keeps_no_director_from_its_vip(made: Rig) -> None:
    host, leaking = made.lab.director, made.lab.realservers[0]
    with for_now(
        leaking, do=f"address add {held(made, VIP)}", undo=f"address del {held(made, VIP)}"
    ):
        done = checked(program.run(host, "director", "apply", str(made.director)), 0)
        answering = arping(made.lab.gateway, VIP)

    assert f"real server 192.168.1.11 ({made.mac(leaking)}) answers ARP for {VIP}" in done.stderr
    assert answering == {made.mac(host), made.mac(leaking)}


def test_a_proxy_keeps_no_director_from_its_vip(made: Rig) -> None:
    host, other = made.lab.director, made.lab.observer
    other.sysctl("net/ipv4/ip_forward", 1)
    other.sysctl("net/ipv4/neigh/eth0/proxy_delay", 0)
    other.ip(
        "link add far type dummy",
        "link set far up",
        f"route add {VIP} dev far",
        f"neighbour add proxy {VIP} dev eth0",
    )
    try:
        done = checked(program.run(host, "director", "apply", str(made.director)), 0)
    finally:
        other.ip(f"neighbour del proxy {VIP} dev eth0", "link del far")

    assert "as a proxy" in done.stderr and made.mac(other) in done.stderr


@pytest.mark.parametrize("silent", [False, True], ids=["answers", "is silent"])
def test_the_default_gateways_address_is_not_taken(made: Rig, tmp_path: Path, silent: bool) -> None:
    host, gateway = made.lab.director, made.lab.gateway
    profile = write(tmp_path, director(virtual_server(GATEWAY), name="gateway"))
    before = state(host)
    gateway.sysctl("net/ipv4/conf/all/arp_ignore", 8 if silent else 0)
    try:
        planned = program.run(host, "director", "plan", str(profile)).stderr
        said = refused(host, "director", "apply", profile, expect=6)
    finally:
        gateway.sysctl("net/ipv4/conf/all/arp_ignore", 0)

    assert f"VIP-GATEWAY: {GATEWAY} is the gateway" in planned
    assert f"cannot take {GATEWAY}: it is the gateway" in said
    assert state(host) == before


def test_a_gateway_of_several_paths_is_one_too(made: Rig, tmp_path: Path) -> None:
    host, hop = made.lab.director, "192.168.1.77"
    profile = write(tmp_path, director(virtual_server(hop), name="several"))
    paths = f"nexthop via {GATEWAY} dev eth0 nexthop via {hop} dev eth0"
    route = f"route {{}} 203.0.113.0/24 {paths}"
    with for_now(host, do=route.format("add"), undo=route.format("del")):
        said = refused(host, "director", "apply", profile, expect=6)

    assert f"cannot take {hop}: it is the gateway" in said


def test_what_keepalived_gives_is_taken_without_asking(made: Rig) -> None:
    """The old master may answer still: it is told to let go at the same time."""
    host, other = made.lab.director, made.lab.observer
    words = ("keepalived", "notify", "--director", str(made.director), "INSTANCE", "VI_1")
    with for_now(other, do=f"address add {held(made, VIP)}", undo=f"address del {held(made, VIP)}"):
        checked(program.run(host, *words, "MASTER", "100"), 0)
        answering = arping(made.lab.gateway, VIP)
    checked(program.run(host, *words, "STOP", "100"), 0)

    assert answering == {made.mac(host), made.mac(other)}


def test_on_a_link_that_nobody_else_is_on_nobody_is_asked(made: Rig, tmp_path: Path) -> None:
    host = made.lab.director
    profile = write(
        tmp_path, director(virtual_server("172.16.9.2"), name="lonely", interface="cable")
    )
    host.ip("link add cable type veth peer name end", "link set cable up")
    host.ip("address add 172.16.9.1/24 dev cable")
    try:
        done = checked(program.run(host, "director", "apply", str(profile)), 0)
        lvsdr(host, "director", "withdraw", profile)
    finally:
        host.ip("link del cable")

    assert "nobody was asked who has the VIPs" in done.stderr
    assert "no carrier" in done.stderr


def test_of_very_many_vips_the_one_that_another_host_has_is_found(
    made: Rig, tmp_path: Path
) -> None:
    host, other = made.lab.director, made.lab.observer
    vips = [f"192.168.{100 + number // 250}.{1 + number % 250}" for number in range(4096)]
    profile = write(
        tmp_path,
        director(virtual_server(vips[4000]), name="many", vips=[{"address": vip} for vip in vips]),
    )
    taken = held(made, vips[4000])
    with for_now(other, do=f"address add {taken}", undo=f"address del {taken}"):
        start = monotonic()
        said = refused(host, "director", "apply", profile, expect=6)
        seconds = monotonic() - start

    assert f"cannot take {vips[4000]}" in said
    # Starting the program, reading the profile and asking at 5,000 frames a second.
    assert seconds < 20
