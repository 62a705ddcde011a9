"""A director on the wire and in the table: what an apply does, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rig import (
    RIPS,
    VIP,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    refused,
    rig,
    settled,
    state,
    virtual_server,
    write,
)
from witnesses import REPLY, REQUEST, Arp, arps, captured, ipvsadm, neighbour, netlink_writes

FOREIGN = ["-A -t 192.168.1.77:8080 -s rr", "-a -t 192.168.1.77:8080 -r 192.168.1.12:8080 -g -w 3"]
OURS = [f"-A -t {VIP}:80 -s wlc", *(f"-a -t {VIP}:80 -r {rip}:80 -g -w 1" for rip in RIPS)]
STRANGER = "02:00:00:00:00:99"


@dataclass(frozen=True, slots=True)
class Applied:
    """A director after two applies, how it was before, and what the segment heard of each."""

    rig: Rig
    before: str
    first: list[Arp]
    second: list[Arp]


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """The director in a network whose gateway remembers another host for the VIP."""
    with rig(tmp_path_factory.mktemp("director"), director(), realserver()) as made:
        host = made.lab.director
        host.run("ipvsadm", "-R", text="\n".join(FOREIGN) + "\n")
        host.ip("link add nlmon0 type nlmon", "link set nlmon0 up")
        made.lab.gateway.ip(f"neighbour add {VIP} lladdr {STRANGER} dev eth0 nud stale")
        before = state(host)
        yield Applied(made, before, claims(made), claims(made))


def claims(made: Rig) -> list[Arp]:
    """Apply the director's profile; return the ARP packets in which somebody claims the VIP."""
    with captured(made.lab.observer, "eth0") as frames:
        lvsdr(made.lab.director, "director", "apply", made.director)
    return [arp for arp in arps(frames) if arp.sender == arp.target == VIP]


def test_the_vip_carries_its_label(applied: Applied) -> None:
    shown = applied.rig.lab.director.run("ip", "address", "show", "dev", "eth0").stdout

    assert f"inet {VIP}/32 scope global eth0:0\n" in shown


def test_the_first_apply_claims_the_vip_on_the_segment_three_times(applied: Applied) -> None:
    mac = applied.rig.mac(applied.rig.lab.director)

    assert applied.first == [Arp(REQUEST, mac, VIP, VIP), Arp(REPLY, mac, VIP, VIP)] * 3


def test_the_second_apply_says_nothing_on_the_segment(applied: Applied) -> None:
    assert applied.second == []


def test_the_gateway_that_remembered_another_host_turns_to_the_director(applied: Applied) -> None:
    gateway, mac = applied.rig.lab.gateway, applied.rig.mac(applied.rig.lab.director)

    assert settled(lambda: neighbour(gateway, VIP), mac) == mac


def test_an_announcement_turns_a_gateway_that_was_led_astray(applied: Applied) -> None:
    made, mac = applied.rig, applied.rig.mac(applied.rig.lab.director)
    gateway = made.lab.gateway
    gateway.ip(f"neighbour replace {VIP} lladdr {STRANGER} dev eth0 nud stale")

    lvsdr(made.lab.director, "director", "announce", made.director)

    assert settled(lambda: neighbour(gateway, VIP), mac) == mac


def test_a_change_of_one_weight_is_one_request(applied: Applied, tmp_path: Path) -> None:
    made, host = applied.rig, applied.rig.lab.director
    heavier = director(virtual_server())
    heavier["virtual_servers"][0]["real_servers"][0]["weight"] = 5

    with netlink_writes(host) as writes:
        said = lvsdr(host, "director", "apply", write(tmp_path, heavier))
    table = ipvsadm(host)
    lvsdr(host, "director", "apply", made.director)

    assert writes == ["SET_DEST"]
    assert said.splitlines() == [
        f"~ {RIPS[0]}:80 of tcp {VIP}:80 (dr, weight 5) (was dr, weight 1)"
    ]
    assert set(table) == {*FOREIGN, *OURS} - {OURS[1]} | {OURS[1].replace("-w 1", "-w 5")}


def test_what_others_put_into_the_table_stays_there(applied: Applied) -> None:
    made, host = applied.rig, applied.rig.lab.director
    with_ours = ipvsadm(host)

    lvsdr(host, "director", "withdraw", made.director)
    after = state(host)
    lvsdr(host, "director", "apply", made.director)

    assert set(with_ours) == {*FOREIGN, *OURS}
    assert after == applied.before


def odd(scheduler: str) -> Document:
    """Return a profile whose second virtual server has a scheduler of that name."""
    servers = (
        virtual_server("192.168.1.3", port=port, scheduler=name)
        for port, name in ((80, "rr"), (81, scheduler))
    )
    vips = [{"address": "192.168.1.3", "label": "eth0:odd"}]
    return director(*servers, name="odd", vips=vips)


def test_a_scheduler_that_the_kernel_has_not_undoes_everything(
    applied: Applied, tmp_path: Path
) -> None:
    host = applied.rig.lab.director
    before = state(host)

    said = refused(host, "director", "apply", write(tmp_path, odd("nosuch")), expect=3)

    assert (
        "cannot add virtual server tcp 192.168.1.3:81 (nosuch): no such scheduler (ENOENT)" in said
    )
    assert "the host is as it was" in said
    assert state(host) == before


@pytest.mark.parametrize("form", ["name", "path"])
def test_a_host_is_managed_from_container_host_of_its_network_namespace(
    applied: Applied, form: str
) -> None:
    made, host = applied.rig, applied.rig.lab.director
    netns = {"name": host.namespace, "path": str(host.path)}[form]
    command = [sys.executable, "-m", "lvsdr", "director", "withdraw", "--netns", netns]

    subprocess.run([*command, str(made.director)], check=True, capture_output=True)
    after = state(host)
    lvsdr(host, "director", "apply", made.director)

    assert after == applied.before
