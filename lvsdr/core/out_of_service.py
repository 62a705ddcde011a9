"""Who is out of service: drained by hand, or down as a check has found; and who serves instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import itemgetter

from lvsdr.core.record import Record, owner_of
from lvsdr.model.health import REMOVE, Down
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.late_dataclasses import dataclass, field, replace
from lvsdr.model.objects import Key, Object, Objects
from lvsdr.model.profile import DirectorProfile, Profile


@dataclass(frozen=True, slots=True)
class OutOfService:
    """What is out of service of what a profile names.

    `drained` have weight 0 until somebody lifts it, `down` until they serve; `checked` are those
    that the checker of another program has taken out, and nobody else. `removed` are those that are
    not in the table meanwhile, `lifted` those of others' checkers: as the profile wants them.
    """

    drained: frozenset[Key] = frozenset()
    down: Mapping[Key, Down] = field(default_factory=dict)
    checked: Mapping[Key, Down] = field(default_factory=dict)
    removed: Mapping[Key, RealServer] = field(default_factory=dict)
    lifted: Mapping[Key, RealServer] = field(default_factory=dict)

    @property
    def every(self) -> Mapping[Key, Down]:
        """Return all that are down, whoever has found it."""
        return {**self.checked, **self.down} if self.checked else self.down

    def has(self, key: Key) -> bool:
        """Return whether a real server is out of service."""
        return key in self.drained or key in self.down or key in self.checked

    def among(self, keys: Collection[Key]) -> OutOfService:
        """Return those of them that have one of `keys`."""
        if not (self.drained or self.down):
            return self
        down = {key: each for key, each in self.down.items() if key in keys}
        return replace(self, drained=self.drained.intersection(keys), down=down)


def out_of_service(owner: str, record: Record) -> OutOfService:
    """Return who is out of service of what `owner` names, as the record knows it."""
    return OutOfService(record.drained.get(owner, frozenset()), record.down.get(owner, {}))


def out_for(profile: Profile, keys: Collection[Key], record: Record) -> OutOfService:
    """Return who of `keys` is out of service for a profile, or stays folded in the record.

    Who is down, and is not checked any more, is in service: nobody would ever put it back.
    """
    owner = owner_of(profile)
    out = out_of_service(owner, record).among(keys)
    if folded := folded_drained(owner, record):
        out = replace(out, drained=out.drained | folded)
    if not out.down or not isinstance(profile, DirectorProfile):
        return out
    services = (it.service for it in profile.virtual_servers)
    checked = {each.key for each in services if profile.health_of(each) is not None}
    down = {key: each for key, each in out.down.items() if key[1:4] in checked}
    return replace(out, down=down)


def folded_drained(owner: str, record: Record) -> set[Key]:
    """Return who of `owner` is drained of the real servers that stay folded."""
    folded = record.folded.get(owner, {})
    return {key for key in record.drained.get(owner, ()) if key[1:4] in folded}


def in_service(
    desired: Objects, out: OutOfService, sorry: Iterable[RealServer] = ()
) -> tuple[Objects, OutOfService]:
    """Return what is desired while those are out, and the same with what is `removed`.

    A sorry server is desired while no real server of its service has a weight; it comes first, so
    that there is somebody before the last one goes.
    """
    here = out.among(desired.keys())
    made, removed, lifted = desired, dict[Key, RealServer](), dict[Key, RealServer]()
    if here.drained or here.every:
        made = {}
        for key, item in desired.items():
            if not (isinstance(item, RealServer) and here.has(key)):
                made[key] = item
                continue
            if key in here.every and here.every[key].action == REMOVE:
                removed[key] = item
            else:
                made[key] = replace(item, weight=0)
            if key in here.checked:
                lifted[key] = item
    instead = {server.key: server for server in _needed(made, sorry) if server.key not in desired}
    here = replace(here, removed=removed, lifted=lifted)
    return ({**instead, **made} if instead else made), here


def _needed(made: Objects, sorry: Iterable[RealServer]) -> Iterator[RealServer]:
    spare = [server for server in sorry if server.parent_key in made]
    if not spare:
        return
    served = {key[1:4] for key, item in made.items() if serves(item)}
    yield from (server for server in spare if server.service.key not in served)


def serves(item: Object | None) -> bool:
    """Return whether an object is a real server that gets new connections."""
    return isinstance(item, RealServer) and item.weight > 0


_rip_of = itemgetter(-2)


def service_of(key: Key) -> Key:
    """Return the key of the virtual server that a real server's key is of."""
    return (VirtualServer.kind, *key[1:4])


def notes(out: OutOfService, desired: Objects) -> Iterator[str]:
    """Yield who is out of service, since when, why, and until when."""
    yield from drained_notes(out, desired)
    yield from down_notes(out, desired)


# A real server of more virtual servers than these that is drained is told of once.
SEVERAL = 5


def drained_notes(out: OutOfService, desired: Objects) -> Iterator[str]:
    """Yield who is drained, and how that ends; who is of many virtual servers in one line."""
    every = {**out.removed, **desired}
    keys = sorted(out.drained & every.keys(), key=str)
    many = {rip: count for rip, count in Counter(map(_rip_of, keys)).items() if count > SEVERAL}
    for key in keys:
        if _rip_of(key) not in many:
            yield _drained_note(every[key], every[key].title)
    for rip, count in many.items():
        item = next(every[key] for key in keys if _rip_of(key) == rip)
        yield _drained_note(item, f"{rip} of {count} virtual servers")


def down_notes(out: OutOfService, desired: Objects) -> Iterator[str]:
    """Yield who is down, as `notes` does."""
    every = {**out.removed, **desired}
    for key in sorted(out.every.keys() & every.keys(), key=str):
        yield down_note(every[key], out)


def _drained_note(item: Object, title: str) -> str:
    until = f"lvsdr director drain --undo --rip {item.key[-2]}"
    return f"{item.noun} {title} is drained: weight 0 until {until}"


def down_note(item: Object, out: OutOfService) -> str:
    """Return how a real server is down, and how that ends."""
    each = out.every[item.key]
    meanwhile = "not in the table" if each.action == REMOVE else "weight 0"
    until = "its checker says otherwise" if item.key in out.checked else "it serves again"
    return f"{item.noun} {item.title} is {each}: {meanwhile} until {until}"
