"""Each fault of one host's state: made for real, named, mended by its own hint, and gone."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
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
    refused,
    rig,
    settled,
    verified,
    virtual_server,
)
from witnesses import arping, ipvsadm

from lvsdr.core.book import Book
from lvsdr.kernel import namespace
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.lab_host import Host
from lvsdr.model.change import Change
from lvsdr.model.ipvs import RealServer
from lvsdr.model.neighbour_claim import Heard
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read
from lvsdr.proof import verification
from lvsdr.proof.verification import Verdict

DIP = "192.168.1.10"
FORWARD = "sysctl -qw net.ipv4.ip_forward=1"
NO_GUARD = f"ip route del unreachable {VIP}/32 metric 4294967294"
LOST = f"ip address del {VIP}/32 dev lvsdr0"
AWAY = f"ip route add {VIP}/32 dev eth1"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: the shell that makes it, what is to be found, and the shell that takes it back.

    `instead` mends it where no hint is known, only where to look. `undo` runs after the hint.
    """

    make: str
    rule: str
    subject: str
    undo: str = "true"
    severity: str = "error"
    place: str = "realserver"
    instead: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.make}"


def conf(scope: str, name: str, value: int) -> str:
    return f"sysctl -qw net/ipv4/conf/{scope}/{name}={value}"


def also(*lines: str) -> str:
    return "; ".join(lines)


SECOND = "ip link add eth1 type dummy; ip link set eth1 up arp on"
NO_SECOND = "ip link del eth1"
MACVLAN = "ip link add mv0 link eth0 type macvlan mode bridge; ip link set mv0 up"
QUIET = also(conf("all", "arp_ignore", 0), conf("all", "arp_announce", 0))
# With the other link gone, what was set on this one is given back.
MENDED = also(conf("eth0", "arp_ignore", 0), conf("eth0", "arp_announce", 0))

FAULTS = [
    # ARP settings: which of the larger ones is stricter, and where they count.
    Fault(conf("all", "arp_ignore", 0), "ARP-IGNORE", "eth0"),
    Fault(
        also(conf("all", "arp_ignore", 0), conf("lo", "arp_ignore", 1)),
        "ARP-IGNORE",
        "eth0",
        conf("lo", "arp_ignore", 0),
    ),
    Fault(conf("eth0", "arp_ignore", 4), "ARP-IGNORE", "eth0"),
    Fault(also(conf("all", "arp_ignore", 3), conf("eth0", "arp_ignore", 1)), "ARP-IGNORE", "eth0"),
    Fault(conf("all", "arp_announce", 0), "ARP-ANNOUNCE", "eth0"),
    Fault(conf("all", "arp_announce", 1), "ARP-ANNOUNCE", "eth0"),
    Fault(also(MACVLAN, conf("mv0", "arp_ignore", 5)), "ARP-IGNORE", "mv0", "ip link del mv0"),
    Fault(also(SECOND, conf("eth1", "arp_ignore", 6)), "ARP-IGNORE", "eth1", NO_SECOND),
    Fault("ip link set eth0 arp off", "LINK-NOARP", "eth0"),
    # Addresses.
    Fault(f"ip address add {VIP}/32 dev eth0", "VIP-ON-LINK", "eth0"),
    Fault(f"{LOST}; ip address add {VIP}/24 dev lvsdr0", "VIP-PREFIX", "lvsdr0"),
    Fault(f"ip address add {VIP}/24 dev lo", "VIP-PREFIX", "lo"),
    # IPv6 holds an address of a link once.
    Fault(
        f"ip address del {VIP6}/128 dev lvsdr0; ip address add {VIP6}/64 dev lvsdr0",
        "VIP-PREFIX",
        "lvsdr0",
    ),
    Fault(f"ip address add {VIP}/32 dev lo", "VIP-ELSEWHERE", "lo", severity="warning"),
    Fault(f"{LOST}; ip address add {VIP}/32 dev lo", "VIP-ELSEWHERE", "lo"),
    Fault(f"ip route replace default via 192.168.1.1 dev eth0 src {VIP}", "VIP-SOURCE", "eth0"),
    Fault(f"ip address add {VIP6}/128 dev eth0 nodad", "VIP-ON-LINK", "eth0"),
    # Loops and proxies: with the VIP lost, or about to be.
    Fault(also(FORWARD, NO_GUARD, LOST), "VIP-LOOPS", "lvsdr0", "sysctl -qw net.ipv4.ip_forward=0"),
    Fault(
        also(
            SECOND, FORWARD, LOST, f"ip route add {VIP}/32 dev eth1", conf("eth0", "proxy_arp", 1)
        ),
        "PROXY-ARP",
        "eth0",
        also(NO_SECOND, "sysctl -qw net.ipv4.ip_forward=0", conf("eth0", "proxy_arp", 0)),
    ),
    Fault(
        also(
            SECOND,
            FORWARD,
            LOST,
            AWAY,
            f"ip neighbour add proxy {VIP} dev eth0",
        ),
        "PROXY-ARP",
        "eth0",
        also(
            NO_SECOND, "sysctl -qw net.ipv4.ip_forward=0", f"ip neighbour del proxy {VIP} dev eth0"
        ),
    ),
    Fault(
        also(FORWARD, LOST, NO_GUARD, conf("all", "proxy_arp_pvlan", 1)),
        "PROXY-ARP",
        "eth0",
        also("sysctl -qw net.ipv4.ip_forward=0", conf("all", "proxy_arp_pvlan", 0)),
    ),
    Fault(
        also(FORWARD, NO_GUARD, conf("eth0", "proxy_arp_pvlan", 1)),
        "PROXY-PVLAN",
        "eth0",
        also("sysctl -qw net.ipv4.ip_forward=0", conf("eth0", "proxy_arp_pvlan", 0)),
        severity="warning",
    ),
    Fault(f"ip neighbour add proxy {VIP} dev eth0", "PROXY-ENTRY", "eth0", severity="warning"),
    Fault(
        also(
            f"ip -6 neighbour add proxy {VIP6} dev eth0",
            "sysctl -qw net.ipv6.conf.eth0.proxy_ndp=1 net.ipv6.conf.all.forwarding=1",
        ),
        "PROXY-NDP",
        "eth0",
        "sysctl -qw net.ipv6.conf.eth0.proxy_ndp=0 net.ipv6.conf.all.forwarding=0",
    ),
    # Packets dropped on the way in.
    Fault(
        also(
            SECOND,
            "ip address add 172.16.0.11/24 dev eth1",
            "ip route add 198.51.100.0/24 dev eth1",
            conf("eth0", "rp_filter", 1),
        ),
        "RP-FILTER",
        "eth0",
        also(NO_SECOND, conf("eth0", "rp_filter", 0)),
    ),
    # The director.
    Fault("ip link set eth0 arp off", "LINK-NOARP", "eth0", place="director"),
    Fault(
        f"ip address del {DIP}/24 dev eth0; ip address add fd00::a/64 dev eth0 nodad || true",
        "DIP-MISSING",
        "eth0",
        # The VIP comes after the director's own address again.
        f"ip route replace default via 192.168.1.1 dev eth0; ip address del {VIP}/32 dev eth0;"
        f" ip address add {VIP}/32 dev eth0 label eth0:0",
        place="director",
        instead=f"ip address add {DIP}/24 dev eth0",
    ),
    Fault(
        f"ip route replace {RIPS[0]}/32 dev eth0 src {VIP}",
        "VIP-SOURCE",
        "eth0",
        f"ip route del {RIPS[0]}/32",
        place="director",
    ),
    # Its own address comes after the VIP: a manager of the network had taken it away.
    Fault(
        also(
            f"ip address del {DIP}/24 dev eth0",
            f"ip address add {DIP}/24 dev eth0",
            "ip route replace default via 192.168.1.1 dev eth0",
        ),
        "VIP-SOURCE",
        "eth0",
        place="director",
    ),
    Fault(
        f"ip address del {VIP}/32 dev eth0; ip address add {VIP}/24 dev eth0",
        "VIP-PREFIX",
        "eth0",
        place="director",
    ),
    Fault(
        f"ip address del {VIP6}/128 dev eth0; ip address add {VIP6}/64 dev eth0 nodad",
        "VIP-PREFIX",
        "eth0",
        place="director",
    ),
    Fault(
        f"ip address del {VIP}/32 dev eth0; ip address add {VIP}/32 dev lo",
        "VIP-ELSEWHERE",
        "lo",
        place="director",
    ),
    Fault(
        f"ip address add {VIP}/32 dev lo",
        "VIP-ELSEWHERE",
        "lo",
        severity="warning",
        place="director",
    ),
    Fault(
        also(MACVLAN, QUIET),
        "ARP-FLUX",
        "mv0",
        also("ip link del mv0", MENDED),
        place="director",
    ),
    Fault(
        also(SECOND, "ip address add 192.168.1.77/24 dev eth1 noprefixroute", QUIET),
        "ARP-FLUX",
        "eth1",
        also(NO_SECOND, MENDED),
        place="director",
    ),
    Fault(
        "sysctl -qw net.ipv4.vs.backup_only=1",
        "BACKUP-ONLY",
        "net/ipv4/vs/backup_only",
        severity="warning",
        place="director",
    ),
    Fault(
        "sysctl -qw net.ipv4.vs.backup_only=1;"
        " ipvsadm --start-daemon master --mcast-interface eth0;"
        " ipvsadm --start-daemon backup --mcast-interface eth0",
        "BACKUP-BYPASS",
        "net/ipv4/vs/backup_only",
        "sysctl -qw net.ipv4.vs.backup_only=0; ipvsadm --stop-daemon master",
        place="director",
    ),
    Fault(
        "ipvsadm --start-daemon backup --mcast-interface eth0",
        "SYNC-ROLE",
        "ipvs",
        "ipvsadm --stop-daemon master; ipvsadm --stop-daemon backup",
        severity="warning",
        place="director",
    ),
    Fault(
        "ip link add kube-ipvs0 type dummy",
        "OWNER-KUBERNETES",
        "kube-ipvs0",
        severity="warning",
        place="director",
        instead="ip link del kube-ipvs0",
    ),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers on IPv4 and one on IPv6, all applied."""
    wanted = director(virtual_server(), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("rules"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


def verdict(made: Rig, place: str) -> Verdict:
    """Return what verify says of a host's own state; nobody else of the segment is heard."""
    host = host_of(made, place)

    def verify() -> Verdict:
        book = Book(namespace.identity())
        with LinuxKernel() as kernel:
            if place == "director":
                wanted = read(made.director, "director")
                assert isinstance(wanted, DirectorProfile)
                return verification.director(wanted, kernel, book, lambda _: Heard(), None)
            silent = read(made.realserver, "realserver")
            assert isinstance(silent, RealServerProfile)
            return verification.realserver(silent, kernel, book)

    return host.inside(verify)


def host_of(made: Rig, place: str) -> Host:
    return made.lab.director if place == "director" else made.lab.realservers[0]


def carry_out(made: Rig, place: str, hint: str) -> None:
    """Type a hint: each command by the shell, but for lvsdr's own, run without its start-up."""
    for command in re.split("; | && ", hint):
        if command.startswith("lvsdr "):
            # The profile was read without the command line, which is what names it.
            _, role, verb, *_ = command.split()
            profile = made.director if role == "director" else made.realserver
            lvsdr(host_of(made, place), role, verb, profile)
        else:
            host_of(made, place).run("sh", "-c", command)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_named_and_its_hint_mends_it(made: Rig, fault: Fault) -> None:
    host = host_of(made, fault.place)

    host.run("sh", "-c", fault.make)
    try:
        seen = verdict(made, fault.place)
        named = [each for each in seen.findings if each.rule == fault.rule]
        for each in named:
            carry_out(made, fault.place, each.hint or fault.instead)
        left = {each.rule for each in verdict(made, fault.place).findings}
    finally:
        host.run("sh", "-c", fault.undo)
    after = verdict(made, fault.place)

    assert [(each.subject, each.severity) for each in named] == [(fault.subject, fault.severity)]
    assert not seen.ok or fault.severity == "warning"
    assert [(bool(each.hint), bool(each.look)) for each in named] == [
        (not fault.instead, bool(fault.instead))
    ]
    assert fault.rule not in left
    assert after.findings == ()


@pytest.mark.parametrize(("rule", "code"), [("VIP-ON-LINK", 1), ("PROXY-ENTRY", 0)])
def test_an_error_is_exit_1_and_a_warning_exit_0(made: Rig, rule: str, code: int) -> None:
    fault = next(each for each in FAULTS if each.rule == rule)
    host = made.lab.realservers[0]

    host.run("sh", "-c", fault.make)
    found = verified(host, "realserver", "verify", made.realserver, expect=code)
    carry_out(made, "realserver", found[0]["hint"])

    assert [(one["rule"], one["severity"]) for one in found] == [(rule, fault.severity)]


def test_a_real_server_with_another_port_is_found_and_removed(made: Rig) -> None:
    # ipvsadm would not make it: it writes the service's port in its place.
    service = made.services[0]
    other = RealServer(service, ip_address(RIPS[0]), 8080)
    made.lab.director.inside(lambda: executed(Change(None, other)))

    (found,) = verdict(made, "director").findings
    carry_out(made, "director", found.look.rpartition(": ")[2])

    assert (found.rule, found.rip) == ("PORT-DIFFERS", other.rip)
    assert verdict(made, "director").findings == ()


@pytest.mark.parametrize(
    ("flush", "found", "left"),
    [
        ("lvs_flush_on_stop", ["OWNER-KEEPALIVED", "OWNER-FLUSH"], False),
        ("lvs_flush_on_stop VS", ["OWNER-KEEPALIVED"], True),
    ],
)
def test_a_keepalived_that_runs_here_takes_the_table_away(
    made: Rig, tmp_path: Path, flush: str, found: list[str], left: bool
) -> None:
    """Its virtual servers are in a group, at another port, in a file that it includes."""
    main, part = tmp_path / "main.conf", tmp_path / "part.conf"
    main.write_text("include part.conf\n")
    part.write_text(
        f"global_defs {{\nrouter_id lab\n{flush}\n}}\n"
        f"virtual_server_group web {{\n{VIP}-3 8080\n}}\n"
        "virtual_server group web {\nprotocol TCP\nlvs_method DR\n"
        f"real_server {RIPS[0]} 8080 {{\n}}\n}}\n"
    )
    host = made.lab.director
    before = set(ipvsadm(host))

    with keepalived(host, main, tmp_path):
        grown = settled(lambda: set(ipvsadm(host)) > before, True)
        findings = verdict(made, "director").findings
        seen = [(each.rule, each.subject) for each in findings]
        elsewhere = verdict(made, "realserver").findings
    after = set(ipvsadm(host))
    if not left:
        lvsdr(host, "director", "apply", made.director)

    assert grown
    assert seen == [(rule, str(part)) for rule in found]
    # A command that takes them from keepalived leaves an empty table under traffic.
    assert all(each.look and not each.hint for each in findings)
    assert elsewhere == ()
    assert after == (before if left else set())
    assert verdict(made, "director").findings == ()


def test_a_service_of_a_keepalived_that_runs_here_is_not_taken_on(
    made: Rig, tmp_path: Path
) -> None:
    """What lvsdr would have in it, keepalived takes away when it stops."""
    file, wanted = tmp_path / "keepalived.conf", tmp_path / "more.json"
    file.write_text(
        "global_defs {\nrouter_id lab\n}\n"
        f"virtual_server {VIP} 8081 {{\nprotocol TCP\nlvs_method DR\nlvs_sched rr\n"
        f"real_server {RIPS[0]} 8081 {{\n}}\n}}\n"
    )
    document = json.loads(made.director.read_text())
    document["virtual_servers"].append(virtual_server(rips=RIPS[1:], port=8081))
    wanted.write_text(json.dumps(document))
    host = made.lab.director
    before = set(ipvsadm(host))

    with keepalived(host, file, tmp_path):
        grown = settled(lambda: set(ipvsadm(host)) > before, True)
        there = set(ipvsadm(host))
        said = refused(host, "director", "apply", wanted, expect=6)
        same = set(ipvsadm(host)) == there
        # As if it were not refused.
        host.run("ipvsadm", "-a", "-t", f"{VIP}:8081", "-r", f"{RIPS[1]}:8081", "-g")
    after = set(ipvsadm(host))

    assert (grown, same) == (True, True)
    assert f"cannot set up virtual server tcp {VIP}:8081: {file} has it as well" in said
    assert after == before
    lvsdr(host, "director", "apply", wanted)
    lvsdr(host, "director", "apply", made.director)
    assert set(ipvsadm(host)) == before


@contextmanager
def keepalived(host: Host, file: Path, folder: Path) -> Iterator[None]:
    """Run a keepalived on a host of the lab, and let it stop as systemd does."""
    command = ["keepalived", "-n", "-l", "-f", str(file)]
    parts = {"": "main", "vrrp_": "vrrp", "checkers_": "checkers"}
    command += [f"--{part}pid={folder}/{name}.pid" for part, name in parts.items()]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            ["nsenter", f"--net={host.path}", "--", *command], stdout=log, stderr=log
        )
        try:
            yield
        finally:
            running.terminate()
            running.wait(10)


def executed(change: Change) -> None:
    with LinuxKernel() as kernel:
        kernel.execute([change])


def test_explain_says_what_arping_hears(made: Rig) -> None:
    host = made.lab.realservers[0]

    said = lvsdr(host, "explain", "arp", "eth0", "--format", "json")
    answers = {one["address"]: one for one in json.loads(said)["links"][0]["answers"]}

    assert [answers[ip]["own"]["answers"] for ip in (RIPS[0], VIP)] == [True, False]
    assert arping(made.lab.observer, VIP) == {made.mac(made.lab.director)}
    assert arping(made.lab.observer, RIPS[0]) == {made.mac(host)}


def test_explain_of_a_port_explains_the_bridge(made: Rig) -> None:
    host = made.lab.observer
    host.ip("link add br9 type bridge", "link add p9 type dummy", "link set p9 master br9 up")

    said = lvsdr(host, "explain", "arp", "p9")
    host.ip("link del br9", "link del p9")

    assert "p9: br9 speaks for it" in said
    assert "br9: it does not speak ARP" in said


def test_a_vip_that_detection_has_disabled_is_found_and_held_again(made: Rig) -> None:
    host, culprit = made.lab.director, made.lab.realservers[0]
    there = f"{VIP6}/128 dev eth0"
    host.ip(f"address del {there}")
    host.sysctl("net/ipv6/conf/eth0/accept_dad", 1)

    with for_now(culprit, do=f"address add {there} nodad", undo=f"address del {there}"):
        host.ip(f"address add {there}")
        shown = settled(lambda: "dadfailed" in host.run("ip", "address").stdout, True)
        found = [each for each in verdict(made, "director").findings if each.rule == "VIP-DAD"]
    host.ip(f"address del {there}")
    host.sysctl("net/ipv6/conf/eth0/accept_dad", 0)
    lvsdr(host, "director", "apply", made.director)

    assert shown
    assert [(each.subject, each.severity) for each in found] == [("eth0", "error")]
    # The other host may be the director.
    assert not found[0].hint
    assert verdict(made, "director").findings == ()
