"""The services as clients see them: `verify` from a third host, and from beyond the gateway."""

from __future__ import annotations

import json
import re
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rig import (
    RIPS,
    VIP,
    VIP6,
    Document,
    Rig,
    director,
    for_now,
    lvsdr,
    realserver,
    rig,
    settings,
    settled,
    virtual_server,
    write,
)
from witnesses import captured

from lvsdr.lab.lab_host import Host
from lvsdr.lab.lvsdr_command import lvsdr_command
from lvsdr.lab.services import IP_FREEBIND, IPV6_FREEBIND, SOL_IP, SOL_IPV6, ask, serving
from lvsdr.model.ipvs import Service

RIPS6 = ("fd00::13", "fd00::14")
SHORTLY = ("--seconds", "0.3")
DROP = "iptables-legacy -A INPUT -p tcp --dport 80 -j DROP"
REJECT = "iptables-legacy -A INPUT -p tcp --dport 80 -j REJECT"
RESET = f"{REJECT} --reject-with tcp-reset"
ESTABLISHED = "iptables-legacy -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"
OBSERVER = "192.168.1.250"
SERVICE = f"tcp {VIP}:80"


# --- the cluster, and who counts what is served --------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers on IPv4 and two on IPv6, all applied."""
    wanted = director(virtual_server(scheduler="rr"), virtual_server(VIP6, RIPS6, scheduler="rr"))
    with rig(tmp_path_factory.mktemp("service"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


@contextmanager
def counted(host: Host, *services: Service) -> Iterator[list[str]]:
    """Serve, and give a list of the peers of each connection that the program has seen."""
    peers: list[str] = []
    ready, (stop, stopped) = threading.Event(), socket.socketpair()
    done = host.start(lambda: _accept(host.name, services, peers, ready, stopped))
    try:
        while not ready.wait(0.05):
            if done.done():
                done.result()
        yield peers
    finally:
        stop.close()
        done.result()


def _accept(
    name: str,
    services: tuple[Service, ...],
    peers: list[str],
    ready: threading.Event,
    stopped: socket.socket,
) -> None:
    with stopped, ExitStack() as stack, selectors.DefaultSelector() as waiting:
        waiting.register(stopped, selectors.EVENT_READ)
        for service in services:
            six = service.family == "inet6"
            listener = stack.enter_context(socket.socket(socket.AF_INET6 if six else 2))
            listener.setsockopt(*((SOL_IPV6, IPV6_FREEBIND) if six else (SOL_IP, IP_FREEBIND)), 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((str(service.vip), service.port))
            listener.listen(64)
            waiting.register(listener, selectors.EVENT_READ)
        ready.set()
        while stopped not in (readable := [key.fileobj for key, _ in waiting.select()]):
            for each in readable:
                assert isinstance(each, socket.socket)
                connection, peer = each.accept()
                peers.append(peer[0])
                with connection:
                    connection.sendall(name.encode())


@contextmanager
def all_counted(made: Rig, *but: str) -> Iterator[dict[str, list[str]]]:
    """Serve on each real server but some, and give the peers that each has seen."""
    with ExitStack() as stack:
        yield {
            host.name: stack.enter_context(counted(host, *made.services))
            for host in made.lab.realservers
            if host.name not in but
        }


@contextmanager
def typed(host: Host, *lines: str) -> Iterator[None]:
    """Type lines on a host; its firewall is empty after the block."""
    host.run("sh", "-ec", "\n".join(lines))
    try:
        yield
    finally:
        host.run("sh", "-c", "iptables-legacy -F; ip6tables-legacy -F")


def verify(host: Host, *arguments: str | Path, expect: int) -> Document:
    """Return what `verify` says on a host."""
    words = ("verify", *arguments, *SHORTLY, "--format", "json")
    document: Document = json.loads(lvsdr(host, *words, expect=expect))
    return document


def of_service(document: Document, service: str = SERVICE) -> dict[str, Any]:
    """Return what became of the requests to one service."""
    for each in document["services"]:
        bracketed = f"[{each['vip']}]" if ":" in each["vip"] else each["vip"]
        if f"{each['protocol']} {bracketed}:{each['port']}" == service:
            found: dict[str, Any] = each
            return found
    raise AssertionError(f"{service} is not there: {document['services']}")


def told(document: Document) -> list[tuple[str, str, str | None, str | None]]:
    """Return the rule, severity, MAC and RIP of each finding."""
    return [(one["rule"], one["severity"], one["mac"], one["rip"]) for one in document["findings"]]


def connections(made: Rig) -> Counter[str]:
    """Return how many connections of the observer the director has in each state; its own file."""
    client = ip_address(OBSERVER).packed.hex().upper()
    table = made.lab.director.run("cat", "/proc/net/ip_vs_conn").stdout
    return Counter(line.split()[7] for line in table.splitlines() if line.split()[1] == client)


def half_open(made: Rig) -> str:
    """Return what waits half open on the real servers; ss(8) says so."""
    shown = (host.run("ss", "-Htn", "state", "syn-recv").stdout for host in made.lab.realservers)
    return "".join(shown)


# --- a healthy cluster ---------------------------------------------------------------------------


def test_a_healthy_cluster_has_no_finding_and_each_real_server_is_met(made: Rig) -> None:
    with all_counted(made) as peers:
        document = verify(made.lab.observer, made.director, expect=0)
        left, waiting = connections(made), half_open(made)

    four, six = of_service(document), of_service(document, f"tcp [{VIP6}]:80")
    assert document["findings"] == []
    assert document["client"] == "segment"
    assert (four["verdict"], four["met"], four["not_met"]) == ("served", list(RIPS), [])
    assert (six["verdict"], six["met"], six["not_met"]) == ("served", list(RIPS6), [])
    macs = [made.mac(host) for host in made.lab.realservers]
    assert [each["mac"] for each in four["answers"]] == macs[:2]
    assert [each["rips"] for each in six["answers"]] == [[rip] for rip in RIPS6]
    assert not any(peers.values()), "no program has seen a connection"
    assert set(left) == {"CLOSE"}, "what is left in the director's table ends within 10 s"
    assert waiting == ""


def test_what_is_said_of_a_healthy_cluster_fits_80_columns(made: Rig) -> None:
    with all_counted(made):
        said = lvsdr(made.lab.observer, "verify", made.director, *SHORTLY)

    assert "asked as a client of the segment, which is none from beyond the gateway:" in said
    assert re.search(rf"^{SERVICE}: (\d+) of \1 answered, by 2 of 2 real servers$", said, re.M)
    assert said.endswith("verified: no findings\n")
    assert max(len(line) for line in said.splitlines() if " is at " not in line) <= 80


@pytest.mark.parametrize("place", ["director", "realserver"])
def test_a_director_and_a_real_server_are_no_clients(made: Rig, place: str) -> None:
    host = made.lab.director if place == "director" else made.lab.realservers[0]

    document = verify(host, made.director, expect=0)

    assert (document["client"], document["services"], document["findings"]) == (None, [], [])


def test_a_real_servers_profile_says_nothing_of_services(made: Rig) -> None:
    document = verify(made.lab.observer, made.realserver, expect=0)

    assert (document["client"], document["services"]) == (None, [])


# --- the director's firewall ---------------------------------------------------------------------


@pytest.mark.parametrize("how", [REJECT, RESET])
def test_a_director_that_rejects_the_service_is_told_of(made: Rig, how: str) -> None:
    lab = made.lab
    with all_counted(made), typed(lab.director, ESTABLISHED, how):
        served = ask(lab.client, made.services[0], lab.client_addresses(4), 4)
        document = verify(lab.observer, made.director, expect=1)

    assert all("no answer" in who for who in served), "clients are refused"
    assert told(document) == [("SERVICE-REFUSED", "error", made.mac(lab.director), None)]
    assert document["findings"][0]["look"]
    assert of_service(document)["verdict"] == "refused"
    assert of_service(document, f"tcp [{VIP6}]:80")["verdict"] == "served"


def test_a_director_that_drops_the_service_is_told_of(made: Rig) -> None:
    lab = made.lab
    with all_counted(made), typed(lab.director, DROP):
        document = verify(lab.observer, made.director, expect=1)

    found = of_service(document)
    assert told(document) == [("SERVICE-SILENT", "error", made.mac(lab.director), None)]
    assert (found["verdict"], found["answered"]) == ("silent", 0)
    assert found["silent"] == found["asked"] >= 4


def test_the_same_on_ipv6(made: Rig) -> None:
    lab = made.lab
    with all_counted(made), typed(lab.director, DROP.replace("ip", "ip6", 1)):
        document = verify(lab.observer, made.director, expect=1)

    assert told(document) == [("SERVICE-SILENT", "error", made.mac(lab.director), None)]
    assert document["findings"][0]["vip"] == VIP6


def test_a_director_without_its_table_is_told_of(made: Rig) -> None:
    lab = made.lab
    saved = lab.director.run("ipvsadm", "-Sn").stdout
    lab.director.run("ipvsadm", "-C")
    try:
        with all_counted(made):
            document = verify(lab.observer, made.director, expect=1)
    finally:
        lab.director.run("ipvsadm", "-R", text=saved)

    refused = ("SERVICE-REFUSED", "error", made.mac(lab.director), None)
    assert told(document) == [refused, refused]
    assert "IPVS table" in document["findings"][0]["message"]


# --- real servers --------------------------------------------------------------------------------


def test_a_real_server_on_which_nobody_listens_is_named_by_its_mac(made: Rig) -> None:
    lab = made.lab
    with all_counted(made, "rs1"):
        document = verify(lab.observer, made.director, expect=1)

    mac, found = made.mac(lab.realservers[0]), of_service(document)
    assert told(document) == [("SERVICE-REFUSED", "error", mac, RIPS[0])]
    assert document["findings"][0]["on"] == RIPS[0]
    assert found["verdict"] == "partly"
    assert found["answered"] + found["refused"] == found["asked"]
    assert [(each["rips"], each["refused"] > 0) for each in found["answers"]] == [
        ([RIPS[0]], True),
        ([RIPS[1]], False),
    ]


@pytest.mark.parametrize("guarded", [True, False])
def test_a_real_server_that_lost_the_vip_is_named(made: Rig, guarded: bool) -> None:
    lab, host = made.lab, made.lab.realservers[0]
    there = f"{VIP}/32 dev lvsdr0"
    guard = f"unreachable {VIP} metric 4294967294"
    lost = [f"address del {there}", *([] if guarded else [f"route del {guard}"])]
    back = [f"address add {there} scope host", *([] if guarded else [f"route add {guard}"])]
    # Only a host that forwards tells that it does not have the address.
    settings(host, {"eth0/forwarding": int(guarded)})
    with all_counted(made), for_now(host, do="\n".join(lost), undo="\n".join(back)):
        document = verify(lab.observer, made.director, expect=1)
        left, waiting = connections(made), half_open(made)
    settings(host, {"eth0/forwarding": 0})

    found = of_service(document)
    if guarded:
        mac = made.mac(host)
        assert told(document) == [("SERVICE-REFUSED", "error", mac, RIPS[0])]
        assert "does not hold the VIP" in document["findings"][0]["message"]
    else:
        mac = made.mac(lab.director)
        assert told(document) == [("SERVICE-SILENT", "error", mac, RIPS[0])]
        assert f"{found['silent']} of {found['asked']}" in document["findings"][0]["message"]
        assert found["never_answered"] == [RIPS[0]]
        assert found["met"] == [RIPS[1]]
    assert set(left) == {"CLOSE"}, "what nobody answered is closed as well"
    assert waiting == ""


def test_what_a_real_server_answers_and_its_firewall_drops_is_not_left_half_open(
    made: Rig,
) -> None:
    lab, host = made.lab, made.lab.realservers[0]
    drop = "iptables-legacy -A OUTPUT -p tcp --sport 80 -j DROP"
    with all_counted(made) as peers, typed(host, drop):
        document = verify(lab.observer, made.director, expect=1)
        waiting = settled(lambda: half_open(made), "")

    assert told(document) == [("SERVICE-SILENT", "error", made.mac(lab.director), RIPS[0])]
    assert waiting == ""
    assert not any(peers.values())


def test_a_real_server_that_is_down_never_answers(made: Rig) -> None:
    lab, host = made.lab, made.lab.realservers[0]
    with all_counted(made), for_now(host, do="link set eth0 down", undo="link set eth0 up"):
        document = verify(lab.observer, made.director, expect=1)
    lab.realservers[0].ip("route replace default via 192.168.1.1")

    assert told(document) == [("SERVICE-SILENT", "error", made.mac(lab.director), RIPS[0])]


def test_a_real_server_that_lets_in_its_own_subnet_only_serves_a_third_host_that_says_so(
    made: Rig,
) -> None:
    lab = made.lab
    only = "iptables-legacy -A INPUT -p tcp ! -s 192.168.1.0/24 --dport 80 -j DROP"
    with all_counted(made), typed(lab.realservers[0], only):
        served = ask(lab.client, made.services[0], lab.client_addresses(4), 4)
        document = verify(lab.observer, made.director, expect=0)
        beyond = verify(lab.client, made.director, expect=1)

    assert Counter("no answer" in who for who in served.elements()) == {True: 2, False: 2}
    assert (document["client"], document["findings"]) == ("segment", [])
    assert beyond["client"] == "beyond"
    assert told(beyond) == [("SERVICE-SILENT", "error", None, None)]


# --- beyond the gateway --------------------------------------------------------------------------


def test_a_client_beyond_the_gateway_is_served(made: Rig) -> None:
    with all_counted(made) as peers:
        document = verify(made.lab.client, made.director, "--requests", "6", expect=0)
        said = lvsdr(made.lab.client, "verify", made.director)
        seen = settled(lambda: sum(map(len, peers.values())), 2 * (6 + 10))

    found = of_service(document)
    assert (document["client"], document["findings"]) == ("beyond", [])
    assert (found["verdict"], found["asked"], found["answered"]) == ("served", 6, 6)
    assert found["director"] is None
    assert 0 < found["median"] <= found["slowest"] < 1
    assert seen == 2 * (6 + 10), "these are ordinary connections"
    assert "this host is no host of the segment; asked as a client from beyond:" in said
    assert f"{SERVICE}: 10 of 10 answered" in said
    assert max(map(len, said.splitlines())) <= 80


def test_beyond_the_gateway_a_real_server_without_a_way_back_leaves_every_second_unanswered(
    made: Rig,
) -> None:
    lab, way = made.lab, "route {} default via 192.168.1.1"
    back = for_now(lab.realservers[0], do=way.format("del"), undo=way.format("add"))
    with all_counted(made), back:
        near = verify(lab.observer, made.director, expect=0)
        document = verify(lab.client, made.director, expect=1)
        said = lvsdr(lab.client, "verify", made.director, expect=1)

    found = of_service(document)
    assert near["findings"] == []
    assert told(document) == [("SERVICE-SILENT", "error", None, None)]
    assert (found["asked"], found["answered"], found["silent"]) == (10, 5, 5)
    assert f"{SERVICE}: 5 of 10 answered" in said
    assert "not answered: 5" in said


def test_beyond_the_gateway_what_is_refused_is_told(made: Rig) -> None:
    lab = made.lab
    with all_counted(made, "rs2"):
        document = verify(lab.client, made.director, expect=1)

    found = of_service(document)
    assert told(document) == [("SERVICE-REFUSED", "error", None, None)]
    assert (found["answered"], found["refused"]) == (5, 5)


def test_who_has_no_privilege_may_ask_from_beyond(made: Rig) -> None:
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    words = ("verify", str(made.director), "--requests", "2", "--format", "json")
    with all_counted(made):
        shown = made.lab.client.run(*powerless, "grep", "CapEff", "/proc/self/status").stdout
        done = made.lab.client.run(*powerless, *lvsdr_command(*words), check=False)

    assert int(shown.split()[1], 16) == 0
    assert done.returncode == 0, done.stdout + done.stderr
    assert of_service(json.loads(done.stdout))["answered"] == 2


def test_beyond_the_gateway_a_real_servers_profile_has_nothing_to_ask(made: Rig) -> None:
    done = made.lab.client.lvsdr("verify", made.realserver)

    assert done.returncode == 6
    assert "its profile names no services" in done.stderr


# --- what one client does not meet ---------------------------------------------------------------


@contextmanager
def with_service(
    made: Rig, folder: Path, *servers: Document, vips: tuple[str, ...] = (VIP, VIP6)
) -> Iterator[Path]:
    """Give a director's profile that is applied for the block, in place of the cluster's."""
    wanted = director(*servers, vips=[{"address": vip} for vip in vips])
    path = write(folder, wanted, "other")
    lvsdr(made.lab.director, "director", "apply", path)
    try:
        yield path
    finally:
        lvsdr(made.lab.director, "director", "apply", made.director)


@pytest.mark.parametrize(
    ("fields", "why"), [({"scheduler": "sh"}, "sh"), ({"persistence": 60}, "persistence")]
)
def test_what_keeps_one_client_at_one_real_server_is_said(
    made: Rig, tmp_path: Path, fields: Document, why: str
) -> None:
    lab = made.lab
    server = virtual_server(**{"scheduler": "rr", **fields})
    with with_service(made, tmp_path, server) as path, all_counted(made):
        document = verify(lab.observer, path, expect=0)
        said = lvsdr(lab.observer, "verify", path, *SHORTLY)

    found = of_service(document)
    assert (found["verdict"], found["pinned"]) == ("served", why)
    assert (len(found["met"]), len(found["not_met"])) == (1, 1)
    assert ", by 1 of 2 real servers" in said
    assert f"the director gives one client one real server ({why})" in said


def test_a_real_server_of_weight_0_is_not_expected_to_answer(made: Rig, tmp_path: Path) -> None:
    server = virtual_server(scheduler="wlc")
    server["real_servers"][0]["weight"] = 0
    with with_service(made, tmp_path, server) as path, all_counted(made, "rs1"):
        document = verify(made.lab.observer, path, expect=0)

    found = of_service(document)
    assert (found["verdict"], found["met"], found["not_met"]) == ("served", [RIPS[1]], [])


def test_where_every_weight_is_0_clients_are_refused_and_so_it_is_said(
    made: Rig, tmp_path: Path
) -> None:
    server = virtual_server()
    for each in server["real_servers"]:
        each["weight"] = 0
    with with_service(made, tmp_path, server) as path, all_counted(made):
        document = verify(made.lab.observer, path, expect=1)

    assert told(document) == [("SERVICE-REFUSED", "error", made.mac(made.lab.director), None)]
    assert "no real server in its IPVS table" in document["findings"][0]["message"]


def test_a_drained_real_server_is_not_met_and_nothing_is_wrong(made: Rig) -> None:
    lab = made.lab
    edit = ("ipvsadm", "-e", "-t", f"{VIP}:80", "-r", f"{RIPS[0]}:80", "-g", "-w")
    lab.director.run(*edit, "0")
    try:
        with all_counted(made, "rs1"):
            document = verify(lab.observer, made.director, expect=0)
            said = lvsdr(lab.observer, "verify", made.director, *SHORTLY)
    finally:
        lab.director.run(*edit, "1")

    found = of_service(document)
    assert (found["met"], found["not_met"]) == ([RIPS[1]], [RIPS[0]])
    assert f"  {RIPS[0]}: not met" in said


def test_what_cannot_be_asked_is_said_to_be_unproven(made: Rig, tmp_path: Path) -> None:
    lab = made.lab
    mark = {"fwmark": 1, "real_servers": [{"rip": RIPS[0]}]}
    with with_service(made, tmp_path, virtual_server(protocol="udp", port=514), mark) as path:
        near = verify(lab.observer, path, expect=0)
        far = verify(lab.client, path, expect=0)
        said = lvsdr(lab.observer, "verify", path, *SHORTLY)

    for document in (near, far):
        assert {each["verdict"] for each in document["services"]} == {None}
        assert told(document) == [("SERVICE-UNPROVEN", "warning", None, None)]
    assert "verified" not in said
    assert f"udp {VIP}:514: not asked, what is sent would be served: unproven" in said


@contextmanager
def name_servers(made: Rig, folder: Path) -> Iterator[Path]:
    """Give the profile of a service of DNS that both real servers serve."""
    wanted = virtual_server(protocol="udp", port=53, scheduler="rr")
    service = Service("udp", ip_address(VIP), 53)
    with with_service(made, folder, wanted) as path, ExitStack() as stack:
        for host in made.lab.realservers[:2]:
            stack.enter_context(serving(host, [service]))
        yield path


def test_a_service_of_dns_is_asked_a_question_of_dns(made: Rig, tmp_path: Path) -> None:
    sent = f"udp dst port 53 and ether src {made.mac(made.lab.observer)}"
    with (
        name_servers(made, tmp_path) as path,
        captured(made.lab.director, "eth0", sent) as frames,
    ):
        document = verify(made.lab.observer, path, expect=0)

    found = of_service(document, f"udp {VIP}:53")
    assert (found["verdict"], found["met"]) == ("served", list(RIPS))
    assert {frame[44:54].hex() for frame in frames} == {"01000001000000000000"}


@pytest.mark.parametrize("how", ["DROP", "REJECT"])
def test_a_name_server_that_does_not_answer_is_named(made: Rig, tmp_path: Path, how: str) -> None:
    lab, refuses = made.lab, how == "REJECT"
    lost = f"iptables-legacy -A INPUT -p udp --dport 53 -j {how}"
    with name_servers(made, tmp_path) as path, typed(lab.realservers[0], lost):
        document = verify(lab.observer, path, expect=int(refuses))

    silent = ("SERVICE-SILENT", "warning", made.mac(lab.director), RIPS[0])
    refused = ("SERVICE-REFUSED", "error", made.mac(lab.realservers[0]), RIPS[0])
    assert told(document) == [refused if refuses else silent]
    assert of_service(document, f"udp {VIP}:53")["verdict"] == "partly"


# --- several directors ---------------------------------------------------------------------------


def test_each_of_two_directors_is_asked(made: Rig) -> None:
    lab = made.lab
    there = f"{VIP}/32 dev eth0"
    second = for_now(lab.gateway, do=f"address add {there}", undo=f"address del {there}")
    with all_counted(made), second:
        document = verify(lab.observer, made.director, expect=1)

    services = [each for each in document["services"] if each["vip"] == VIP]
    verdicts = {each["director"]: each["verdict"] for each in services}
    assert verdicts == {made.mac(lab.director): "served", made.mac(lab.gateway): "refused"}
    refused = ("SERVICE-REFUSED", "error", made.mac(lab.gateway), None)
    assert refused in told(document)


# --- answers cannot be forged --------------------------------------------------------------------


def test_each_first_packet_has_a_port_and_a_number_that_cannot_be_guessed(made: Rig) -> None:
    sent = f"tcp[13] = 2 and ether src {made.mac(made.lab.observer)}"
    with all_counted(made), captured(made.lab.director, "eth0", sent) as frames:
        verify(made.lab.observer, made.director, expect=0)

    ports = [int.from_bytes(frame[34:36]) for frame in frames]
    numbers = [int.from_bytes(frame[38:42]) for frame in frames]
    assert len(set(ports)) == len(ports) >= 4
    steps = {after - before for before, after in pairwise(numbers)}
    assert len(steps) == len(numbers) - 1, "no number follows from another"
    assert {after - before for before, after in pairwise(ports)} != {1}
