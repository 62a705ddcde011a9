"""A kernel that is a dictionary, a wire that is a set, and a session that uses both."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import pytest

from lvsdr.cli.session import Session
from lvsdr.core import announced_vips
from lvsdr.core.book import Book
from lvsdr.errors import CannotRun, KernelError, LvsdrError
from lvsdr.model.address import IPAddress, IPInterface, host_network
from lvsdr.model.change import Change, Plan
from lvsdr.model.client_connections import ConnectionQuestion, ConnectionsSeen, FirstPacket
from lvsdr.model.counters import Counters
from lvsdr.model.folded_servers import ListedIf, WasAndWanted
from lvsdr.model.foreign_program import Checker
from lvsdr.model.host import TABLE_LOCAL, HeldAddress, Host, HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.neighbour_claim import Answer, Heard, NeighbourClaim
from lvsdr.model.next_hop import HopAnswer, NextHop
from lvsdr.model.objects import (
    NOTHING,
    Address,
    Key,
    Link,
    Object,
    Objects,
    ProxyNeighbour,
    Sysctl,
    keyed,
)
from lvsdr.model.path import Path as Route
from lvsdr.model.path import PathVerdict, Proof, RealServerRoute, SharedMac
from lvsdr.model.route_lookup import GONE, ForwardingOutcome, Packet, RouteTo, UnicastRoute
from lvsdr.model.servers_in_columns import one_by_one
from lvsdr.model.table_state import TableState
from lvsdr.proof.segment_hosts import Question
from lvsdr.proof.watching import Ears

Item = TypeVar("Item", bound=Object)

ETH0 = HostLink("eth0", mac="02:00:00:00:00:10")
LO = HostLink("lo", link_kind="loopback", loopback=True)


class FakeKernel:
    """Objects by key; `refuse` lists the numbers of the changes that it will not take.

    Numbers count every change that was ever sent, from 0, those that undo included. Reads are
    counted in the same way, one for each request that the real kernel would get: `torn` is the
    number of one before which `vanish` takes something away. `reading` is called before each.
    """

    def __init__(self, bare: Host, objects: Objects | None = None) -> None:
        self.objects = dict(objects or {})
        self.refuse: Collection[int] = ()
        # Whether a real server is refused whose virtual server is not there.
        self.needs_services = False
        self.errno = errno.EBUSY
        self.forget: Collection[int] = ()
        self.sent: list[Change] = []
        self.counted: dict[Key, Counters] = {}
        self.connected = ConnectionsSeen()
        self.checking: tuple[Checker, ...] = ()
        self.former: tuple[Checker, ...] = ()
        self.table = TableState()
        self.missing: CannotRun | None = None
        self.reads = 0
        self.torn: int | None = None
        self.vanish: Callable[[FakeKernel], None] = lambda _: None
        self.reading: Callable[[FakeKernel], None] = lambda _: None
        self.bare = bare
        # A virtual server takes its real servers along; where not, each refusal shows by itself.
        self.takes_along = True
        self._gone: set[str] = set()

    def lose_link(self, name: str) -> None:
        """Take a link away, and with it whatever is on it."""
        self._gone.add(name)
        links = {each: link for each, link in self.bare.links.items() if each != name}
        kept = tuple(each for each in self.bare.addresses if each.link != name)
        self.bare = replace(self.bare, links=links, addresses=kept)
        self.lose(*(key for key, item in self.objects.items() if link_of(item) == name))

    def gain_link(self, link: HostLink, ip: IPInterface) -> None:
        """Let a link come, with an address."""
        held = (*self.bare.addresses, HeldAddress(link.name, ip))
        self.bare = replace(self.bare, links={**self.bare.links, link.name: link}, addresses=held)

    def lose_service(self, service: Key) -> None:
        """Take a virtual server away, and with it its real servers."""
        self.lose(service, *self.children({service}))

    def lose(self, *keys: Key) -> None:
        """Take objects away."""
        for key in keys:
            self.objects.pop(key, None)

    def _read(self) -> None:
        self.reading(self)
        number, self.reads = self.reads, self.reads + 1
        if number == self.torn:
            self.vanish(self)

    def _there(self, kind: type[Item]) -> list[Item]:
        """Read the objects of one kind."""
        self._read()
        return [item for item in self.objects.values() if isinstance(item, kind)]

    def read_host(self) -> Host:
        self._read()
        links = self.bare.links
        held = self._there(Address)
        addresses = self.bare.addresses
        paths = {item.path: item.value for item in self._there(Sysctl)}
        return Host(
            links,
            (*addresses, *(HeldAddress(each.link, each.ip, each.scope) for each in held)),
            {**self.bare.sysctls, **paths},
            tuple(item for item in self._there(ProxyNeighbour) if item.there),
        )

    def inspect(
        self, packets: Callable[[Host], Iterable[Packet]], *, table: bool, others: bool = True
    ) -> Host:
        """Look no further than the links, the addresses and the objects."""
        host = self.read_host()
        own = {host_network(ip) for ip in host.ips if ip.version == 4}
        host = replace(host, local_routes={TABLE_LOCAL: frozenset(own)})
        if table:
            services, servers = self.virtual_servers(), tuple(self._there(RealServer))
            host = replace(host, virtual_servers=services, real_servers=servers)
        return replace(host, routes={packet: self._route(packet) for packet in packets(host)})

    def fingerprints(self, services: Iterable[Service]) -> dict[Key, str]:
        there = [item for item in self._there(RealServer) if isinstance(item, RealServer)]
        return {
            each.key: self.fingerprint(item for item in there if item.service == each)
            for each in services
        }

    def listed_if(self, servers: Mapping[Service, Sequence[WasAndWanted]]) -> dict[Key, ListedIf]:
        found = {}
        for service, some in servers.items():
            named = {was.key: was for was, _ in some}
            there = [it for it in self._there(RealServer) if isinstance(it, RealServer)]
            here = [it for it in there if it.service == service]
            before = [named.get(it.key, it) for it in here]
            exact = all(wanted in here for _, wanted in some)
            found[service.key] = ListedIf(self.fingerprint(here), self.fingerprint(before), exact)
        return found

    def fingerprint(self, servers: Iterable[RealServer]) -> str:
        return repr(sorted(servers, key=lambda each: str(each.key)))

    def virtual_servers(self) -> tuple[VirtualServer, ...]:
        return tuple(self._there(VirtualServer))

    def checkers(self) -> tuple[Checker, ...]:
        self._read()
        return self.checking

    def former_checkers(self) -> tuple[Checker, ...]:
        return self.former

    def _route(self, packet: Packet) -> RouteTo:
        """Look no further than the addresses: what is on a link is local, all else is near."""
        self._read()
        if packet.arriving in self._gone:
            return RouteTo(GONE)
        objects = self.objects.values()
        held = [(item.link, item.ip) for item in objects if isinstance(item, Address)]
        pairs = [*((each.link, each.ip) for each in self.bare.addresses), *held]
        if any(ip.ip == packet.destination for _, ip in pairs):
            return RouteTo("local", "lo", source=packet.destination)
        near = next(((link, ip) for link, ip in pairs if packet.destination in ip.network), None)
        if near is None:
            return self._to_far_hosts(packet)
        return RouteTo("unicast", near[0], source=None if packet.arriving else near[1].ip)

    def _to_far_hosts(self, packet: Packet) -> RouteTo:
        """Return the default route, by a gateway on eth0."""
        if packet.arriving is not None or "eth0" not in self.bare.links:
            return RouteTo("unreachable")
        gateway = ip_address("192.0.2.254" if packet.destination.version == 4 else "fe80::1")
        return RouteTo("unicast", "eth0", gateway)

    def unicast_routes(self, destinations: Iterable[IPAddress]) -> dict[IPAddress, UnicastRoute]:
        """Look no further than the addresses."""
        routes = {each: self._route(Packet(each)) for each in destinations}
        return {
            each: UnicastRoute(host_network(each), str(route.link))
            for each, route in routes.items()
            if route.kind == "unicast"
        }

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        found: dict[Key, Object] = {}
        for kind in dict.fromkeys(key[0] for key in keys):
            self._read()
            found |= {
                key: self.objects[key] for key in keys if key[0] == kind and key in self.objects
            }
        # A link that has gone may come again, and one of ours is to come, with those of `default`.
        settings = (Sysctl(str(key[1]), "0") for key in keys if key[0] == Sysctl.kind)
        gone = (each for each in settings if link_of(each) in self._gone or _is_of_ipv6(each))
        return keyed(gone) | found

    def children(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        self._read()
        objects = self.objects.values()
        return keyed(item for item in objects if item.parent_key in keys)

    def counters(
        self, services: Collection[Key], rips: Collection[str] = ()
    ) -> dict[Key, Counters]:
        """Return what was said of the virtual servers and their real servers, else zeros."""
        self._read()
        objects = self.objects.values()
        keys = [item.key for item in objects if {item.key, item.parent_key} & set(services)]
        keys = [key for key in keys if not rips or key[-2] in rips]
        return {key: self.counted.get(key, Counters()) for key in keys}

    def connections(self, question: ConnectionQuestion) -> ConnectionsSeen:
        """Return what was said of the connections, else none."""
        self._read()
        return self.connected

    def routes(self, packets: Iterable[Packet]) -> dict[Packet, RouteTo]:
        return {packet: self._route(packet) for packet in packets}

    def table_state(self) -> TableState:
        return self.table

    def know(self, todo: Plan) -> None:
        """Know every setting; the real kernel is tested in the lab."""

    def require(self, todo: Plan) -> None:
        if todo and self.missing is not None:
            raise self.missing

    def execute(self, changes: Iterable[Change]) -> None:
        for change in one_by_one(changes):
            number = len(self.sent)
            self.sent.append(change)
            if number in self.refuse:
                raise KernelError(f"cannot {change.verb} {change.subject}", errno=self.errno)
            if number not in self.forget:
                self._take(change)

    def attempt(self, changes: Iterable[Change]) -> list[LvsdrError]:
        refused: list[LvsdrError] = []
        for change in changes:
            try:
                self.execute((change,))
            except LvsdrError as error:
                refused.append(error)
        return refused

    def _take(self, change: Change) -> None:
        if self.torn is None:
            assert self.objects.get(change.key) == change.before, "the plan knew how it was"
            if self.needs_services and change.after is not None and not self._served(change):
                raise KernelError(f"cannot {change.verb} {change.subject}", errno=errno.ESRCH)
        elif link_of(change.subject) in self._gone or not self._fits(change):
            raise KernelError(f"cannot {change.verb} {change.subject}", errno=errno.ENODEV)
        if change.after is None:
            del self.objects[change.key]
            if self.takes_along and isinstance(change.before, VirtualServer):
                self.lose(*self.children({change.key}))
        else:
            self.objects[change.key] = change.after

    def _fits(self, change: Change) -> bool:
        """Return whether all is still as the change takes it to be."""
        return self._served(change) and self.objects.get(change.key) == change.before

    def _served(self, change: Change) -> bool:
        """Return whether the virtual server of a real server is there."""
        below = change.subject.parent_key
        return below is None or below[0] != VirtualServer.kind or below in self.objects

    def reopen(self) -> None:
        pass

    def __enter__(self) -> FakeKernel:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _is_of_ipv6(item: Sysctl) -> bool:
    return item.path.endswith("/disable_ipv6")


def link_of(item: Object) -> str | None:
    """Return the link that an object is, or is on; None for one that is on none."""
    if isinstance(item, Sysctl):
        parts = item.path.split("/")
        return parts[3] if len(parts) == 5 and parts[2] == "conf" else None
    if isinstance(item, Link):
        return item.name
    return item.link if isinstance(item, Address | ProxyNeighbour) else None


class FakeEars:
    """Hears the same again and again, asked or not."""

    def __init__(self, heard: list[NeighbourClaim]) -> None:
        self._heard = heard

    def ask(self, source4: object, source6: object) -> None:
        """Ask."""

    def reopen(self) -> None:
        """Listen again."""

    def hear(self, until: float) -> Iterator[NeighbourClaim]:
        yield from self._heard

    def count_lost(self) -> int:
        return 0


class FakeHearing:
    """Has heard the same first packets, whenever asked."""

    def __init__(self, packets: list[FirstPacket]) -> None:
        self._packets = packets

    def heard(self) -> list[FirstPacket]:
        return self._packets


class FakeSession(Session):
    """A session on a fake kernel, with its record in `root`."""

    def __init__(self, kernel: FakeKernel, root: Path, heard: Iterable[Answer] = ()) -> None:
        super().__init__()
        self._kernel = kernel
        self._root = root
        self._heard = frozenset(heard)
        self.announced: list[IPAddress] = []
        self.asked: list[Question] = []
        self.asked_briefly: list[Question] = []
        self.gateways: tuple[IPAddress, ...] = ()
        self.awake: Collection[IPAddress] = ()
        self.probed: list[Route] = []
        self.hops: list[NextHop] = []
        self.verdicts: dict[str, PathVerdict] = {}
        self.fated: dict[IPAddress, ForwardingOutcome] = {}
        self.overheard: list[NeighbourClaim] = []
        self.first_packets: list[FirstPacket] = []
        self.shared: list[SharedMac] = []
        self.frames_lost = 0

    def kernel(self, pause: Callable[[], None] | None = None) -> FakeKernel:
        return self._kernel

    def book(self) -> Book:
        return Book("test", self._root)

    def next_hops(self, link: str | None = None) -> tuple[IPAddress, ...]:
        return self.gateways

    def told(
        self, link: str, vips: Iterable[IPAddress], neighbours: Collection[IPAddress]
    ) -> frozenset[tuple[IPAddress, IPAddress]]:
        return frozenset((one, vip) for vip in vips for one in neighbours if one in self.awake)

    def ask_briefly(self, question: Question) -> Heard:
        self.asked_briefly.append(question)
        known = (each for each in self._heard if each.address in question.addresses)
        return Heard(frozenset(known), self.frames_lost)

    @contextmanager
    def announcer(self, link: str) -> Iterator[FakeSession]:
        with pytest.MonkeyPatch.context() as patch:
            # There is nobody who could miss one.
            patch.setattr(announced_vips, "INTERVAL", 0.0)
            yield self

    def announce(self, vips: Iterable[IPAddress], *, count: int = 3, interval: float = 0.1) -> None:
        self.announced += vips

    def ears(self, link: str, addresses: tuple[IPAddress, ...]) -> AbstractContextManager[Ears]:
        return nullcontext(FakeEars([s for s in self.overheard if s.address in addresses]))

    def hear(
        self, links: Sequence[str], vips: Sequence[IPAddress], udp: bool
    ) -> AbstractContextManager[FakeHearing]:
        return nullcontext(FakeHearing(self.first_packets))

    def ask(self, question: Question) -> Heard:
        self.asked.append(question)
        return Heard(self._heard, self.frames_lost)

    def tell_apart(
        self, question: Question, macs: Mapping[IPAddress, Collection[str]]
    ) -> Iterable[SharedMac]:
        return self.shared

    def follow(self, ways: Mapping[IPAddress, str]) -> Mapping[IPAddress, ForwardingOutcome]:
        return {address: self.fated.get(address, ForwardingOutcome("silent")) for address in ways}

    def ask_hops(self, hops: Sequence[NextHop]) -> Mapping[NextHop, HopAnswer]:
        self.hops += hops
        return {hop: HopAnswer(("02:00:00:00:00:01",), "shown") for hop in hops}

    def probe(self, paths: Sequence[Route], routes: Sequence[RealServerRoute]) -> Sequence[Proof]:
        self.probed += paths
        return [Proof(path, self.verdicts.get(str(path.rip), "served")) for path in paths]


def host(*objects: Object, links: Iterable[HostLink] = (ETH0, LO)) -> FakeKernel:
    """Return a kernel with `links`, and `objects` there."""
    return FakeKernel(Host({link.name: link for link in links}), keyed(objects))
