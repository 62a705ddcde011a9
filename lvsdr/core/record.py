"""The record: how the host was before us, how each profile left it, and what it was about to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from operator import itemgetter

from lvsdr.errors import ProfileError
from lvsdr.model.folded_servers import FoldedServers, Mark, ProfileText
from lvsdr.model.health import REMOVE, Down
from lvsdr.model.host import Host
from lvsdr.model.ipvs import VirtualServer
from lvsdr.model.late_dataclasses import dataclass, field, replace
from lvsdr.model.objects import (
    Baseline,
    Key,
    Object,
    Objects,
    ProxyNeighbour,
    Sysctl,
    keyed,
    there,
)
from lvsdr.model.profile import Origin, Profile

IPVS_SYSCTLS = "net/ipv4/vs/"


def owner_of(profile: Profile) -> str:
    """Return the name under which the record keeps what a profile claims."""
    return f"{profile.role}:{profile.name}"


@dataclass(frozen=True, slots=True)
class Record:
    """What lvsdr remembers of one network namespace; profiles go by ROLE:NAME.

    `baseline` is how each object was before lvsdr first touched it, `claims` how lvsdr left it.
    `intents` are what runs that never came to their end were about to make of it. `drained` are
    the real servers that have weight 0 until somebody lifts it, whatever the profile says; `down`
    those that do not serve: out until they do.
    `links` are the kernel's numbers of the links that these are on, by the name that each had.
    `origins` say where profiles came from. `given_back` are the addresses and routes that others
    had before profiles that are withdrawn. `folded` are claims that are not in `claims`, since
    nothing of them is to be done: by profile and Service.key. `marks` say in the same way by what
    others may be known, `texts` what the files of profiles were like. `notes` say what people have
    to know of how it was read.
    """

    baseline: Baseline = field(default_factory=dict)
    claims: Mapping[str, Objects] = field(default_factory=dict)
    intents: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    drained: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    links: Mapping[str, int] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    given_back: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    folded: Mapping[str, Mapping[Key, FoldedServers]] = field(default_factory=dict)
    marks: Mapping[str, Mapping[Key, Mark]] = field(default_factory=dict)
    texts: Mapping[str, ProfileText] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=(), compare=False)
    down: Mapping[str, Mapping[Key, Down]] = field(default_factory=dict)

    def claimed_keys(self) -> Set[Key]:
        """Return the keys that any profile claims, or was about to, in their order."""
        return dict.fromkeys(key for owner in self._owners() for key in self._keys(owner)).keys()

    def claimed_by_others(self, owner: str) -> dict[Key, str]:
        """Return the keys that profiles other than `owner` claim, and one of those profiles."""
        others = (other for other in self._owners() if other != owner)
        return {key: other for other in others for key in self._keys(other)}

    def baseline_of(self, owner: str, absent: Iterable[Key] = ()) -> Baseline:
        """Return what goes back when `owner` lets go: what no other profile claims.

        What has to be `absent` is not given back, but for what another profile claims: it goes,
        whoever has put it there.
        """
        shared = self.claimed_by_others(owner)
        before = {key: self.baseline[key] for key in self._keys(owner) if key not in shared}
        return {**before, **{key: None for key in absent if key not in shared}}

    def sysctls_of(self, owner: str) -> Mapping[Key, Sysctl]:
        """Return the sysctls that go back when `owner` lets go."""
        # Sought first: of the rest there may be many.
        if Sysctl.kind not in map(itemgetter(0), self._keys(owner)):
            return {}
        given_back = self.baseline_of(owner).items()
        return {key: before for key, before in given_back if isinstance(before, Sysctl)}

    def refuse_conflict(self, owner: str, desired: Objects) -> None:
        """Raise ProfileError where another profile of this host wants the same object otherwise.

        Not for sysctls of ARP: there the stricter one is right for both.
        """
        for key, other in self.claimed_by_others(owner).items():
            shared = key[0] == Sysctl.kind and not str(key[1]).startswith(IPVS_SYSCTLS)
            if not shared and key in desired and not self.made(other, desired[key]):
                item, name = desired[key], owner.partition(":")[2]
                raise ProfileError(
                    f"cannot apply profile {name}: profile {other} has set up"
                    f" {item.noun} {item.title} otherwise than {item.detail}",
                    hints=["let only one of them have it, or give both the same name"],
                )

    def foreign(self, objects: Objects) -> Iterator[Object]:
        """Yield those of `objects` that no profile has put there."""
        yield from (item for key, item in objects.items() if key not in self.baseline)

    def host_without(self, owner: str, host: Host) -> Host:
        """Return the host with the profile's own settings taken back in thought.

        What a role wants depends on what the host has of its own: a setting that we raised is not
        the host's, one that somebody raised further is. Of proxy entries also those that others of
        our profiles have removed: they are to stay away for each of them.
        """
        own = dict(host.sysctls)
        for before in self.sysctls_of(owner).values():
            seen = own.get(before.path)
            if seen is not None and self.made(owner, Sysctl(before.path, seen)):
                own[before.path] = before.value
        removed = (item for item in self.baseline.values() if isinstance(item, ProxyNeighbour))
        entries = keyed((*filter(there, removed), *host.proxies)).values()
        proxies = tuple(entry for entry in entries if isinstance(entry, ProxyNeighbour))
        return replace(host, sysctls=own, proxies=proxies)

    def made(self, owner: str, item: Object | None) -> bool:
        """Return whether `owner` may have made an object what `item` is."""
        if item is None:
            return False
        left = self.claims.get(owner, {}).get(item.key)
        return left == item or item in self.intents.get(owner, ())

    def claim(  # noqa: PLR0913, PLR0917 - what becomes of which of its objects
        self,
        owner: str,
        desired: Objects,
        observed: Objects,
        drained: Collection[Key] | None = None,
        given_back: Iterable[Object] = (),
        absent: Iterable[Key] = (),
    ) -> Record:
        """Return the record to write before `owner` makes the host `desired`, without `absent`.

        With `drained`, those and no others of its objects are. `given_back` is what the run makes
        of objects that are not desired any more, and could be killed at.
        """
        first = dict.fromkeys((*desired, *absent))
        if self.baseline or observed:
            first = {key: observed.get(key) for key in first if key not in self.baseline}
        raised = {key: observed[key] for key in self._raised(owner, desired, observed)}
        baseline = {**self.baseline, **first, **raised}
        left, meant = self.claims.get(owner, {}), set(self.intents.get(owner, ()))
        changed: Iterable[Object] = desired.values()
        if left:
            changed = (item for key, item in desired.items() if left.get(key) != item)
        new = (item for item in changed if item not in meant) if meant else changed
        back = (item for item in given_back if item not in meant)
        intents = {**self.intents, owner: (*self.intents.get(owner, ()), *new, *back)}
        pending = {other: items for other, items in intents.items() if items}
        record = replace(self, baseline=baseline, intents=pending)
        return record if drained is None else record.draining(owner, drained)

    def adopting(self, objects: Collection[Object]) -> Record:
        """Return the record in which `objects`, which are claimed, were nobody's before."""
        if not objects:
            return self
        return replace(self, baseline={**self.baseline, **{it.key: None for it in objects}})

    def draining(self, owner: str, keys: Collection[Key]) -> Record:
        """Return the record in which those, and no others, of the owner's objects are drained."""
        drained = {**self.drained, owner: frozenset(keys)}
        return replace(self, drained={other: each for other, each in drained.items() if each})

    def downing(self, owner: str, down: Mapping[Key, Down]) -> Record:
        """Return the record in which those, and no others, of the owner's objects are down."""
        every = {**self.down, owner: down}
        return replace(self, down={other: each for other, each in every.items() if each})

    def coming_from(self, origins: Mapping[str, Origin]) -> Record:
        """Return the record with `origins`, and those of the profiles that it knows."""
        every = {**self.origins, **origins}
        return replace(self, origins={each: it for each, it in every.items() if self.knows(each)})

    def settle(
        self,
        owner: str,
        desired: Objects,
        remembered: Collection[Key] = (),
        down: Mapping[Key, Down] | None = None,
    ) -> Record:
        """Return the record to write once the host is `desired`.

        `remembered` stays drained though it is not; of what is down, `down` is by now.
        """
        out = self.downing(owner, down or {}).down
        # A claim says how lvsdr left an object, whichever profile it did it for.
        claims: dict[str, Objects] = {
            other: {key: desired.get(key, item) for key, item in objects.items()}
            for other, objects in self.claims.items()
            if other != owner
        }
        if desired:
            claims[owner] = desired
        intents = {
            other: (*items, *_touched(items, desired))
            for other, items in self.intents.items()
            if other != owner
        }
        baseline = self.baseline
        if not baseline.keys() <= desired.keys():
            held = Record(baseline, claims, intents, down=out).claimed_keys()
            baseline = {key: before for key, before in baseline.items() if key in held}
        settled = replace(self, baseline=baseline, claims=claims, intents=intents, down=out)
        drained = self.drained.get(owner, frozenset())
        kept = drained & desired.keys() | drained.intersection(remembered)
        return settled.draining(owner, kept)

    def knows(self, owner: str) -> bool:
        """Return whether there is anything of the profile in it."""
        every = (self.claims, self.intents, self.drained, self.down)
        return any(owner in each for each in every)

    def _raised(self, owner: str, desired: Objects, observed: Objects) -> Iterator[Key]:
        """Yield the sysctls that somebody made stricter than we had: that is the host's own now."""
        for key in self.sysctls_of(owner).keys() & desired.keys():
            seen = observed.get(key)
            if seen == desired[key] and not self.made(owner, seen):
                yield key

    def _owners(self) -> Iterable[str]:
        # In their order: of several, the same one is named each time.
        return dict.fromkeys((*self.claims, *self.intents))

    def _keys(self, owner: str) -> Iterable[Key]:
        """Return the keys that a profile claims, those of its intents last; some twice."""
        left = self.claims.get(owner, {})
        meant = dict.fromkeys(item.key for item in self.intents.get(owner, ()))
        # Those that are taken out of a service of the profile are still its own.
        out = (key for key, each in self.down.get(owner, {}).items() if each.action == REMOVE)
        services = ((key, (VirtualServer.kind, *key[1:4])) for key in out)
        absent = [key for key, service in services if service in left or service in meant]
        return [*left, *meant, *absent] if meant or absent else left


def _touched(items: tuple[Object, ...], desired: Objects) -> Iterator[Object]:
    """Yield what `desired` has made of the objects of a run that never came to its end."""
    for key in dict.fromkeys(item.key for item in items):
        if key in desired and desired[key] not in items:
            yield desired[key]
