"""The network of the kernel's own test of direct routing, set up by profiles.

Source: tools/testing/selftests/netfilter/ipvs.sh, test_dr. The client has a bridge to the
director and to the real server; director and real server have a link of their own, on which
the requests come, while the answers go over the bridge.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from rig import checked, director, lvsdr, realserver, settings, state, virtual_server, write

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

VIP, PORT = "207.175.44.110", 8080
RIP = "172.16.0.2"
DIRECTOR = director(virtual_server(VIP, [RIP], port=PORT, scheduler="rr"), interface="veth10")
# A client's request comes on another link than the one that leads to the client.
REALSERVER = realserver("lo", interface="veth21", vips=[VIP], rp_filter=2)
PATIENCE = 2.0

Hosts = dict[str, Host]


@pytest.fixture(scope="module")
def made() -> Iterator[Hosts]:
    with hosts(["client", "director", "rs"]) as made:
        client, director_, rs = (made[name] for name in ("client", "director", "rs"))
        client.ip(
            f"link add veth01 type veth peer name veth10 netns {director_.namespace}",
            f"link add veth02 type veth peer name veth20 netns {rs.namespace}",
            "link add br0 type bridge",
            "link set veth01 master br0 up",
            "link set veth02 master br0 up",
            "link set br0 up",
            "address add 10.0.0.2/24 dev br0",
        )
        director_.ip(
            f"link add veth12 type veth peer name veth21 netns {rs.namespace}",
            "link set veth10 up",
            "link set veth12 up",
            "address add 10.0.0.1/24 dev veth10",
            "address add 172.16.0.1/24 dev veth12",
        )
        rs.ip(
            "link set veth20 up",
            "link set veth21 up",
            f"address add {RIP}/24 dev veth21",
            "address add 10.0.0.3/24 dev veth20",
        )
        client.ip(f"route add {VIP} via 10.0.0.1 dev br0")
        settings(rs, {"all/rp_filter": 1, "all/arp_ignore": 0, "all/arp_announce": 0})
        yield made


@pytest.fixture
def managed(made: Hosts, tmp_path: Path) -> Iterator[Hosts]:
    """Apply the two profiles, by the program as users start it."""
    profiles = [
        (made["rs"], "realserver", write(tmp_path, REALSERVER)),
        (made["director"], "director", write(tmp_path, DIRECTOR)),
    ]
    before = [state(host) for host, _, _ in profiles]
    for host, role, path in profiles:
        checked(host.lvsdr(role, "apply", path), 0)
    yield made
    for host, role, path in reversed(profiles):
        lvsdr(host, role, "withdraw", path)
    assert [state(host) for host, _, _ in profiles] == before


@contextmanager
def listening(host: Host) -> Iterator[Future[bytes]]:
    """Give what the first client will have sent to the VIP."""
    server = host.inside(lambda: socket.create_server(("0.0.0.0", PORT)))
    server.settimeout(PATIENCE)
    with server:
        yield host.start(lambda: received(server))


def received(server: socket.socket) -> bytes:
    connection, _ = server.accept()
    connection.settimeout(PATIENCE)
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def send(data: bytes) -> None:
    with socket.create_connection((VIP, PORT), PATIENCE) as connection:
        connection.sendall(data)


def test_without_the_profiles_nothing_arrives(made: Hosts) -> None:
    with listening(made["rs"]) as arrived:
        with pytest.raises(OSError):
            made["client"].inside(lambda: send(b"lost"))

        with pytest.raises(TimeoutError):
            arrived.result()


def test_with_the_profiles_32_random_bytes_arrive(managed: Hosts) -> None:
    data = os.urandom(32)

    with listening(managed["rs"]) as arrived:
        managed["client"].inside(lambda: send(data))

        assert arrived.result() == data
