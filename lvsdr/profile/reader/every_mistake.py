"""All mistakes of a profile in one go: each is taken out, and the rest is read again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from lvsdr.errors import ProfileError
from lvsdr.model.profile import Profile
from lvsdr.profile import schema
from lvsdr.profile.reader import parsed, profile_of, refused
from lvsdr.profile.reader.json_toml import Doubled
from lvsdr.profile.reader.profile_file import contents
from lvsdr.profile.reader.refusal import EMPTY, MISSING, Refusal
from lvsdr.profile.reader.wording import Pointer, pointed

MOST = 32
"""Mistakes of one file that are told; who has more mends these first."""
LARGEST = 256 * 1024
"""Bytes: a larger file is not read again for each mistake, and its first one is told."""


def read_all(path: Path) -> tuple[Profile | None, list[ProfileError]]:
    """Return the profile in the file at `path`, or None and its mistakes, the first one first.

    What only follows from a mistake is left out: a service of a VIP that cannot be read, a field
    that is missing once its value is taken out. Raises ProfileError where there is no file.
    """
    raw = contents(path)
    found: list[ProfileError] = []
    cuts: list[Pointer] = []
    while len(found) < MOST:
        try:
            profile = profile_of(_what_is_left(raw, path, cuts), path)
        except Refusal as refusal:
            told = _as_written(refusal, cuts)
            if not _follows(told, _as_written_all(cuts)):
                found.append(refused(told, path))
            where = refusal.where
            if len(raw) > LARGEST:
                break
            # Read once more: making a profile uses up the data.
            cut = _what_to_cut(_what_is_left(raw, path, cuts), where) if where else None
            # What stands in for a field may be refused in its turn.
            if cut is None or (len(cut) == 1 and cut in cuts):
                break
            cuts.append(cut)
        else:
            return None if found else profile, found
    return None, found


def _what_is_left(raw: bytes, path: Path, cuts: Sequence[Pointer]) -> Any:
    data = parsed(raw, path)
    for where in cuts:
        _cut(data, where)
    return data


def _follows(told: Refusal, cuts: Sequence[Pointer]) -> bool:
    """Return whether there is a mistake only since values have been taken out, all by the file."""
    where = told.where or ()
    # Of the whole profile, which something is missing from.
    if not where:
        return bool(cuts)
    name = next((step for step in reversed(where) if isinstance(step, str)), "")
    if any(name in DEPENDING.get(each[0], ()) for each in cuts):
        return True
    if told.message == EMPTY:
        return any(each[:-1] == where for each in cuts)
    # Under a wrong name, or with a wrong value, it was there.
    return told.message == MISSING and any(each[:-1] == where[:-1] for each in cuts)


# What cannot be judged once a value of that field is gone.
DEPENDING: Mapping[str | int, Collection[str]] = {
    "interface": ("holder_link", "label"),
    "holder": ("holder_link",),
    "vips": ("vip",),
    "sync_daemons": ("standby",),
    "health": ("interval", "timeout"),
}


def _what_to_cut(data: Any, where: Pointer) -> Pointer | None:
    """Return what has to go, so that the mistake at `where` is no obstacle to the others.

    The value itself, or the entry or the field that is nothing without it; None where the rest
    cannot be understood.
    """
    if where == ("role",) or not isinstance(data, dict) or data.get("role") not in schema.ROLES:
        return None
    if len(where) == 1:
        return None if isinstance(data, Doubled) else where
    described, around, entry = schema.document(data["role"]), data, None
    for depth, step in enumerate(where[:-1], 1):
        entry = entry if _needed(step, described) else where[:depth]
        described, around = _below(described, step), around[step]
    last = where[-1]
    if isinstance(around, Doubled):
        return entry
    if isinstance(last, str) and (last not in around or _needed(last, described)):
        return entry
    return where


def _needed(step: str | int, described: Any) -> bool:
    """Return whether an object of this schema is nothing without the field `step`."""
    return step in described.get("required", ()) or "minProperties" in described


def _below(described: Any, step: str | int) -> Any:
    """Return the schema of what a step leads to; none, of what no schema knows."""
    fields = described.get("properties", {})
    found = described.get("items") if isinstance(step, int) else fields.get(step)
    return found or {}


def _cut(data: Any, where: Pointer) -> None:
    *way, last = where
    for step in way:
        data = data[step]
    if way or "role" not in data:
        del data[last]
        return
    described = schema.document(data["role"])
    field = described["properties"].get(last, {})
    data.pop(last, None)
    # Without it nothing else could be read: something that is right stands in.
    if last in described["required"] or last == "name":
        data[last] = field["examples"][0]


def _as_written(refusal: Refusal, cuts: Sequence[Pointer]) -> Refusal:
    """Return the refusal with the places of the file, from which entries have been taken."""
    if refusal.where is None:
        return refusal
    where = _place(refusal.where, cuts)
    message = re.sub(
        r"(?:/\w+/\d+)+",
        lambda match: pointed(_place(_steps(match[0]), cuts)),
        refusal.message,
    )
    location = f": {pointed(where)}" if where else ""
    return Refusal(location, message, *refusal.hints, where=where)


def _steps(pointer: str) -> Pointer:
    return tuple(int(each) if each.isdigit() else each for each in pointer.split("/")[1:])


def _as_written_all(cuts: Sequence[Pointer]) -> list[Pointer]:
    return [_place(where, cuts[:number]) for number, where in enumerate(cuts)]


def _place(where: Pointer, cuts: Sequence[Pointer]) -> Pointer:
    """Return the place in the file of what is at `where` after the cuts."""
    for *way, place in reversed(cuts):
        depth = len(way)
        step = where[depth] if len(where) > depth and where[:depth] == tuple(way) else None
        if isinstance(step, int) and isinstance(place, int) and step >= place:
            where = (*where[:depth], step + 1, *where[depth + 1 :])
    return where
