"""From the JSON of a record to the record: nothing of it is trusted before it was understood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lvsdr.core.record import Record
from lvsdr.core.record_columns import marked_entry
from lvsdr.core.written_servers import NOWHERE, Columns, Entry, Plain, entry_with_columns, folded
from lvsdr.model import compact_objects
from lvsdr.model.folded_servers import FoldedServers, Mark, ProfileText
from lvsdr.model.health import REMOVE, WEIGHT, Down
from lvsdr.model.ipvs import SERVER_KINDS, RealServer, Service, by_service
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.objects import Address, Baseline, Key, Object, Objects, Route, keyed
from lvsdr.model.other_attributes import AddressAttributes, RouteAttributes
from lvsdr.model.plain_data import from_plain, real_server_of, service_from_plain
from lvsdr.model.profile import Origin

FORMAT = "lvsdr/baseline/5"
# Its columns are in their entries, where those of FORMAT are at the end.
TOGETHER = "lvsdr/baseline/4"
# Its columns are lists, where those of later ones are texts.
LISTS = "lvsdr/baseline/3"
# In it `absent` has every key that was not there, and each column of real servers one value.
FORMER = "lvsdr/baseline/2"
FORMATS = frozenset({FORMAT, TOGETHER, LISTS, FORMER})


class Lie(ValueError):
    """What a record says, and cannot be."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the profiles of a record claim: as objects, or folded; each by ROLE:NAME."""

    objects: dict[str, Objects]
    folded: dict[str, dict[Key, FoldedServers]]
    marks: dict[str, dict[Key, Mark]]


def record_of(
    plain: Plain,
    known: Iterable[RealServer] = (),
    *,
    folding: bool = False,
    columns: Columns = NOWHERE,
) -> Record:
    """Return the record that `plain` is; raise Lie, LookupError, TypeError, ValueError.

    Claims that are as `known` says are those very objects. With `folding`, real servers that can be
    known by their fingerprints stay as they are written; `columns` tells where the rest of them is.
    """
    intents = {
        owner: tuple(compact_objects.from_rows(held)) for owner, held in plain["intents"].items()
    }
    there = {tuple(entry["key"]): _before(entry) for entry in plain["baseline"]}
    # Records of older versions have no such entries, and those below.
    drained, given_back = (_keys(plain.get(name, {})) for name in ("drained", "given_back"))
    if any(key[0] != RealServer.kind for keys in drained.values() for key in keys):
        raise Lie("it has drained what is no real server")
    down = {owner: dict(map(_down, rows)) for owner, rows in plain.get("down", {}).items()}
    apart = set(there).union(*down.values())
    likely, foldable = by_service(known), apart if folding and not intents else None
    claims = _claims(plain["claims"], likely, foldable, columns)
    held = Record(claims=claims.objects, intents=intents, down=down).claimed_keys()
    count = sum(each.mark.count for some in claims.folded.values() for each in some.values())
    return Record(
        _baseline(plain, there, held, count),
        claims.objects,
        intents,
        drained,
        {str(name): int(number) for name, number in plain.get("links", {}).items()},
        {owner: _origin(each) for owner, each in plain.get("origins", {}).items()},
        given_back,
        claims.folded,
        claims.marks,
        {owner: _text(entry) for owner, entry in plain.get("texts", {}).items()},
        down=down,
    )


def _origin(plain: Mapping[str, Any]) -> Origin:
    return Origin(str(plain["file"]), int(plain["applied"]), str(plain.get("checks", "")))


def _claims(
    plain: Mapping[str, Any],
    likely: compact_objects.Known,
    apart: set[Key] | None,
    columns: Columns,
) -> Claims:
    """Return what profiles claim, folded where that can be; nothing where `apart` is None.

    What is `apart`, there before lvsdr, is an object: so is all of its virtual server, and of one
    with which two profiles have to do.
    """
    shared = {*_shared(plain), *(key[1:4] for key in apart or () if key[0] in SERVER_KINDS)}
    found = Claims({}, {}, {})
    for owner, entries in plain.items():
        opened: list[Any] = []
        for entry in entries:
            known = marked_entry(entry) if type(entry) is list else compact_objects.mark_of(entry)
            if known is not None and apart is not None and known[0].key not in shared:
                here = folded(entry, *known, columns)
                found.folded.setdefault(owner, {})[here.service.key] = here
                continue
            opened.append(entry_with_columns(entry, columns.places))
            if known is not None:
                found.marks.setdefault(owner, {})[known[0].key] = known[1]
        found.objects[owner] = keyed(compact_objects.from_rows(opened, likely))
    return found


def _shared(plain: Mapping[str, Any]) -> set[Key]:
    """Return the virtual servers with which more than one profile has to do, by Service.key."""
    if len(plain) < 2:
        return set()
    seen = [
        {_service(entry).key for entry in entries if type(entry) is list or "service" in entry}
        for entries in plain.values()
    ]
    return {key for some in seen for key in some if sum(key in each for each in seen) > 1}


def _service(entry: Entry) -> Service:
    return (
        marked_entry(entry)[0] if isinstance(entry, list) else service_from_plain(entry["service"])
    )


def _baseline(
    plain: Plain, there: Mapping[Key, Object], claimed: Iterable[Key], folded: int
) -> Baseline:
    """Return how each object was before; what no entry says of was not there, nor was `folded`."""
    if plain["format"] == FORMER:
        absent = dict.fromkeys(_keys_from_rows(plain["absent"]))
        whole = set(claimed) <= absent.keys() | there.keys()
    else:
        absent = dict.fromkeys(key for key in claimed if key not in there)
        whole = len(absent) + folded == plain["absent"]
    if not whole:
        raise Lie("it claims what it has no baseline of")
    return {**absent, **there}


def _keys_from_rows(entries: Iterable[list[Any]]) -> Iterator[Key]:
    """Yield the keys that `entries` are; of real servers in a row, one entry may hold all RIPs.

    Raises ValueError or TypeError.
    """
    for entry in entries:
        if entry[0] != RealServer.kind:
            yield tuple(entry)
            continue
        *head, rips, port = entry
        if type(rips) is not list:
            raise TypeError("not a list of addresses")
        yield from ((*head, text, port) for text in compact_objects.texts_of(rips))


def _before(entry: Plain) -> Object:
    """Return the object of an entry; raises LookupError, TypeError or ValueError."""
    before = from_plain(entry["key"][0], entry["before"])
    # Records of versions that kept none have none.
    others = entry.get("attributes")
    if others is not None and isinstance(before, Address):
        return replace(before, attributes=AddressAttributes(**others))
    if others is not None and isinstance(before, Route):
        return replace(before, attributes=RouteAttributes(**others))
    return before


def _text(entry: Plain) -> ProfileText:
    size, said = entry["head"]
    pairs = (word.split(":") for word in entry["services"].split())
    services = tuple((int(size), said) for size, said in pairs)
    return ProfileText((int(size), str(said)), services, str(entry["tail"]))


def _down(row: Any) -> tuple[Key, Down]:
    """Return a real server that is down; raises TypeError, ValueError or LookupError."""
    key, plain = tuple(row[0]), row[1]
    made = Down(**plain)
    fields = (made.since, made.why, made.by, made.action)
    if tuple(map(type, fields)) != (int, str, str, str) or made.action not in (WEIGHT, REMOVE):
        raise ValueError("not how a real server is down")
    if real_server_of(key).key != key:
        raise ValueError("not the key of a real server")
    return key, made


def _keys(owners: Mapping[str, Any]) -> dict[str, frozenset[Key]]:
    return {owner: frozenset(map(tuple, keys)) for owner, keys in owners.items()}
