"""Where a profile stands on this host: what it wants, what is there, what has to be done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lvsdr.core.book import Book
from lvsdr.core.planner import concerned, plan
from lvsdr.core.record import Record
from lvsdr.errors import LvsdrError, ProfileError
from lvsdr.model.address import IPAddress, IPInterface
from lvsdr.model.change import Change, Plan
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.objects import (
    NOTHING,
    Baseline,
    Key,
    Link,
    Object,
    Objects,
    ProxyNeighbour,
    Sysctl,
    keyed,
    there,
)
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile import roles

if TYPE_CHECKING:
    from lvsdr.model.counters import Counters
    from lvsdr.model.route_lookup import Packet, UnicastRoute

IPVS_SYSCTLS = "net/ipv4/vs/"
# What others may stand on: addresses on a link, real servers on a virtual server.
FLOORS = frozenset({Link.kind, VirtualServer.kind})


class Kernel(Protocol):
    """What the story needs of a kernel."""

    def read_host(self) -> Host:
        """Return the host's links, addresses, ARP settings and proxy entries."""

    def inspect(self, packets: Callable[[Host], Iterable[Packet]], *, table: bool) -> Host:
        """Return the host in depth, with the ways of `packets`; `table`: IPVS as well."""

    def unicast_routes(self, destinations: Iterable[IPAddress]) -> Mapping[IPAddress, UnicastRoute]:
        """Return the unicast routes by which packets to `destinations` would leave."""

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        """Return those of the objects `keys` that are there; `likely` is how they may be."""

    def tenants(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        """Return the addresses of the links, the real servers of the virtual servers `keys`."""

    def counters(self, services: Collection[Key]) -> Mapping[Key, Counters]:
        """Return what passes through the virtual servers `services` and their real servers."""

    def require(self, todo: Plan) -> None:
        """Raise CannotRun where this process cannot carry out such changes."""

    def execute(self, changes: Plan) -> None:
        """Carry out the changes in their order; raise KernelError at the first refused one."""

    def attempt(self, changes: Plan) -> Iterable[LvsdrError]:
        """Carry out what can be of the changes, in their order; return why the others cannot."""

    def reopen(self) -> None:
        """Start afresh after a failure."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a profile stands on this host: what it wants, what is there, what has to be done.

    `kept` is what would go if it were not for others who use it. `drained` are those of the
    profile's real servers that have weight 0 whatever it says. Where it is `partial`, the profile's
    other objects stay as they are.
    """

    owner: str
    record: Record
    desired: Objects
    observed: Objects
    baseline: Baseline
    todo: Plan
    kept: tuple[Object, ...] = ()
    drained: frozenset[Key] = frozenset()
    partial: bool = False
    directed: tuple[Directed, ...] = ()

    @property
    def claimed(self) -> Record:
        """Return the record to write before the host is made as desired."""
        record = self.record.claim(self.owner, self.desired, self.observed)
        return record.draining(self.owner, self.drained)

    def settled(self, claimed: Record) -> Record:
        """Return the record to write once it is, after `claimed`."""
        others = self.record.claims.get(self.owner, {}) if self.partial else {}
        return claimed.settle(self.owner, {**others, **self.desired} if others else self.desired)

    @property
    def drift(self) -> Plan:
        """Return what others have done to the profile's objects since lvsdr left them.

        Each `before` is how lvsdr left it, each `after` how it is.
        """
        left = self.record.claims.get(self.owner, {})
        # What is no longer wanted, and another profile holds on to, has not been looked at.
        looked = self.desired.keys() | self.baseline.keys()
        seen = ((left[key], self.observed.get(key)) for key in left if key in looked)
        return tuple(Change(claimed, now) for claimed, now in seen if claimed != now)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what people have to know of how the plan was made."""
        kept = (f"{item.noun} {item} stays: others use it" for item in self.kept)
        drained = (
            f"{self.desired[key].noun} {self.desired[key].title} is drained: weight 0 until"
            f" lvsdr director drain --undo --rip {key[-2]}"
            for key in sorted(self.drained & self.desired.keys(), key=str)
        )
        return (*self.record.notes, *map(str, self.directed), *kept, *drained)


def owner_of(profile: Profile) -> str:
    """Return the name under which the record keeps what a profile claims."""
    return f"{profile.role}:{profile.name}"


def consider(
    profile: Profile, kernel: Kernel, book: Book, beside: DirectorProfile | None = None
) -> Situation:
    """Return where `profile` stands; touch nothing.

    On a host that is both, `beside` is the director's profile: the VIPs on its link are no fault
    of the real server; nor are those of which the record says that a director's profile has them.
    """
    record = book.load()
    host = _as_without(owner_of(profile), kernel.read_host(), record)
    if beside is not None:
        host = host.without(beside.interface, beside.vips)
    directed = directing(profile, host, record)
    host = host.without_held([(each.link, each.ip) for each in directed])
    drained = record.drained.get(owner_of(profile), frozenset())
    desired = _with_drained(roles.desired(profile, host), drained)
    no_quarrel(profile, desired, record)
    situation = _situation(profile, desired, kernel, record, roles.not_beside(profile, desired))
    return replace(situation, directed=directed)


@dataclass(frozen=True, slots=True)
class Directed:
    """A VIP of a real server's profile on a link that speaks, put there for a director's."""

    link: str
    ip: IPInterface
    owner: str

    def __str__(self) -> str:
        return (
            f"{self.link} holds {self.ip.ip} for {self.owner}: this host is the director now, and"
            " answers for it"
        )


def directing(profile: Profile, host: Host, record: Record) -> tuple[Directed, ...]:
    """Return the VIPs that a host which is both holds as a director, by the record."""
    if isinstance(profile, DirectorProfile):
        return ()
    found = (
        (link, ip, record.director_of(link, ip))
        for link, ip in ((each.link, each.ip) for each in host.addresses)
        if ip.ip in profile.vips and link != profile.holder_link
    )
    return tuple(Directed(link, ip, owner) for link, ip, owner in found if owner)


def consider_standby(profile: DirectorProfile, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one that stands by while another is the director."""
    record, desired = book.load(), roles.standby(profile)
    no_quarrel(profile, desired, record)
    return _situation(profile, desired, kernel, record, roles.not_beside(profile, desired))


def consider_withdrawing(profile: Profile, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one that `profile` was never applied to."""
    return _situation(profile, {}, kernel, book.load())


def _situation(
    profile: Profile, desired: Objects, kernel: Kernel, record: Record, gone: Iterable[Key] = ()
) -> Situation:
    """Return the situation in which `desired` is wanted, and what is `gone` wanted away.

    What has to be gone is not given back either: whoever had a table before lvsdr had it for a
    director, and a standby is none.
    """
    owner = owner_of(profile)
    others = record.held_by_others(owner)
    away: Baseline = {key: None for key in gone if key not in others}
    given_back = _still_there(record.baseline_of(owner), desired, kernel)
    baseline = {**given_back, **away}
    likely = desired or record.claims.get(owner, NOTHING)
    observed = kernel.observe(concerned(desired, baseline), likely)
    todo = plan(desired, observed, baseline)
    kept = _used_by_others(todo, observed, record, kernel)
    if kept:
        baseline = {key: before for key, before in baseline.items() if key not in kept}
        todo = plan(desired, observed, baseline)
    return Situation(
        owner,
        record,
        desired,
        observed,
        baseline,
        todo,
        tuple(observed[key] for key in kept),
        record.drained.get(owner, frozenset()) & desired.keys(),
    )


def _still_there(baseline: Baseline, desired: Objects, kernel: Kernel) -> Baseline:
    """Return the baseline without what has gone since with its link: settings, proxy entries."""
    kinds = (Sysctl.kind, ProxyNeighbour.kind)
    given_up = [key for key in baseline if key[0] in kinds and key not in desired]
    if not given_up:
        return baseline
    links = {"all", "default", *kernel.read_host().links}
    gone = {key for key in given_up if (link := _link_of(key)) and link not in links}
    return {key: before for key, before in baseline.items() if key not in gone}


def _link_of(key: Key) -> str | None:
    """Return the link of a proxy entry, or of a setting: net/ipv4/conf/LINK/NAME."""
    if key[0] == ProxyNeighbour.kind:
        return str(key[1])
    parts = str(key[1]).split("/")
    return parts[3] if len(parts) == 5 and parts[2] == "conf" else None


def _with_drained(desired: Objects, drained: Collection[Key]) -> Objects:
    """Return what is desired with weight 0 for what is drained."""
    if not drained:
        return desired
    return {
        key: replace(item, weight=0) if key in drained and isinstance(item, RealServer) else item
        for key, item in desired.items()
    }


def no_quarrel(profile: Profile, desired: Objects, record: Record) -> None:
    """Raise ProfileError where another profile of this host wants the same object otherwise.

    Not for sysctls of ARP: there the stricter one is right for both.
    """
    for key, other in record.held_by_others(owner_of(profile)).items():
        shared = key[0] == Sysctl.kind and not str(key[1]).startswith(IPVS_SYSCTLS)
        if not shared and key in desired and not record.made(other, desired[key]):
            raise ProfileError(
                f"cannot apply profile {profile.name}: profile {other} has set up"
                f" {desired[key].noun} {desired[key].title} otherwise than {desired[key].detail}",
                hints=["let only one of them have it, or give both the same name"],
            )


def _used_by_others(
    todo: Plan, observed: Objects, record: Record, kernel: Kernel
) -> tuple[Key, ...]:
    """Return what the plan would delete, and with it what no profile has put there."""
    going = {change.key for change in todo if change.after is None}
    floors = {key for key in going if key[0] in FLOORS}
    if not floors:
        return ()
    tenants = kernel.tenants(floors, observed).values()
    ours = record.baseline.keys() | going
    foreign = {tenant.needs for tenant in tenants if tenant.key not in ours}
    return tuple(sorted(floors & foreign, key=str))


def _as_without(owner: str, host: Host, record: Record) -> Host:
    """Return the host with this profile's own settings taken back in thought.

    What a role wants depends on what the host has of its own: a setting that we raised is not
    the host's, one that somebody raised further is. Of proxy entries also those that others of our
    profiles have removed: they are to stay away for each of them.
    """
    own = dict(host.sysctls)
    for before in record.sysctls_of(owner).values():
        seen = own.get(before.path)
        if seen is not None and record.made(owner, Sysctl(before.path, seen)):
            own[before.path] = before.value
    removed = (entry for entry in record.baseline.values() if isinstance(entry, ProxyNeighbour))
    entries = keyed((*filter(there, removed), *host.proxies))
    proxies = tuple(entry for entry in entries.values() if isinstance(entry, ProxyNeighbour))
    return replace(host, sysctls=own, proxies=proxies)
