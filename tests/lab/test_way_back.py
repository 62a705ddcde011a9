"""The way back: what keeps a real server's answers from clients beyond the gateway, and is named.

The witness is the client: how many of its requests are answered, and by whom.
"""

from __future__ import annotations

import json
import socket
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rig import (
    RIP6,
    VIP,
    VIP6,
    Document,
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

from lvsdr.kernel.netlink.netlink_messages import (
    ACK,
    REQUEST,
    pack_attribute,
    pack_message,
    raise_if_refused,
)
from lvsdr.kernel.netlink.route_socket import CREATE
from lvsdr.lab import client_ports
from lvsdr.lab.lab_host import Host
from lvsdr.lab.lvsdr_command import lvsdr_command
from lvsdr.lab.services import ask, serving

GATEWAY = "192.168.1.1"
NO_ROUTER, NOBODY, DIP = "192.168.1.250", "192.168.1.99", "192.168.1.10"
HEALTHY, HALF = {"rs1": 4, "rs2": 4}, {"rs2": 4, "no answer (timed out)": 4}
DEFAULT = f"ip route replace default via {GATEWAY} dev eth0"
VIPS = [VIP, VIP6]
DUMMY = "ip link add eth1 type dummy; ip link set eth1 up arp on; ip address add 172.16.0.11/24"
# To somebody, of whom no router of the lab knows more.
FAR = "198.51.100.7"
IP_RECVERR = 11


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a real server, what is found there, and what takes it back."""

    make: str
    rule: str
    told: str
    severity: str = "error"
    undo: str = DEFAULT
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.make


FAULTS = [
    Fault("ip route del default", "NO-WAY-BACK", "do not reach clients beyond this segment"),
    Fault(
        f"ip route replace default via {NO_ROUTER} dev eth0",
        "GATEWAY-NO-FORWARD",
        f"{NO_ROUTER}, the gateway for answers to clients, did not show that it forwards",
        "warning",
    ),
    Fault(
        f"ip route replace default via {NOBODY} dev eth0",
        "GATEWAY-SILENT",
        f"{NOBODY}, the gateway for answers to clients, does not answer ARP on eth0",
    ),
    Fault(
        f"ip route replace default via {DIP} dev eth0",
        "GATEWAY-DIRECTOR",
        "an address of its own",
        "warning",
    ),
    Fault(
        "ip route replace default dev eth0",
        "GATEWAY-SILENT",
        "has no gateway, and on eth0 nobody answers ARP",
    ),
    Fault(
        f"ip rule add from {VIP} lookup 99; ip route add unreachable default table 99",
        "NO-WAY-BACK",
        f"for what comes from {VIP}, though there is for others",
        undo=f"ip rule del from {VIP} lookup 99; ip route flush table 99",
    ),
    Fault(
        f"{DUMMY} dev eth1; ip route replace default via 172.16.0.1 dev eth1",
        "NO-WAY-BACK",
        "eth1, which has nobody behind it",
        undo=f"ip link del eth1; {DEFAULT}",
    ),
    # A part of what the profile names: all that the client sends from.
    Fault(
        "ip route add blackhole 10.10.10.0/25",
        "NO-WAY-BACK",
        "clients of 10.10.10.0/25: a blackhole route takes them",
        undo="ip route del blackhole 10.10.10.0/25",
        fields={"clients": ["10.10.10.0/24"]},
    ),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers on IPv4 and one on IPv6, all applied, and clients beyond the gateway."""
    wanted = director(virtual_server(scheduler="rr"), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("back"), wanted, realserver(vips=VIPS)) as made:
        made.apply()
        for host in made.lab.realservers:
            host.sysctl("net/ipv4/conf/all/rp_filter", 0)
        yield made


def verify(host: Host, path: Path, expect: int) -> list[Document]:
    return verified(host, "realserver", "verify", path, expect=expect)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_what_keeps_answers_from_clients_is_named(made: Rig, fault: Fault, tmp_path: Path) -> None:
    host = made.lab.realservers[0]
    path = write(tmp_path, realserver(vips=VIPS, **fault.fields))

    before = verify(host, path, 0)
    host.run("sh", "-c", fault.make)
    try:
        served = made.served()
        seen = verify(host, path, int(fault.severity == "error"))
    finally:
        host.run("sh", "-c", fault.undo)
    after = verify(host, path, 0)

    assert (before, after) == ([], [])
    assert [(each["rule"], each["severity"]) for each in seen] == [(fault.rule, fault.severity)]
    assert fault.told in seen[0]["message"]
    assert seen[0]["hint"] is None
    assert seen[0]["look"]
    assert served == HALF
    assert made.served() == HEALTHY


def test_an_ipv6_way_back_is_looked_for_where_the_host_has_ipv6(made: Rig) -> None:
    host, service = made.lab.realservers[2], made.services[1]

    before = verify(host, made.realserver, 0)
    host.run("ip", "-6", "route", "del", "default")
    served = made.served(service, 2)
    seen = verify(host, made.realserver, 1)
    host.run("ip", "-6", "route", "add", "default", "via", "fd00::63", "dev", "eth0")
    silent = verify(host, made.realserver, 1)
    host.run("ip", "-6", "route", "replace", "default", "via", "fd00::fa", "dev", "eth0")
    still = verify(host, made.realserver, 0)
    host.run("ip", "-6", "route", "replace", "default", "via", "fd00::1", "dev", "eth0")
    after = verify(host, made.realserver, 0)

    rules = [[each["rule"] for each in said] for said in (before, seen, silent, still, after)]
    assert rules == [[], ["NO-WAY-BACK"], ["GATEWAY-SILENT"], ["GATEWAY-NO-FORWARD"], []]
    assert served == {"no answer (timed out)": 2}
    assert made.served(service, 2) == {"rs3": 2}


def test_a_part_of_the_clients_is_missed_only_where_the_profile_names_it(
    made: Rig, tmp_path: Path
) -> None:
    """Nobody says that clients are where a blackhole route leads, but the profile."""
    host = made.lab.realservers[0]
    part = "blackhole 203.0.113.0/24"
    named = write(tmp_path, realserver(vips=VIPS, clients=["203.0.113.0/24"]))

    with for_now(host, do=f"route add {part}", undo=f"route del {part}"):
        everybody = verify(host, made.realserver, 0)
        seen = verify(host, named, 1)

    assert everybody == []
    assert [each["rule"] for each in seen] == ["NO-WAY-BACK"]


def test_who_has_clients_in_certain_networks_only_needs_a_way_to_these(
    made: Rig, tmp_path: Path
) -> None:
    host = made.lab.realservers[0]
    named = write(tmp_path, realserver(vips=VIPS, clients=["10.10.10.0/24"]))

    host.run("sh", "-c", f"ip route del default; ip route add 10.10.10.0/24 via {GATEWAY}")
    try:
        everybody = verify(host, made.realserver, 1)
        seen = verify(host, named, 0)
        served = made.served()
    finally:
        host.run("sh", "-c", f"ip route del 10.10.10.0/24; {DEFAULT}")

    assert [each["rule"] for each in everybody] == ["NO-WAY-BACK"]
    assert seen == []
    assert served == HEALTHY


def test_a_gateway_that_says_that_clients_are_unreachable_is_believed(
    made: Rig, tmp_path: Path
) -> None:
    host = made.lab.realservers[0]
    named = write(tmp_path, realserver(vips=VIPS, clients=["10.77.0.0/16"]))

    seen = verify(host, named, 1)

    assert [(each["rule"], each["on"]) for each in seen] == [("GATEWAY-NO-FORWARD", GATEWAY)]
    assert "says that they are unreachable" in seen[0]["message"]


@pytest.mark.parametrize("anew", [True, False])
def test_each_request_of_the_client_is_scheduled_by_itself(made: Rig, anew: bool) -> None:
    """From a port that it has asked from, it is served by the same one again."""
    source, service = made.lab.client_addresses(4)[0], made.services[0]

    def from_one_port() -> str:
        words = (VIP, service.port), 5.0, (str(source), client_ports.FIRST - 1)
        with socket.create_connection(*words) as asking:
            # To its end: who closes first keeps the port, which then cannot come again.
            return b"".join(iter(lambda: asking.recv(64), b"")).decode()

    with ExitStack() as stack:
        for host in made.lab.realservers:
            stack.enter_context(serving(host, [service]))
        if anew:
            seen = ask(made.lab.client, service, [source], 8)
        else:
            seen = Counter(made.lab.client.inside(from_one_port) for _ in range(8))

    assert sorted(seen.values()) == ([4, 4] if anew else [8])


@pytest.mark.parametrize("strict", [0, 1])
def test_a_way_back_by_another_router_is_a_warning_for_it_may_filter(
    made: Rig, strict: int, tmp_path: Path
) -> None:
    """The gateway has a second link to the real server: with uRPF there, answers are dropped."""
    host, gateway = made.lab.realservers[0], made.lab.gateway
    meant = write(tmp_path, realserver(vips=VIPS, rp_filter=2))
    gateway.ip(
        f"link add eth9 type veth peer name eth1 netns {host.namespace}",
        "link set eth9 up",
        "address add 172.16.0.1/24 dev eth9",
    )
    gateway.sysctl("net/ipv4/conf/eth9/rp_filter", strict)
    host.ip("link set eth1 up", "address add 172.16.0.11/24 dev eth1")
    host.ip("route replace default via 172.16.0.1 dev eth1")
    host.sysctl("net/ipv4/conf/eth0/rp_filter", 2)
    try:
        served = made.served()
        seen = verify(host, made.realserver, 0)
        quiet = verify(host, meant, 0)
    finally:
        gateway.ip("link del eth9")
        host.run("sh", "-c", DEFAULT)
        host.sysctl("net/ipv4/conf/eth0/rp_filter", 0)

    assert [(each["rule"], each["subject"]) for each in seen] == [("WAY-BACK-ELSEWHERE", "eth1")]
    assert quiet == []
    assert served == (HALF if strict else HEALTHY)


def test_a_gateway_that_has_told_so_much_that_it_is_silent_for_now_is_heard(made: Rig) -> None:
    """Linux sends a host six errors at once, then one a second."""
    host = made.lab.realservers[0]

    told = host.inside(lambda: [expire(FAR) for _ in range(20)].count(True))
    seen = verify(host, made.realserver, 0)

    assert 0 < told < 20
    assert seen == []


def expire(address: str) -> bool:
    """Send a datagram that expires at the first router; return whether anybody told of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        sender.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sender.connect((address, 9))
        sender.settimeout(0.05)
        try:
            sender.send(b"")
            sender.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def test_a_router_that_keeps_silent_is_known_by_the_next_one(made: Rig) -> None:
    host, gateway, beyond = made.lab.realservers[0], made.lab.gateway, made.lab.client
    drop = "OUTPUT -p icmp --icmp-type time-exceeded -j DROP"
    gateway.ip("route add default via 10.10.10.10 dev eth1")
    gateway.run("sh", "-c", f"iptables-legacy -A {drop}")
    try:
        alone = verify(host, made.realserver, 0)
        beyond.sysctl("net/ipv4/ip_forward", 1)
        seen = verify(host, made.realserver, 0)
    finally:
        beyond.sysctl("net/ipv4/ip_forward", 0)
        gateway.run("sh", "-c", f"iptables-legacy -D {drop}")
        gateway.ip("route del default")

    assert [each["rule"] for each in alone] == ["GATEWAY-NO-FORWARD"]
    assert seen == []


def test_without_the_right_to_ask_it_is_said_that_nobody_has_asked(made: Rig) -> None:
    host = made.lab.realservers[0]
    words = lvsdr_command("realserver", "verify", str(made.realserver), "--format", "json")

    done = host.run("setpriv", "--bounding-set=-net_raw", *words, check=False)
    (seen,) = json.loads(done.stdout)["findings"]

    assert (done.returncode, seen["rule"]) == (0, "WAY-BACK-UNPROVEN")
    assert f"{GATEWAY} on eth0" in seen["message"]


@pytest.mark.parametrize(
    ("network", "scope"), [("10.10.10.0/24", "eth0"), ("203.0.113.0/24", "all")]
)
def test_a_filter_that_drops_a_part_of_the_clients_is_named(
    made: Rig, network: str, scope: str
) -> None:
    """Their answers would leave through another link."""
    host = made.lab.realservers[0]
    host.run("sh", "-c", f"{DUMMY} dev eth1; ip route add {network} dev eth1")
    host.sysctl(f"net/ipv4/conf/{scope}/rp_filter", 1)
    try:
        seen = verify(host, made.realserver, 1)
        host.run("sh", "-c", seen[0]["hint"])
        mended = verify(host, made.realserver, 0)
    finally:
        host.run("ip", "link", "del", "eth1")
        for each in ("all", "eth0"):
            host.sysctl(f"net/ipv4/conf/{each}/rp_filter", 0)

    assert [(each["rule"], each["subject"]) for each in seen] == [("RP-FILTER", "eth0")]
    assert f"clients of {network}" in seen[0]["message"]
    assert mended == []


def notes(host: Host, path: Path) -> list[str]:
    """Return the notes of a verify that finds nothing wrong."""
    said = json.loads(lvsdr(host, "realserver", "verify", path, "--format", "json"))
    assert said["findings"] == []
    told: list[str] = said["notes"]
    return told


def test_that_a_firewall_is_there_is_noted_and_no_rule_judged(made: Rig) -> None:
    """One that lets in the segment alone: from here nobody can tell."""
    host = made.lab.realservers[0]
    rule = "INPUT -p tcp ! -s 192.168.1.0/24 -j DROP"

    before = notes(host, made.realserver)
    host.run("sh", "-c", f"iptables-legacy -A {rule}")
    served = made.served()
    (told,) = notes(host, made.realserver)
    text = lvsdr(host, "realserver", "verify", made.realserver)
    host.run("sh", "-c", f"iptables-legacy -D {rule}; iptables-legacy -P OUTPUT DROP")
    (policy,) = notes(host, made.realserver)
    host.run("iptables-legacy", "-P", "OUTPUT", "ACCEPT")
    after = notes(host, made.realserver)

    assert (before, after) == ([], [])
    assert served == HALF
    assert "(filter: 1 rule)" in told
    assert "(filter: 0 rules, policy drop)" in policy
    assert told.endswith("iptables-legacy-save")
    # A page is 80 columns wide.
    assert " ".join(text.split()) == f"note: {told} verified: no findings"


def test_a_chain_of_nf_tables_is_noted(made: Rig) -> None:
    """The lab's kernel has chains of bridges only; who drops by policy needs no rule."""
    host = made.lab.realservers[0]

    host.inside(lambda: chain_of_bridges("add"))
    (told,) = notes(host, made.realserver)
    host.inside(lambda: chain_of_bridges("del"))
    after = notes(host, made.realserver)

    assert "(bridge lab in: 0 rules, policy drop)" in told
    assert told.endswith("nft list ruleset")
    assert after == []


def chain_of_bridges(verb: str) -> None:
    """Make a table with a chain that drops by its policy, or delete it."""
    make, table = verb == "add", pack_attribute(1, b"lab\0")
    hook = pack_attribute(1, struct.pack("!I", 1)) + pack_attribute(2, struct.pack("!I", 0))
    drops = pack_attribute(4, hook) + pack_attribute(5, struct.pack("!I", 0))
    chain = table + pack_attribute(3, b"in\0") + drops + pack_attribute(7, b"filter\0")
    # linux/netfilter/nfnetlink.h: a batch begins and ends; 0xA00 are those of nf_tables.
    batch = [
        (0x10, 0, b""),
        (0xA00 if make else 0xA02, 7, table),
        (0xA03, 7, chain),
        (0x11, 0, b""),
    ]
    if not make:
        del batch[2]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as wire:
        wire.settimeout(5)
        wire.bind((0, 0))
        wire.send(b"".join(_packed(*each, make=make) for each in batch))
        for _ in batch[1:-1]:
            raise_if_refused(memoryview(wire.recv(4096)))


def _packed(kind: int, family: int, attributes: bytes, *, make: bool) -> bytes:
    body = struct.pack("!BBH", family, 0, 0 if family else 10) + attributes
    flags = (ACK | CREATE * make) if family else 0
    return pack_message(kind, body, 1, REQUEST | flags)
