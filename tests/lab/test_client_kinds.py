"""Clients of a firewall mark, over IPv6, with datagrams: what a director sees of them."""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

from load import asked
from rig import RIP6, RIPS, VIP, VIP6, director, realserver, rig, settled, verified, virtual_server
from test_clients_unanswered import MANY, requests, unanswered
from test_drain_datagrams import flowing, services

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.ipvs import Service

UNANSWERED, FIREWALL = "PATH-CLIENTS-UNANSWERED", "DIRECTOR-FIREWALL"
# How long a flow of datagrams is kept after each of them.
FULL = 300
MARKED = f"-t mangle -A PREROUTING -d {VIP} -p tcp --dport 80 -j MARK --set-mark 7"


def test_what_no_probe_can_ask_the_clients_of_a_firewall_mark_tell(tmp_path: Path) -> None:
    """The director holds no VIP, so that no path is probed; one real server has lost its own."""
    real_servers = [{"rip": rip} for rip in RIPS]
    service = {"fwmark": 7, "scheduler": "rr", "real_servers": real_servers}
    profile = {**director(service), "vips": []}
    with rig(tmp_path, profile, realserver()) as marked, ExitStack() as all_:
        host, lab = marked.lab.director, marked.lab
        marked.apply()
        host.run("iptables-legacy", *MARKED.split())
        host.ip("rule add fwmark 7 lookup 100", "route add local default dev lo table 100")
        lab.gateway.ip(f"route add {VIP}/32 via 192.168.1.10")
        for each in lab.realservers:
            all_.enter_context(serving(each, [Service("tcp", ip_address(VIP), 80)]))
        before = requests(marked)
        lab.realservers[0].ip(f"address del {VIP}/32 dev lvsdr0")
        answered = requests(marked)
        settled(lambda: unanswered(host), {RIPS[0]}, seconds=20, every=0.3)
        words = ("director", "verify", marked.director, "--seconds", "0.5")
        found = verified(host, *words, expect=1)

    assert (before, answered) == (MANY, MANY // 2)
    assert [(one["rip"], one["severity"]) for one in found if one["rule"] == UNANSWERED] == [
        (RIPS[0], "error")
    ]
    assert "does not take in what it is sent" in next(
        one["message"] for one in found if one["rule"] == UNANSWERED
    )


def test_over_ipv6_it_is_told_as_well(tmp_path: Path) -> None:
    with (
        rig(tmp_path, director(virtual_server(VIP6, [RIP6])), realserver(vips=[VIP6])) as six,
        serving(six.lab.realservers[0], six.services),
    ):
        six.apply()
        words = ("director", "verify", six.director, "--seconds", "3")
        with asked(six.lab.client, VIP6, pause=0.05) as answers:
            settled(lambda: len(answers) > 1, True)
            before = verified(six.lab.director, *words, expect=0)
            six.lab.director.run("ip6tables-legacy", "-A", "INPUT", "-d", VIP6, "-j", "DROP")
            found = verified(six.lab.director, *words, expect=1)

    assert before == []
    assert [(one["rule"], one["vip"]) for one in found] == [(FIREWALL, VIP6)]
    assert "ip6tables-save" in found[0]["look"]


def test_a_flow_of_datagrams_that_no_longer_gets_through_is_told(tmp_path: Path) -> None:
    with rig(tmp_path, services(*RIPS), realserver()) as udp:
        udp.apply()
        host, words = udp.lab.director, ("director", "verify", udp.director, "--seconds", "1")
        with flowing(udp):
            before = verified(host, *words, expect=0)
            host.run("iptables-legacy", "-A", "INPUT", "-p", "udp", "-j", "DROP")
            settled(lambda: left_of_flow(host) < FULL - 6, True, seconds=20, every=0.3)
            found = verified(host, *words, expect=1)

    assert FIREWALL not in {one["rule"] for one in before}
    assert (FIREWALL, "error") in {(one["rule"], one["severity"]) for one in found}


def left_of_flow(host: Host) -> int:
    """Return how many seconds the only flow is still kept, as the kernel lists it."""
    (line,) = host.run("cat", "/proc/net/ip_vs_conn").stdout.splitlines()[1:]
    return int(line.split()[8])
