"""Every read is torn once: whatever goes between two reads of a command, it ends as it should."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from time import monotonic, sleep

import pytest

from fake import LO, FakeEars, FakeKernel, FakeSession, host
from lvsdr.cli.main import run
from lvsdr.keepalived import announcing, rivals
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_link import Links, RawLink
from lvsdr.kernel.views import route_lookups
from lvsdr.model.address import host_network
from lvsdr.model.host import Host, HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.neighbour_claim import Answer, NeighbourClaim
from lvsdr.model.objects import (
    GUARD_METRIC,
    Address,
    Key,
    Link,
    Object,
    ProxyNeighbour,
    Route,
    Sysctl,
)
from lvsdr.model.route_lookup import GONE, Packet, RouteTo
from netlink_wire import Wire, answer

PROFILES = Path(__file__).parent.parent / "profiles"
DIRECTOR, REALSERVER = str(PROFILES / "director.json"), str(PROFILES / "realserver.json")
VIP, RIP = ip_address("192.168.1.2"), "192.168.1.11"
WEB = Service("tcp", VIP, 80)
ETH0 = HostLink("eth0", mac="02:00:00:00:00:10", index=2)
ETH1 = HostLink("eth1", mac="02:00:00:00:00:11", index=3)
VETH0 = HostLink("veth0", link_kind="veth", mac="02:00:00:00:00:12", index=4)
DUMMY = HostLink("lvsdr0", link_kind="dummy", arp=False, index=5)
LINKS = (ETH0, ETH1, VETH0, DUMMY, LO)
# Both a director and a real server find something here that they have to change.
OBJECTS: tuple[Object, ...] = (
    Link("lo", "loopback", up=True, arp=True),
    Link("lvsdr0", "dummy", up=True, arp=False),
    *(
        Sysctl(f"net/ipv4/conf/{scope}/{name}", "0")
        for scope in ("all", "default", "lo", "eth0", "eth1", "veth0", "lvsdr0")
        for name in ("arp_announce", "arp_ignore", "forwarding", "proxy_arp", "rp_filter")
    ),
    Sysctl("net/ipv4/conf/veth0/arp_ignore", "3"),
    Address("eth0", ip_interface("192.168.1.10/24"), label="eth0"),
    Address("eth1", ip_interface("192.168.1.14/24"), label="eth1"),
    Address("veth0", ip_interface("10.0.0.1/30"), label="veth0"),
    ProxyNeighbour("eth0", VIP),
    ProxyNeighbour("veth0", VIP),
)
SERVED = VirtualServer(WEB, persistence=300)
ELEVEN = RealServer(WEB, ip_address(RIP), 80)
ON_ETH0 = Address("eth0", ip_interface(f"{VIP}/32"), label="eth0:0")
ON_HOLDER = Address("lvsdr0", ip_interface(f"{VIP}/32"), label="lvsdr0", scope="host")
GUARD = Route(host_network(VIP), GUARD_METRIC)

Vanish = Callable[[FakeKernel], None]


def link(name: str) -> Vanish:
    return lambda kernel: kernel.lose_link(name)


def thing(key: Key) -> Vanish:
    return lambda kernel: kernel.lose(key)


VANISHING: dict[str, Vanish] = {
    "nothing, but a link comes": lambda kernel: kernel.gain_link(
        HostLink("veth1", link_kind="veth", mac="02:00:00:00:00:13", index=6),
        ip_interface("10.0.0.5/30"),
    ),
    "another link": link("veth0"),
    "a link of the segment": link("eth1"),
    "the profile's link": link("eth0"),
    "the holder": link("lvsdr0"),
    "the host's own address": thing(OBJECTS[-5].key),
    "another link's address": thing(OBJECTS[-3].key),
    "the VIP on the link": thing(ON_ETH0.key),
    "the VIP on the holder": thing(ON_HOLDER.key),
    "the guard route": thing(GUARD.key),
    "a proxy entry": thing(OBJECTS[-1].key),
    "a virtual server": lambda kernel: kernel.lose_service(SERVED.key),
    "a real server": thing(ELEVEN.key),
}


@dataclass(frozen=True)
class Command:
    """A command line, and those before it that make the host what the command meets."""

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()

    def met(self, root: Path) -> FakeSession:
        """Return the host that the command meets, with the record in `root`."""
        session = FakeSession(
            host(*OBJECTS, links=LINKS), root, [Answer(VIP, "02:00:00:00:00:99", "own")]
        )
        for each in self.before:
            assert run(each, session) == 0
        return session

    def again(self, met: FakeSession, root: Path) -> FakeSession:
        """Return the host that was `met`, and a record like its own in `root`."""
        record = met.book().root
        if record.exists():
            shutil.copytree(record, root)
        kernel = FakeKernel(met.kernel().bare, met.kernel().objects)
        return FakeSession(kernel, root, [Answer(VIP, "02:00:00:00:00:99", "own")])


def notify(state: str) -> tuple[str, ...]:
    options = ("--allow-insecure-profile", "--director", DIRECTOR, "--realserver", REALSERVER)
    return ("keepalived", "notify", *options, "INSTANCE", "VI_1", state, "100")


def of_role(role: str, profile: str, verbs: Iterable[str]) -> dict[str, Command]:
    done = ((role, "apply", profile),)
    words = {verb: (role, verb, profile) for verb in verbs}
    # On a fresh host there is nothing to withdraw, and nothing to read.
    fresh = {f"{role} {verb}": Command(each) for verb, each in words.items() if verb != "withdraw"}
    return fresh | {f"{role} {verb} again": Command(each, done) for verb, each in words.items()}


ROLES = ("plan", "apply", "status", "verify", "withdraw")
COMMANDS = {
    **of_role("director", DIRECTOR, (*ROLES, "announce")),
    **of_role("realserver", REALSERVER, ROLES),
    "director drain": Command(
        ("director", "drain", "--rip", RIP, DIRECTOR), (("director", "apply", DIRECTOR),)
    ),
    "verify a director": Command(("verify", DIRECTOR)),
    "verify a real server": Command(("verify", "--interface", "veth0", REALSERVER)),
    "explain arp": Command(("explain", "arp", "--vip", str(VIP))),
    "explain arp of a link": Command(("explain", "arp", "veth0", "--vip", str(VIP))),
    "watch": Command(("watch", "--for", "0.1", DIRECTOR)),
    "become the master": Command(notify("MASTER")),
    "be the master again": Command(notify("MASTER"), (notify("MASTER"),)),
    "stand by": Command(notify("BACKUP")),
    "give way": Command(notify("BACKUP"), (notify("MASTER"),)),
    "fail": Command(notify("FAULT"), (notify("MASTER"),)),
}
# What they do is not undone as a whole: a standby lets go of the VIPs whatever happens.
PIECEMEAL = {name for name, command in COMMANDS.items() if "keepalived" in command.words}


@pytest.fixture
def tmp_path(in_memory: Path) -> Path:
    return in_memory


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: there is no segment that would have to hear.

    Whoever listens does, as on a segment where nobody speaks, and keeps no CPU busy.
    """
    for module in (announcing, rivals):
        monkeypatch.setattr(module, "sleep", lambda _: None)
    hear = FakeEars.hear

    def heard(self: FakeEars, until: float) -> Iterator[NeighbourClaim]:
        yield from hear(self, until)
        sleep(max(0.0, until - monotonic()))

    monkeypatch.setattr(FakeEars, "hear", heard)


@pytest.mark.parametrize("vanish", VANISHING.values(), ids=VANISHING)
@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_goes_between_two_reads_a_command_ends_as_it_should(
    name: str, vanish: Vanish, tmp_path: Path
) -> None:
    command = COMMANDS[name]
    met = command.met(tmp_path / "met")
    whole = command.again(met, tmp_path / "whole")
    # Where nothing goes that is there, the command does what it does here.
    torn: list[int] = []

    def reading(kernel: FakeKernel) -> None:
        if goes(kernel, vanish):
            torn.append(kernel.reads)

    whole.kernel().reading = reading

    code = run(command.words, whole)

    assert whole.kernel().reads, "there is something to tear"
    assert 0 <= code <= 6
    if code > 1 and name not in PIECEMEAL:
        assert not differing(whole.kernel(), met.kernel())
    for number in torn:
        session = command.again(met, tmp_path / str(number))
        kernel = session.kernel()
        kernel.torn, kernel.vanish = number, vanish

        code = run(command.words, session)

        assert 0 <= code <= 6
        if code > 1 and name not in PIECEMEAL:
            assert differing(kernel, met.kernel()) <= lost(met.kernel(), vanish), (number, code)


def differing(kernel: FakeKernel, other: FakeKernel) -> set[Key]:
    keys = kernel.objects.keys() | other.objects.keys()
    return {key for key in keys if kernel.objects.get(key) != other.objects.get(key)}


def goes(whole: FakeKernel, vanish: Vanish) -> bool:
    """Return whether there is anything to go, or to come."""
    kernel = FakeKernel(whole.bare, whole.objects)
    vanish(kernel)
    return kernel.bare is not whole.bare or kernel.objects != whole.objects


def lost(whole: FakeKernel, vanish: Vanish) -> set[Key]:
    kernel = FakeKernel(whole.bare, whole.objects)
    vanish(kernel)
    return differing(kernel, whole)


@pytest.mark.parametrize("links", [{}, {4: RawLink(4, "veth0")}], ids=["before", "after"])
def test_a_packet_that_arrives_on_a_link_that_has_gone_has_no_way(links: Links) -> None:
    packet = Packet(VIP, ip_address(RIP), "veth0")

    with Sockets() as sockets:
        sockets._rtnetlink = Wire(answer(errno.ENODEV))
        found = route_lookups.routes(sockets, links, [packet])

    assert found == {packet: RouteTo(GONE)}


@pytest.mark.parametrize(
    "words",
    [("realserver", "verify", REALSERVER), ("explain", "arp"), ("verify", DIRECTOR)],
    ids=["realserver verify", "explain arp", "verify"],
)
def test_links_are_read_once_for_one_answer(words: tuple[str, ...], tmp_path: Path) -> None:
    session = Command(words).met(tmp_path)
    kernel, read = session.kernel(), 0
    whole = kernel.read_host

    def counted() -> Host:
        nonlocal read
        read += 1
        return whole()

    kernel.read_host = counted  # type: ignore[method-assign]
    run(words, session)

    assert read == 1
