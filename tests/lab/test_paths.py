"""Path proofs: faults are made on real servers, verify names each, and its remedy clears it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
import rig as rigs
from rig import VIP, VIP6, Document, Rig, director, lvsdr, realserver, rig

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.ipvs import Service

SHORTLY = ("--seconds", "0.4")
SYN_RECV = "03"
APPLY = "lvsdr realserver apply"


@dataclass(frozen=True)
class Fault:
    """What is wrong with one real server, and what becomes of its TCP and its UDP service."""

    name: str
    verdict: str
    rule: str | None
    make: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()
    udp: str | None = None
    serves: str = "vip"
    method: str = "dr"
    says: str = ""
    hint: str = ""
    before: tuple[str, ...] = ()
    families: tuple[int, ...] = (4, 6)
    elsewhere: tuple[str, ...] = ()


GONE = "ip address del {vip}/{bits} dev lvsdr0"
NO_GUARD = "ip -{family} route del unreachable {vip}/{bits} {metric}"
TUNNEL = (
    "ip link set {tunnel} up",
    "for f in all {tunnel}; do echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done",
)
FORWARDS = "echo 1 >/proc/sys/net/{forwarding}"
DROPS = "{iptables} -A INPUT {what} -j DROP"
FLUSH = "{iptables} -F"
MISSING, LOOPS = "vip-missing", "vip-missing-and-forwards"
RIP_ONLY = "bound to the RIP only"

FAULTS = (
    Fault("nothing is wrong", "served", None),
    Fault(
        "the service is stopped",
        "port-closed",
        "PATH-PORT-CLOSED",
        udp="port-closed",
        serves="nothing",
        hint="the service is to listen on",
    ),
    Fault(
        "the service is bound to the RIP only",
        "port-closed",
        "PATH-PORT-CLOSED",
        udp="port-closed",
        serves="rip",
        says=RIP_ONLY,
        hint="the service is to listen on",
    ),
    Fault(
        "the VIP is missing, and its guard tells so",
        MISSING,
        "PATH-VIP-MISSING",
        (GONE, FORWARDS),
        udp=MISSING,
        says="unreachable",
        hint=APPLY,
    ),
    Fault(
        "the VIP is missing without a word",
        MISSING,
        "PATH-VIP-MISSING",
        (GONE, NO_GUARD),
        udp=MISSING,
        hint=APPLY,
    ),
    Fault(
        "the VIP is missing, and the host forwards",
        LOOPS,
        "PATH-LOOP",
        (GONE, NO_GUARD, FORWARDS),
        udp=LOOPS,
        hint=APPLY,
    ),
    Fault(
        "a firewall drops the requests",
        "filtered",
        "PATH-FILTERED",
        ("{iptables} -A INPUT -p tcp --dport 80 -j DROP",),
        (FLUSH,),
        says="holds the VIP",
        hint="{iptables_save}",
    ),
    Fault(
        "a firewall rejects the requests",
        "filtered",
        "PATH-FILTERED",
        ("{iptables} -A INPUT -p tcp --dport 80 -j REJECT",),
        (FLUSH,),
        says="prohibited",
        hint="{iptables_save}",
    ),
    Fault(
        "a firewall drops all but neighbour discovery",
        "filtered",
        "PATH-FILTERED",
        (
            "for p in tcp udp; do {iptables} -A INPUT -p $p -j DROP; done",
            "{iptables} -A INPUT {echo} -j DROP",
        ),
        (FLUSH,),
        udp="filtered",
        says="answers nothing but",
        hint="{iptables_save}",
    ),
    Fault(
        "its link is down",
        "down",
        "PATH-DOWN",
        ("ip link set eth0 down",),
        ("ip link set eth0 up", "ip address replace {rip}/{net} dev eth0 {nodad}"),
        udp="down",
        hint="ip address show to {rip} up",
    ),
    Fault(
        "another host has its RIP",
        "duplicate-rip",
        "PATH-DUPLICATE-RIP",
        udp="duplicate-rip",
        elsewhere=("address add {rip}/{bits} dev eth0", "address del {rip}/{bits} dev eth0"),
        hint="ip address show to {rip}",
    ),
    Fault(
        "nothing is wrong with the tunnel, but that it is narrower than the link",
        "served",
        "TUNNEL-MTU",
        method="tunnel",
        before=TUNNEL,
        says="fit into its tunnel",
        hint="-j TCPMSS --set-mss",
    ),
    Fault(
        "the tunnel is down",
        "no-tunnel",
        "PATH-NO-TUNNEL",
        ("ip link set {tunnel} down",),
        ("ip link set {tunnel} up",),
        udp="no-tunnel",
        method="tunnel",
        before=TUNNEL,
        hint="ip link set {tunnel} up",
    ),
    Fault(
        "the VIP is missing behind the tunnel",
        MISSING,
        "PATH-VIP-MISSING",
        (GONE, NO_GUARD),
        udp=MISSING,
        method="tunnel",
        before=TUNNEL,
        hint=APPLY,
    ),
    Fault(
        "the reverse-path filter drops what comes out of the tunnel",
        "filtered",
        "PATH-FILTERED",
        ("echo 1 >/proc/sys/net/ipv4/conf/tunl0/rp_filter",),
        ("echo 0 >/proc/sys/net/ipv4/conf/tunl0/rp_filter",),
        udp="filtered",
        method="tunnel",
        before=TUNNEL,
        says="rp_filter",
        hint="rp_filter",
        families=(4,),
    ),
)


@dataclass(frozen=True)
class Case:
    """A fault on one real server."""

    fault: Fault
    family: int
    number: int

    def __str__(self) -> str:
        return f"IPv{self.family}: {self.fault.name}"

    @property
    def rip(self) -> str:
        return f"192.168.1.{self.number}" if self.family == 4 else f"fd00::{self.number}"

    @property
    def vip(self) -> str:
        return VIP if self.family == 4 else VIP6

    def __call__(self, text: str) -> str:
        """Return a line of the fault as it is on this real server."""
        four = self.family == 4
        return text.format(
            rip=self.rip,
            vip=self.vip,
            bits=32 if four else 128,
            net=24 if four else 64,
            family=self.family,
            nodad="" if four else "nodad",
            metric="metric 4294967294",
            tunnel="tunl0" if four else "ip6tnl0",
            iptables="iptables-legacy" if four else "ip6tables-legacy",
            iptables_save="iptables-save" if four else "ip6tables-save",
            echo="-p icmp" if four else "-p icmpv6 --icmpv6-type echo-request",
            forwarding="ipv4/ip_forward" if four else "ipv6/conf/all/forwarding",
            what="",
        )


CASES = [
    Case(fault, family, number)
    for number, (fault, family) in enumerate(
        ((fault, family) for fault in FAULTS for family in fault.families), start=21
    )
]


@dataclass(frozen=True)
class Seen:
    """What verify said, and what a client got that was sent to the real server of each case."""

    said: Document
    client: dict[str, str]
    connections: tuple[list[tuple[int, int]], list[tuple[int, int]]]

    def verdict(self, case: Case, protocol: str) -> str:
        """Return the verdict on one path."""
        found = [path["verdict"] for path in self.said["paths"] if _is_of(path, case, protocol)]
        assert len(found) == 1
        return str(found[0])

    def findings(self, case: Case) -> list[Document]:
        """Return the findings about the real server of a case."""
        return [finding for finding in self.said["findings"] if finding["rip"] == case.rip]


def _is_of(path: Document, case: Case, protocol: str) -> bool:
    return (path["rip"], path["protocol"]) == (case.rip, protocol)


def verify(made: Rig, *, expect: int) -> Document:
    words = ("director", "verify", made.director, *SHORTLY, "--format", "json")
    said: Document = json.loads(lvsdr(made.lab.director, *words, expect=expect))
    return said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One real server for each fault, all of them well."""
    servers = [
        {"vip": vip, "protocol": protocol, "port": port, "real_servers": real_servers(family)}
        for family, vip in ((4, VIP), (6, VIP6))
        for protocol, port in (("tcp", 80), ("udp", 53))
    ]
    wanted = director(*servers)
    with rig(tmp_path_factory.mktemp("paths"), wanted, realserver(vips=[VIP, VIP6])) as made:
        lvsdr(made.lab.director, "director", "apply", made.director)
        for case in CASES:
            set_up(made, case)
        yield made


def set_up(made: Rig, case: Case) -> None:
    """Make a host a real server; by hand, which is quicker, where no remedy is to apply."""
    host = host_of(made, case)
    if case.fault.hint == APPLY:
        lvsdr(host, "realserver", "apply", made.realserver)
        return
    rigs.settings(host, {"all/arp_ignore": 1, "all/arp_announce": 2})
    host.ip(
        "link add lvsdr0 type dummy",
        "link set lvsdr0 up",
        f"address add {VIP}/32 dev lvsdr0",
        f"address add {VIP6}/128 dev lvsdr0 nodad",
    )


def real_servers(family: int) -> list[Document]:
    return [
        {"rip": case.rip, "forwarding_method": case.fault.method}
        for case in CASES
        if case.family == family
    ]


def host_of(made: Rig, case: Case) -> Host:
    """Return the host with the RIP of a case."""
    stations = made.lab.topology.realservers
    return next(
        host
        for host, station in zip(made.lab.realservers, stations, strict=True)
        if str(station.addresses[0].ip) == case.rip
    )


def shell(made: Rig, case: Case, *lines: str) -> None:
    """Run lines of a fault in the host of its real server."""
    if lines:
        host_of(made, case).run("sh", "-ec", "\n".join(case(line) for line in lines))


@contextmanager
def served(made: Rig, case: Case, address: str) -> Iterator[None]:
    """Serve a case's services on one address of its real server."""
    ip = ip_address(address)
    family = "inet" if case.family == 4 else "inet6"
    services = [Service("tcp", ip, 80, 0, family), Service("udp", ip, 53, 0, family)]
    with serving(host_of(made, case), services):
        yield


def answers_to_clients(made: Rig) -> dict[str, str]:
    """Return what each real server says to a host of the segment that sends to it alone."""
    found = {}
    back: tuple[str, ...] = ()
    for case in CASES:
        there, away = way(made, case)
        made.lab.observer.ip(*back, *there)
        found[str(case)] = made.lab.observer.inside(partial(answer, case.vip))
        back = away
    made.lab.observer.ip(*back)
    return found


def way(made: Rig, case: Case) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the commands of ip(8) that take the VIP's packets to one real server, and back."""
    if case.fault.method == "dr":
        pinned = f"{case.vip} lladdr {made.mac(host_of(made, case))} nud permanent dev eth0"
        return (f"neigh replace {pinned}",), (f"neigh del {case.vip} dev eth0",)
    kind, mine = ("ipip", "192.168.1.250") if case.family == 4 else ("ip6tnl", "fd00::fa")
    return (
        f"link add t0 type {kind} local {mine} remote {case.rip}",
        "link set t0 up",
        f"route add {case.vip} dev t0 src {mine} metric 1",
    ), ("link del t0",)


def answer(vip: str) -> str:
    try:
        with socket.create_connection((vip, 80), timeout=0.5) as asking:
            return asking.recv(64).decode()
    except OSError as error:
        return f"no answer ({error})"


def tcp_state(host: Host) -> tuple[int, int]:
    """Return how many connections are half open, and how many were ever accepted."""

    def read() -> tuple[int, int]:
        net = Path("/proc/thread-self/net")
        sockets = (net / "tcp").read_text() + (net / "tcp6").read_text()
        names, values = (
            line.split() for line in (net / "snmp").read_text().splitlines() if "Tcp:" in line
        )
        half_open = sum(line.split()[3] == SYN_RECV for line in sockets.splitlines())
        return half_open, int(values[names.index("PassiveOpens")])

    return host.inside(read)


def look(made: Rig, *, expect: int) -> Seen:
    """Verify, and see what the probes have left behind, and what clients get."""
    opened = [tcp_state(host) for host in made.lab.realservers]
    said = verify(made, expect=expect)
    left = [tcp_state(host) for host in made.lab.realservers]
    return Seen(said, answers_to_clients(made), (opened, left))


@pytest.fixture(scope="module")
def broken_and_mended(made: Rig) -> tuple[Seen, Seen]:
    """What was seen while every fault was there, and after the remedy of each."""
    with ExitStack() as stack:
        for case in CASES:
            if case.fault.serves == "vip":
                stack.enter_context(served(made, case, case.vip))
            shell(made, case, *case.fault.before, *case.fault.make)
            if case.fault.elsewhere:
                made.lab.gateway.ip(case(case.fault.elsewhere[0]))
        with ExitStack() as while_broken:
            for case in CASES:
                if case.fault.serves == "rip":
                    while_broken.enter_context(served(made, case, case.rip))
            broken = look(made, expect=1)
        for case in CASES:
            mend(made, case, stack)
        return broken, look(made, expect=0)


def mend(made: Rig, case: Case, stack: ExitStack) -> None:
    """Carry out the remedy that verify prints for a fault."""
    host = host_of(made, case)
    shell(made, case, *case.fault.mend)
    if case.fault.elsewhere:
        made.lab.gateway.ip(case(case.fault.elsewhere[1]))
    if case.fault.serves != "vip":
        stack.enter_context(served(made, case, case.vip))
    if case.fault.hint == APPLY:
        lvsdr(host, "realserver", "apply", made.realserver)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_fault_has_its_verdict(broken_and_mended: tuple[Seen, Seen], case: Case) -> None:
    broken, _ = broken_and_mended

    seen = (broken.verdict(case, "tcp"), broken.verdict(case, "udp"))

    assert seen == (case.fault.verdict, case.fault.udp or "served")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_fault_is_found_once_for_each_service_or_host(
    broken_and_mended: tuple[Seen, Seen], case: Case
) -> None:
    broken, _ = broken_and_mended

    found = broken.findings(case)

    rules = {finding["rule"] for finding in found}
    assert rules == ({case.fault.rule} if case.fault.rule else set())
    assert len(found) == (2 if case.fault.verdict == "port-closed" else len(rules))
    assert all(case(case.fault.says) in found[0]["message"] for finding in found[:1])
    assert all(case(case.fault.hint) in (each["hint"] or each["look"]) for each in found)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_fault_is_real_for_a_client_and_its_remedy_clears_it(
    made: Rig, broken_and_mended: tuple[Seen, Seen], case: Case
) -> None:
    broken, mended = broken_and_mended

    name = host_of(made, case).name

    # A client is sent to one of two hosts with the same RIP, here to the right one.
    fine = case.fault.verdict in ("served", "duplicate-rip")
    assert (broken.client[str(case)] == name) == fine
    assert mended.client[str(case)] == name
    assert (mended.verdict(case, "tcp"), mended.verdict(case, "udp")) == ("served", "served")


def test_a_healthy_cluster_has_no_findings_but_that_tunnels_are_narrow(
    broken_and_mended: tuple[Seen, Seen],
) -> None:
    _, mended = broken_and_mended

    tunnelled = {case.rip for case in CASES if case.fault.method == "tunnel"}
    assert mended.said["ok"]
    assert {each["rule"] for each in mended.said["findings"]} == {"TUNNEL-MTU"}
    assert {each["rip"] for each in mended.said["findings"]} == tunnelled


def test_no_connection_stays_and_no_application_sees_one(
    broken_and_mended: tuple[Seen, Seen],
) -> None:
    for seen in broken_and_mended:
        before, after = seen.connections

        assert {half_open for half_open, _ in after} == {0}
        assert before == after
