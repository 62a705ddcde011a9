"""Links that have another name than when lvsdr last wrote of them: the record follows them.

The kernel knows a link by its number, and takes addresses, labels and settings along with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsdr.core.record import Record
from lvsdr.model.host import HostLink
from lvsdr.model.ipvs import SERVER_KINDS
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address, Baseline, Key, Link, Object, ProxyNeighbour, Sysctl, keyed

Names = Mapping[str, str]
"""Old names of links, each with the new one."""

# Settings that belong to no link.
NO_LINKS = frozenset({"all", "default"})


def link_of(key: Key) -> str | None:
    """Return the link that an object is, or is on; net/ipv4/conf/LINK/NAME is one of LINK."""
    if key[0] == Address.kind:
        return str(key[2])
    if key[0] in (Link.kind, ProxyNeighbour.kind):
        return str(key[1]) or None
    if key[0] != Sysctl.kind:
        return None
    parts = str(key[1]).split("/")
    named = len(parts) == 5 and parts[2] == "conf" and parts[3] not in NO_LINKS
    return parts[3] if named else None


def numbered(record: Record, new: Mapping[str, int]) -> Record:
    """Return the record with the numbers of the links that its objects are on, as far as known."""
    known = {**record.links, **new}
    # Of the rest there may be many.
    linked = (key for key in record.baseline if key[0] not in SERVER_KINDS)
    found = dict.fromkeys(filter(None, map(link_of, linked)))
    return replace(record, links={name: known[name] for name in found if known.get(name)})


def following(record: Record, links: Mapping[str, HostLink]) -> Record:
    """Return the record with the names that its links have now, and a note of each."""
    now = {link.index: name for name, link in links.items() if link.index}
    names = {
        old: now[number]
        for old, number in record.links.items()
        if number in now and now[number] != old
    }
    if not names:
        return record
    told = (f"link {old} is called {new} now" for old, new in names.items())
    return replace(
        record,
        baseline=dict(_renamed_baseline(record.baseline, names)),
        claims={
            owner: keyed(_renamed(item, names) for item in held.values())
            for owner, held in record.claims.items()
        },
        intents={
            owner: tuple(_renamed(item, names) for item in items)
            for owner, items in record.intents.items()
        },
        links={names.get(old, old): number for old, number in record.links.items()},
        notes=(*record.notes, *told),
    )


def _renamed_baseline(baseline: Baseline, names: Names) -> Iterator[tuple[Key, Object | None]]:
    for key, before in baseline.items():
        named = _renamed_key(key, names) if link_of(key) in names else key
        yield named, None if before is None else _renamed(before, names)


def _renamed_key(key: Key, names: Names) -> Key:
    new = names[str(link_of(key))]
    if key[0] == Address.kind:
        return (*key[:2], new)
    if key[0] == Sysctl.kind:
        return (key[0], _path(str(key[1]), new))
    return (key[0], new, *key[2:])


def _renamed(item: Object, names: Names) -> Object:
    new = names.get(link_of(item.key) or "")
    if new is None:
        return item
    if isinstance(item, Address):
        return replace(item, link=new, label=_label(item, new))
    if isinstance(item, Sysctl):
        return replace(item, path=_path(item.path, new))
    if isinstance(item, Link):
        return replace(item, name=new)
    return replace(item, link=new) if isinstance(item, ProxyNeighbour) else item


def _path(path: str, new: str) -> str:
    head, conf, _, name = path.rsplit("/", 3)
    return f"{head}/{conf}/{new}/{name}"


def _label(address: Address, new: str) -> str | None:
    """Return the label that the kernel gives to an address of a link that is renamed."""
    if address.label is None:
        return None
    _, colon, suffix = address.label.partition(":")
    return f"{new}{colon}{suffix}"
