"""A kernel that is a dictionary, a wire that is a set, and a session that uses both."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from lvsdr.cli.session import Session
from lvsdr.core.book import Book
from lvsdr.errors import CannotRun, KernelError, LvsdrError
from lvsdr.model.address import IPAddress, host_network
from lvsdr.model.change import Change, Plan
from lvsdr.model.counters import Counters
from lvsdr.model.finding import Answer
from lvsdr.model.inspection import HeldAddress, Inspection, Packet
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import (
    NOTHING,
    Address,
    Key,
    Object,
    Objects,
    ProxyNeighbour,
    Sysctl,
    keyed,
)
from lvsdr.model.path import Approach, PathVerdict, Proof
from lvsdr.model.path import Path as Route
from lvsdr.model.route_lookup import Fate, Leading, RouteTo
from lvsdr.model.survey import Survey, SurveyedLink
from lvsdr.model.watch_event import Spoken
from lvsdr.proof.verification import Question
from lvsdr.proof.watching import Ears

ETH0 = SurveyedLink("eth0", mac="02:00:00:00:00:10")
LO = SurveyedLink("lo", link_kind="loopback", loopback=True)


class FakeKernel:
    """Objects by key; `refuse` lists the numbers of the changes that it will not take.

    Numbers count every change that was ever sent, from 0, those that undo included.
    """

    def __init__(self, survey: Survey, objects: Objects | None = None) -> None:
        self.objects = dict(objects or {})
        self.refuse: Collection[int] = ()
        self.errno = errno.EBUSY
        self.forget: Collection[int] = ()
        self.sent: list[Change] = []
        self.counted: dict[Key, Counters] = {}
        self.missing: CannotRun | None = None
        self._survey = survey

    def survey(self) -> Survey:
        objects = self.objects.values()
        paths = {item.path: item.value for item in objects if isinstance(item, Sysctl)}
        addresses = tuple((item.link, item.ip) for item in objects if isinstance(item, Address))
        return Survey(
            self._survey.links,
            (*self._survey.addresses, *addresses),
            {**self._survey.sysctls, **paths},
            tuple(item for item in objects if isinstance(item, ProxyNeighbour) and item.there),
        )

    def inspect(self, packets: Iterable[Packet], *, table: bool) -> Inspection:
        """Look no further than the survey and the objects."""
        survey, objects = self.survey(), self.objects.values()
        held = [item for item in objects if isinstance(item, Address)]
        surveyed = (HeldAddress(link, ip) for link, ip in self._survey.addresses)
        servers = (item for item in objects if isinstance(item, RealServer))
        return Inspection(
            survey,
            (*surveyed, *(HeldAddress(item.link, item.ip, item.scope) for item in held)),
            survey.sysctls,
            routes={
                packet: self.route_to(
                    packet.destination, source=packet.source, arriving=packet.arriving
                )
                for packet in packets
            },
            real_servers=tuple(servers) if table else (),
        )

    def route_to(
        self,
        destination: IPAddress,
        *,
        source: IPAddress | None = None,
        arriving: str | None = None,
    ) -> RouteTo:
        """Look no further than the addresses: what is on a link is local, all else is near."""
        survey = self.survey()
        if survey.links_with(destination):
            return RouteTo("local", "lo", source=destination)
        near = next(
            ((link, ip) for link, ip in survey.addresses if destination in ip.network), None
        )
        if near is None:
            return RouteTo("unreachable")
        return RouteTo("unicast", near[0], source=None if arriving else near[1].ip)

    def leading(self, destinations: Iterable[IPAddress]) -> dict[IPAddress, Leading]:
        """Look no further than `route_to`."""
        ways = {each: self.route_to(each) for each in destinations}
        return {
            each: Leading(host_network(each), str(way.link))
            for each, way in ways.items()
            if way.kind == "unicast"
        }

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        return {key: self.objects[key] for key in keys if key in self.objects}

    def tenants(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        objects = self.objects.values()
        return keyed(item for item in objects if item.needs in keys)

    def counters(self, services: Collection[Key]) -> dict[Key, Counters]:
        """Return what was said of the virtual servers and their real servers, else zeros."""
        objects = self.objects.values()
        keys = [item.key for item in objects if {item.key, item.needs} & set(services)]
        return {key: self.counted.get(key, Counters()) for key in keys}

    def require(self, todo: Plan) -> None:
        if todo and self.missing is not None:
            raise self.missing

    def execute(self, changes: Iterable[Change]) -> None:
        for change in changes:
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
        assert self.objects.get(change.key) == change.before, "the plan knew how it was"
        if change.after is None:
            del self.objects[change.key]
        else:
            self.objects[change.key] = change.after

    def reopen(self) -> None:
        pass

    def __enter__(self) -> FakeKernel:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class FakeEars:
    """Hears the same again and again, asked or not."""

    def __init__(self, heard: list[Spoken]) -> None:
        self._heard = heard

    def ask(self, source4: object, source6: object) -> None:
        """Ask."""

    def reopen(self) -> None:
        """Listen again."""

    def hear(self, until: float) -> Iterator[Spoken]:
        yield from self._heard


class FakeSession(Session):
    """A session on a fake kernel, with its record in `root`."""

    def __init__(self, kernel: FakeKernel, root: Path, heard: Iterable[Answer] = ()) -> None:
        super().__init__()
        self._kernel = kernel
        self._root = root
        self._heard = frozenset(heard)
        self.announced: list[IPAddress] = []
        self.asked: list[Question] = []
        self.probed: list[Route] = []
        self.verdicts: dict[str, PathVerdict] = {}
        self.fated: dict[IPAddress, Fate] = {}
        self.overheard: list[Spoken] = []

    def kernel(self) -> FakeKernel:
        return self._kernel

    def book(self) -> Book:
        return Book("test", self._root)

    @contextmanager
    def announcer(self, link: str) -> Iterator[FakeSession]:
        yield self

    def announce(self, vips: Iterable[IPAddress], *, count: int = 3, interval: float = 0.1) -> None:
        self.announced += vips

    def ears(self, link: str, addresses: tuple[IPAddress, ...]) -> AbstractContextManager[Ears]:
        return nullcontext(FakeEars([s for s in self.overheard if s.address in addresses]))

    def ask(self, question: Question) -> frozenset[Answer]:
        self.asked.append(question)
        return self._heard

    def follow(self, ways: Mapping[IPAddress, str]) -> Mapping[IPAddress, Fate]:
        return {address: self.fated.get(address, Fate("silent")) for address in ways}

    def probe(self, paths: Sequence[Route], approaches: Sequence[Approach]) -> Sequence[Proof]:
        self.probed += paths
        return [Proof(path, self.verdicts.get(str(path.rip), "served")) for path in paths]


def host(*objects: Object, links: Iterable[SurveyedLink] = (ETH0, LO)) -> FakeKernel:
    """Return a kernel with `links`, and `objects` there."""
    return FakeKernel(Survey({link.name: link for link in links}), keyed(objects))
