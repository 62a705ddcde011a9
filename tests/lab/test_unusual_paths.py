"""Path proofs: ways that are out of the ordinary, and what the probes leave alone."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settings,
    virtual_server,
    write,
)
from witnesses import ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.ipvs import Service
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.probe import Mark, Probe, probe_frame

SHORTLY = ("--seconds", "0.4")
CLIENT = "10.10.10.10"
IPPROTO_SCTP = 132


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers on IPv4 and one on IPv6, all applied and serving."""
    wanted = director(virtual_server(), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("ways"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        with ExitStack() as stack:
            for host in made.lab.realservers:
                stack.enter_context(serving(host, made.services))
            yield made


def paths(made: Rig, folder: Path, *servers: Document) -> list[Document]:
    """Return the paths of a profile that was not applied, as verify finds them."""
    profile = write(folder, director(*servers, vips=[{"address": VIP}, {"address": VIP6}]), "other")
    words = ("director", "verify", profile, *SHORTLY, "--format", "json")
    found: list[Document] = json.loads(lvsdr(made.lab.director, *words, expect=1))["paths"]
    return found


def verdicts(found: list[Document]) -> list[tuple[str, str]]:
    return [(path["rip"], path["verdict"]) for path in found]


def connections(host: Host) -> str:
    return host.inside(lambda: Path("/proc/thread-self/net/ip_vs_conn").read_text())


def half_open(host: Host) -> str:
    return host.run("ss", "-Htan", "state", "syn-recv").stdout


def test_the_directors_table_and_connections_are_not_touched(made: Rig) -> None:
    host = made.lab.director
    before = ipvsadm(host), connections(host)

    lvsdr(host, "director", "verify", made.director, *SHORTLY)

    assert (ipvsadm(host), connections(host)) == before


def test_a_probe_that_is_not_reset_leaves_a_connection_half_open(made: Rig) -> None:
    host = made.lab.realservers[0]
    probe = Probe("tcp", ip_address("192.168.1.10"), ip_address(VIP), 80, made.mac(host), 1)

    def send() -> None:
        with PacketSocket("eth0") as wire:
            wire.send(probe_frame(probe, wire.mac, Mark(61500, 1)))

    made.lab.director.inside(send)

    assert "61500" in half_open(host)


def test_a_host_without_the_vips_proves_the_paths_as_well(made: Rig, tmp_path: Path) -> None:
    profile = write(tmp_path, director(virtual_server(), virtual_server(VIP6, [RIP6])), "other")
    words = ("director", "verify", profile, *SHORTLY, "--format", "json")

    said = json.loads(lvsdr(made.lab.observer, *words, expect=1))

    assert {path["verdict"] for path in said["paths"]} == {"served"}
    assert not any(each["rule"].startswith("PATH") for each in said["findings"])


def test_a_firewall_mark_is_proven_by_echo(made: Rig, tmp_path: Path) -> None:
    marks = [
        {"fwmark": 1, "real_servers": [{"rip": rip} for rip in RIPS]},
        {"fwmark": 2, "real_servers": [{"rip": RIP6}]},
    ]

    found = paths(made, tmp_path, *marks)

    assert verdicts(found) == [(RIPS[0], "served"), (RIPS[1], "served"), (RIP6, "served")]
    assert [(path["fwmark"], path["vip"]) for path in found] == [(1, VIP), (1, VIP), (2, VIP6)]


def test_masquerade_is_asked_at_the_rip(made: Rig, tmp_path: Path) -> None:
    wanted = virtual_server(method="masquerade", port=8080)
    service = Service("tcp", ip_address(RIPS[0]), 8080)

    with serving(made.lab.realservers[0], [service]):
        found = paths(made, tmp_path, wanted)

    assert verdicts(found) == [(RIPS[0], "served"), (RIPS[1], "port-closed")]


@pytest.fixture
def far(made: Rig) -> Iterator[Host]:
    """A real server behind the router, at the other end of a tunnel."""
    host = made.lab.client
    settings(host, {"all/rp_filter": 0, "tunl0/rp_filter": 0})
    host.ip("link set tunl0 up", f"address add {VIP}/32 dev lo")
    with serving(host, [Service("tcp", ip_address(VIP), 80)]):
        yield host
    host.ip(f"address del {VIP}/32 dev lo", "link set tunl0 down")


def test_a_tunnel_leads_across_a_router(made: Rig, far: Host, tmp_path: Path) -> None:
    found = paths(made, tmp_path, virtual_server(rips=[CLIENT], method="tunnel"))

    assert verdicts(found) == [(CLIENT, "served")]


def test_direct_routing_does_not_lead_across_a_router(made: Rig, far: Host, tmp_path: Path) -> None:
    found = paths(made, tmp_path, virtual_server(rips=[CLIENT]))

    assert verdicts(found) == [(CLIENT, "vip-missing-and-forwards")]
    assert '"tunnel"' in found[0]["look"]


def test_a_host_behind_a_router_that_is_not_there_is_down(made: Rig, tmp_path: Path) -> None:
    found = paths(made, tmp_path, virtual_server(rips=["10.10.10.99"], method="tunnel"))

    assert verdicts(found) == [("10.10.10.99", "down")]


def test_sctp_is_proven_by_the_first_packet_of_an_association(made: Rig, tmp_path: Path) -> None:
    def listen() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
        made.bind((VIP, 3868))
        made.listen()
        return made

    with made.lab.realservers[0].inside(listen):
        found = paths(made, tmp_path, virtual_server(protocol="sctp", port=3868))

    assert verdicts(found) == [(RIPS[0], "served"), (RIPS[1], "port-closed")]


def test_many_closed_ports_are_not_taken_for_served_though_errors_are_limited(
    made: Rig, tmp_path: Path
) -> None:
    closed = [
        virtual_server(rips=RIPS[:1], protocol="udp", port=port) for port in range(7001, 7013)
    ]

    found = paths(made, tmp_path, *closed)

    assert {path["verdict"] for path in found} == {"port-closed"}
