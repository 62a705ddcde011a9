"""What is not proven is said to be unproven: UDP that nothing answers, firewall marks."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from rig import RIPS, VIP, Document, Rig, director, lvsdr, realserver, rig, virtual_server, write

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import ask, serving
from lvsdr.model.ipvs import Service

SHORTLY = ("--seconds", "0.5")
DNS = Service("udp", ip_address(VIP), 53)
WEB = Service("tcp", ip_address(VIP), 80)
MARK = {"fwmark": 1, "real_servers": [{"rip": rip} for rip in RIPS]}
DROP = "iptables-legacy -I INPUT -p udp --dport 53 -j DROP"
FLUSH = "iptables-legacy -F INPUT"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    udp = virtual_server(protocol="udp", port=53)
    with rig(tmp_path_factory.mktemp("unproven"), director(udp), realserver()) as made:
        made.apply()
        yield made


def verify(made: Rig, profile: Path, *, expect: int = 0) -> Document:
    words = ("director", "verify", profile, *SHORTLY, "--format", "json")
    said: Document = json.loads(lvsdr(made.lab.director, *words, expect=expect))
    return said


def verdicts(said: Document) -> list[tuple[str, str | None]]:
    return [(each["rip"], each["verdict"]) for each in said["paths"]]


def rules(said: Document) -> set[str]:
    return {finding["rule"] for finding in said["findings"]}


@contextmanager
def answering(host: Host, *, empty: bool) -> Iterator[list[int]]:
    """Answer DNS on the VIP, as a server does that says nothing to what is no question.

    With `empty`, answer nothing at all. Gives the lengths of what has arrived.
    """

    def listen() -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((VIP, 53))
        listener.settimeout(0.1)
        return listener

    stop, lengths = threading.Event(), list[int]()
    listener = host.inside(listen)

    def serve() -> None:
        while not stop.is_set():
            try:
                data, peer = listener.recvfrom(512)
            except TimeoutError:
                continue
            lengths.append(len(data))
            if len(data) > 12 and not empty:
                # The same question, marked as an answer that refuses it.
                listener.sendto(data[:2] + b"\x81\x05" + data[4:], peer)

    done = host.start(serve)
    try:
        yield lengths
    finally:
        stop.set()
        done.result()
        listener.close()


def test_udp_that_nothing_answers_is_not_served_but_unproven(made: Rig) -> None:
    one, other = made.lab.realservers
    one.run("sh", text=DROP)
    with serving(one, [DNS]), answering(other, empty=True):
        asked = ask(made.lab.client, DNS, made.lab.client_addresses(4), 4)
        said = verify(made, made.director)
        text = lvsdr(made.lab.director, "director", "verify", made.director, *SHORTLY)
    one.run("sh", text=FLUSH)

    # Nobody is served, whichever of the two a client is sent to.
    assert not {host.name for host in made.lab.realservers} & set(asked)
    assert verdicts(said) == [(RIPS[0], None), (RIPS[1], None)]
    assert rules(said) == {"PATH-UNPROVEN"} and said["ok"]
    assert f"udp {VIP}:53: 0 of 2 proven, 2 unproven\n" in text
    assert "verified" not in text
    assert text.endswith("no errors, but 2 of 2 paths unproven\n")


def test_udp_is_proven_by_an_answer_and_dns_by_one_to_a_question(made: Rig) -> None:
    one, other = made.lab.realservers
    with serving(one, [DNS]), answering(other, empty=False) as lengths:
        said = verify(made, made.director)

    assert verdicts(said) == [(RIPS[0], "served"), (RIPS[1], "served")]
    assert rules(said) == set()
    # A question for the root, and not more than the rounds of a probe.
    assert set(lengths) == {17} and len(lengths) <= 3


def test_udp_that_refuses_is_closed(made: Rig) -> None:
    with answering(made.lab.realservers[1], empty=False):
        said = verify(made, made.director, expect=1)

    assert verdicts(said) == [(RIPS[0], "port-closed"), (RIPS[1], "served")]


@pytest.fixture
def lost(made: Rig) -> Iterator[None]:
    """The first real server has lost the VIP."""
    host = made.lab.realservers[0]
    host.ip(f"address del {VIP}/32 dev lvsdr0")
    yield
    host.ip(f"address add {VIP}/32 dev lvsdr0")


@contextmanager
def marked(made: Rig, folder: Path, **fields: object) -> Iterator[Path]:
    """Apply a director of nothing but a firewall mark, in place of the other."""
    path = write(folder, director({**MARK, **fields}, vips=[]), "marked")
    lvsdr(made.lab.director, "director", "apply", path)
    try:
        yield path
    finally:
        lvsdr(made.lab.director, "director", "withdraw", path)


@pytest.mark.usefixtures("lost")
def test_a_firewall_mark_without_an_address_to_ask_is_unproven(made: Rig, tmp_path: Path) -> None:
    with marked(made, tmp_path) as path:
        said = verify(made, path)
        text = lvsdr(made.lab.director, "director", "verify", path, *SHORTLY)
        checked = lvsdr(made.lab.director, "check", path, made.realserver)

    assert verdicts(said) == [(RIPS[0], None), (RIPS[1], None)]
    assert rules(said) == {"PATH-UNPROVEN"}
    assert "fwmark 1: 0 of 2 proven, 2 unproven" in text and "verified" not in text
    assert "VIP-NO-DIRECTOR" not in checked


@pytest.mark.usefixtures("lost")
def test_a_firewall_mark_is_probed_at_the_address_that_is_given(made: Rig, tmp_path: Path) -> None:
    with (
        serving(made.lab.realservers[1], [WEB]),
        marked(made, tmp_path, probe_vip=VIP, probe_port=80) as path,
    ):
        said = verify(made, path, expect=1)

    assert verdicts(said) == [(RIPS[0], "vip-missing"), (RIPS[1], "served")]
    assert rules(said) == {"PATH-VIP-MISSING"}


def test_a_healthy_firewall_mark_is_proven_where_a_port_is_given(made: Rig, tmp_path: Path) -> None:
    one, other = made.lab.realservers
    with (
        serving(one, [WEB]),
        serving(other, [WEB]),
        marked(made, tmp_path, probe_vip=VIP, probe_port=80) as path,
    ):
        said = verify(made, path)
        text = lvsdr(made.lab.director, "director", "verify", path, *SHORTLY)

    assert verdicts(said) == [(RIPS[0], "served"), (RIPS[1], "served")]
    assert said["findings"] == []
    assert text.endswith("verified: no findings\n")


def test_without_a_port_no_more_is_said_than_that_the_vip_is_held(
    made: Rig, tmp_path: Path
) -> None:
    with marked(made, tmp_path, probe_vip=VIP) as path:
        said = verify(made, path)
        text = lvsdr(made.lab.director, "director", "verify", path, *SHORTLY)

    assert rules(said) == {"PATH-UNPROVEN"}
    assert f"fwmark 1, {VIP}: 2 of 2 real servers hold the VIP" in text
    assert "verified" not in text
