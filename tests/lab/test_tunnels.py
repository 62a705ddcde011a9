"""Tunnels other than IPIP over IPv4: GRE, GUE and IPv6, with traffic; and what does not fit."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import program
import pytest
from keepers import keeping
from rig import (
    RIP6,
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
    state,
    verified,
    virtual_server,
    write,
)
from test_http_checks import Page, pages
from witnesses import captured, ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import ask, serving
from lvsdr.model.ipvs import Service

SHORTLY = ("--seconds", "0.4")
GRE, GUE, SIX = range(3)
PORT = 5555
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2
FRAGMENTATION_NEEDED = bytes((3, 4))
CLIENT = "10.10.10.10"


def tunnelled(rip: str, **fields: object) -> list[Document]:
    return [{"rip": rip, "forwarding_method": "tunnel", **fields}]


@dataclass(frozen=True, slots=True)
class Tunnels:
    """A cluster in which each virtual server has a tunnel of another kind to its real server.

    `alone` are the profiles of one virtual server each, `profiles` those of their real servers.
    """

    made: Rig
    alone: tuple[Path, ...]
    profiles: tuple[Path, ...]

    def served(self, number: int) -> set[str]:
        return set(self.made.served(self.made.services[number], times=1))

    def verified(self, number: int) -> tuple[str, list[Document]]:
        """Return the verdict on one path, and the findings about its real server."""
        host, rip = self.made.lab.realservers[number], (RIPS[0], RIPS[1], RIP6)[number]
        words = ("director", "verify", str(self.alone[number]), *SHORTLY, "--format", "json")
        with serving(host, [self.made.services[number]]):
            said = json.loads(program.run(self.made.lab.director, *words).stdout)
        (verdict,) = (path["verdict"] for path in said["paths"] if path["rip"] == rip)
        return verdict, [each for each in said["findings"] if each["rip"] == rip]


@pytest.fixture(scope="module")
def tunnels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunnels]:
    folder = tmp_path_factory.mktemp("tunnels")
    gue = tunnelled(RIPS[1], tunnel_type="gue", tunnel_port=PORT)
    servers = (
        virtual_server(real_servers=tunnelled(RIPS[0], tunnel_type="gre")),
        virtual_server(port=81, real_servers=gue),
        virtual_server(VIP6, real_servers=tunnelled(RIP6)),
    )
    alone = tuple(write(folder, director(each), f"alone{n}") for n, each in enumerate(servers))
    held = [realserver("gre0"), realserver("tunl0"), realserver("ip6tnl0", vips=[VIP6])]
    profiles = tuple(write(folder, each, f"rs{number}") for number, each in enumerate(held))
    with rig(folder, director(*servers), realserver()) as made:
        # Their links appear in every host at once, and stay.
        made.lab.director.run("modprobe", "-a", "ip_gre", "ip6_tunnel", "fou", "sit")
        lvsdr(made.lab.director, "director", "apply", made.director)
        yield Tunnels(made, alone, profiles)


@contextmanager
def applied(tunnels: Tunnels, number: int) -> Iterator[Host]:
    """Give a real server to which its profile is applied; take it back at the end."""
    host = tunnels.made.lab.realservers[number]
    lvsdr(host, "realserver", "apply", tunnels.profiles[number])
    try:
        yield host
    finally:
        lvsdr(host, "realserver", "withdraw", tunnels.profiles[number])


@contextmanager
def open_port(host: Host) -> Iterator[None]:
    host.run("ip", "fou", "add", "port", str(PORT), "gue")
    try:
        yield
    finally:
        host.run("ip", "fou", "del", "port", str(PORT))


def rules(found: list[Document]) -> list[str]:
    return [each["rule"] for each in found]


@pytest.mark.parametrize(
    ("number", "link"), [(GRE, "gre0"), (GUE, "tunl0"), (SIX, "ip6tnl0")], ids=["gre", "gue", "six"]
)
def test_a_client_is_served_through_the_tunnel_and_verify_sees_it(
    tunnels: Tunnels, number: int, link: str
) -> None:
    before = state(tunnels.made.lab.realservers[number])

    with ExitStack() as stack:
        host = stack.enter_context(applied(tunnels, number))
        if number == GUE:
            stack.enter_context(open_port(host))
        served, (verdict, _) = tunnels.served(number), tunnels.verified(number)
        silent = lvsdr(host, "realserver", "verify", tunnels.profiles[number])
        with for_now(host, do=f"link set {link} down", undo=f"link set {link} up"):
            refused, (closed, found) = tunnels.served(number), tunnels.verified(number)

    assert (served, verdict) == ({host.name}, "served")
    assert "no findings" in silent
    assert refused != {host.name}
    assert (closed, rules(found)) == ("no-tunnel", ["PATH-NO-TUNNEL"])
    assert f"ip link set {link} up" in found[0]["hint"]
    assert state(host) == before


def test_gue_needs_its_port_and_the_hint_opens_it(tunnels: Tunnels) -> None:
    with applied(tunnels, GUE) as host:
        refused, (closed, found) = tunnels.served(GUE), tunnels.verified(GUE)
        host.run("sh", "-c", found[0]["hint"])
        served, (verdict, _) = tunnels.served(GUE), tunnels.verified(GUE)
        host.run("ip", "fou", "del", "port", str(PORT))

    assert (refused, closed) == ({"no answer ([Errno 111] Connection refused)"}, "no-tunnel")
    assert (served, verdict) == ({host.name}, "served")


def test_a_strict_filter_drops_what_comes_out_of_gre(tunnels: Tunnels) -> None:
    """What the holder's own setting keeps from happening."""
    with applied(tunnels, GRE) as host:
        settings(host, {"gre0/rp_filter": 1})
        missed, (verdict, found) = tunnels.served(GRE), tunnels.verified(GRE)
        settings(host, {"gre0/rp_filter": 2})

    assert missed == {"no answer (timed out)"}
    assert (verdict, rules(found)) == ("filtered", ["PATH-FILTERED"])
    assert "gre0" in found[0]["look"]


def test_a_loose_filter_drops_it_too_where_the_vip_is_on_lo(
    tunnels: Tunnels, tmp_path: Path
) -> None:
    """As Debian 13 has it: linux-sysctl-defaults sets 2 on each link, and gre0 has no address."""
    host = tunnels.made.lab.realservers[GRE]
    on_lo = write(tmp_path, realserver("lo"), "lo")
    before = state(host)
    filters = [f"net/ipv4/conf/{scope}/rp_filter" for scope in ("all", "gre0", "eth0")]
    were = [host.run("sysctl", "-n", each).stdout.strip() for each in filters]

    with for_now(host, do="link set gre0 up", undo="link set gre0 down"):
        lvsdr(host, "realserver", "apply", on_lo)
        settings(host, {"all/rp_filter": 0, "gre0/rp_filter": 2, "eth0/rp_filter": 2})
        missed = tunnels.served(GRE)
        done = program.run(host, "realserver", "verify", str(on_lo), "--format", "json")
        (finding,) = json.loads(done.stdout)["findings"]
        host.run("sh", "-c", finding["hint"])
        served = tunnels.served(GRE)
        mended = lvsdr(host, "realserver", "verify", on_lo)
        lvsdr(host, "realserver", "withdraw", on_lo)
    for each, value in zip(filters, were, strict=True):
        host.sysctl(each, value)

    assert missed == {"no answer (timed out)"}
    assert (done.returncode, finding["rule"], finding["subject"]) == (1, "RP-FILTER", "gre0")
    assert finding["look"] == 'or write "holder": "gre0" in the profile'
    assert served == {host.name}
    assert "no findings" in mended
    assert state(host) == before


def test_ipv6_goes_through_a_tunnel_over_ipv4(tunnels: Tunnels, tmp_path: Path) -> None:
    """In sit0, which no holder is: set up by hand, as lvsdr check says."""
    lab = tunnels.made.lab
    host = lab.realservers[0]
    to_it = director(virtual_server(VIP6, real_servers=tunnelled(RIPS[0])), name="six")
    held = realserver("lo", vips=[VIP6], name="six")
    profiles = write(tmp_path, to_it), write(tmp_path, held)
    host.ip("address add fd00::11/64 dev eth0 nodad", "route add default via fd00::1")
    words = ("director", "verify", str(profiles[0]), *SHORTLY, "--format", "json")

    lvsdr(host, "realserver", "apply", profiles[1])
    with serving(host, [tunnels.made.services[SIX]]):
        closed = json.loads(program.run(lab.director, *words).stdout)["paths"]
        host.run("sh", "-c", closed[0]["hint"])
        opened = json.loads(program.run(lab.director, *words).stdout)["paths"]
    lvsdr(host, "realserver", "withdraw", profiles[1])
    host.ip(
        "link set sit0 down", "address del fd00::11/64 dev eth0", "route del default via fd00::1"
    )

    assert [path["verdict"] for path in closed + opened] == ["no-tunnel", "served"]


# --- what does not fit ---------------------------------------------------------------------------


@pytest.fixture
def ipip(tunnels: Tunnels, tmp_path: Path) -> Iterator[Path]:
    """One more virtual server, whose tunnel is IPIP and whose real server is set up for it."""
    server = virtual_server(port=82, real_servers=tunnelled(RIPS[1]))
    profile = write(tmp_path, director(server, name="ipip"))
    lvsdr(tunnels.made.lab.director, "director", "apply", profile)
    with applied(tunnels, GUE):
        yield profile
    lvsdr(tunnels.made.lab.director, "director", "withdraw", profile)


def test_a_packet_that_does_not_fit_gets_its_answer(tunnels: Tunnels, ipip: Path) -> None:
    client = tunnels.made.lab.client

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            sending.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
            for length in (1500, 1480):
                sending.sendto(bytes(length - 28), (VIP, 82))

    udp = virtual_server(protocol="udp", port=82, real_servers=tunnelled(RIPS[1]))
    profile = write(ipip.parent, director(udp, name="udp"))
    lvsdr(tunnels.made.lab.director, "director", "apply", profile)
    with captured(client, "eth0", "icmp") as frames:
        client.inside(send)
    lvsdr(tunnels.made.lab.director, "director", "withdraw", profile)
    known = client.run("ip", "route", "get", VIP).stdout

    answers = [frame[34:42] for frame in frames if frame[34:36] == FRAGMENTATION_NEEDED]
    assert [int.from_bytes(answer[6:8]) for answer in answers] == [1480]
    assert "mtu 1480" in known


def test_clamping_is_advised_and_the_hint_does_it(tunnels: Tunnels, ipip: Path) -> None:
    host = tunnels.made.lab.realservers[1]
    service = Service("tcp", ip_address(VIP), 82)
    words = ("director", "verify", ipip, *SHORTLY)

    with serving(host, [service]):
        (advised,) = verified(tunnels.made.lab.director, *words, expect=0)
        # This kernel has no nftables to stand behind the other one.
        host.run("sh", "-c", advised["hint"].replace("iptables", "iptables-legacy"))
        clamped = verified(tunnels.made.lab.director, *words, expect=0)
        with captured(tunnels.made.lab.client, "eth0", "tcp[13] = 0x12") as frames:
            served = ask(tunnels.made.lab.client, service, [ip_address(CLIENT)], 1)
    host.run("iptables-legacy", "-t", "mangle", "-F")

    assert (advised["rule"], advised["severity"], advised["rip"]) == (
        "TUNNEL-MTU",
        "warning",
        RIPS[1],
    )
    assert clamped == []
    assert served == {host.name: 1}
    # The first option of the answer to a SYN: kind 2, length 4, the longest segment.
    assert {frame[54:58] for frame in frames} == {bytes((2, 4)) + (1440).to_bytes(2)}


# --- health checks -------------------------------------------------------------------------------

# With one real server for each service, the gateway alone shows that silence is no blindness.
HTTP_HEALTH = {
    "interval": 0.5,
    "timeout": 0.4,
    "when_all_fail": "drop",
    "check": {"http": {"path": "/", "contains": "I am alive"}},
}
LINKS = {GRE: "gre0", GUE: "tunl0", SIX: "ip6tnl0"}


def test_http_is_asked_through_each_tunnel_and_one_that_is_down_is_out(
    tunnels: Tunnels, tmp_path: Path
) -> None:
    there, whole = tunnels.made.lab.director, json.loads(tunnels.made.director.read_text())
    profile = write(tmp_path, {**whole, "health": HTTP_HEALTH})
    places = ((VIP, 80), (VIP, 81), (VIP6, 80))
    names = (f"{VIP}:80", f"{VIP}:81", f"[{VIP6}]:80")

    def out() -> list[str]:
        return [line.split()[2] for line in ipvsadm(there) if " -w 0" in line]

    seen = dict[int, list[str]]()
    none = list[str]()
    with ExitStack() as stack:
        realservers = [stack.enter_context(applied(tunnels, number)) for number in LINKS]
        stack.enter_context(open_port(realservers[GUE]))
        for host, place in zip(realservers, places, strict=True):
            stack.enter_context(pages(host, *place))
        with keeping(there, "director", profile) as keeper:
            assert settled(lambda: sum(Page.seen.values()) > 30, True, 20.0)
            before = out()
            for number, link in LINKS.items():
                realservers[number].ip(f"link set {link} down")
                seen[number] = settled(out, [names[number]], 20.0)
                # With the link its VIP of IPv6 has gone.
                lvsdr(realservers[number], "realserver", "apply", tunnels.profiles[number])
                assert settled(out, none, 20.0) == none
            keeper.end()
    lvsdr(there, "director", "apply", tunnels.made.director)

    said = [f"{each['time']} {each['event']} {each['message']}" for each in keeper.events]
    assert before == none
    assert seen == {number: [name] for number, name in enumerate(names)}, "\n".join(said)
