"""Bytes → Profile, or one error with the file, the place in it, and what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from lvsdr.errors import ProfileError
from lvsdr.model.folded_servers import KnownText
from lvsdr.model.ipvs import RealServer
from lvsdr.model.printable import printable
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile import schema
from lvsdr.profile.reader import common_rules, json_toml, schema_check
from lvsdr.profile.reader.director_fields import director_profile
from lvsdr.profile.reader.profile_file import (
    changed_meanwhile,
    contents,
    contents_of,
    opened,
)
from lvsdr.profile.reader.realserver_fields import realserver_profile
from lvsdr.profile.reader.refusal import Refusal
from lvsdr.profile.reader.remedies import REMEDIES
from lvsdr.profile.reader.wording import shown

__all__ = ["profile_in", "read"]

# Bytes: of less there is nothing to be gained by reading virtual servers one by one.
LARGE = 16 * 1024


def read(
    path: Path,
    role: str | None = None,
    *,
    guarded: bool = False,
    known: Callable[[], Sequence[KnownText]] = list,
) -> Profile:
    """Return the profile in the file at `path`, every default filled in.

    `role` is what the command needs: director or realserver; None takes either. With `guarded`,
    a file that others may write is refused. Of virtual servers whose text is `known`, which is
    asked for a large file alone, the real servers are read once somebody wants them. Raises
    ProfileError, which says one thing at a time: the one to mend first.
    """
    with opened(path, role, guarded) as file:
        likely = _likely(file, path, role, known)
        quick = _mostly_known(file, path, role, likely) if likely else None
        if quick is not None:
            return quick
        raw = contents_of(file, path, role)
    try:
        return _quickly(raw, path, role, likely) or profile_of(parsed(raw, path), path, role)
    except Refusal as refusal:
        raise refused(refusal, path) from None


def _likely(
    file: BinaryIO, path: Path, role: str | None, known: Callable[[], Sequence[KnownText]]
) -> Sequence[KnownText] | None:
    """Return what is known of a director with many virtual servers, None of any other profile."""
    size = os.fstat(file.fileno()).st_size
    return None if role == "realserver" or is_toml(path) or size < LARGE else known()


def _mostly_known(
    file: BinaryIO, path: Path, role: str | None, known: Sequence[KnownText]
) -> Profile | None:
    """Return the profile in a file that is nearly as it is known, None where it is not."""
    from lvsdr.profile.reader.quick_director import known_director  # noqa: PLC0415

    def whole() -> Sequence[RealServer]:
        raw = contents(path, role)
        read = _quickly(raw, path, role, ())
        if made is None or read is None or read.text != made.text:
            raise changed_meanwhile(path)
        return read.real_servers

    # Whatever keeps it from being read is told by whoever reads all of it.
    with suppress(OSError):
        made = known_director(file.fileno(), _name_at(path), known, whole)
        return made
    return None


def _quickly(
    raw: bytes, path: Path, role: str | None, known: Sequence[KnownText] | None
) -> DirectorProfile | None:
    """Return the profile of a director with many virtual servers, None of any other."""
    if known is None:
        return None
    from lvsdr.profile.reader.quick_director import quick_director  # noqa: PLC0415

    return quick_director(
        raw,
        _name_at(path),
        known,
        lambda: profile_of(parsed(raw, path), path, role).real_servers,
    )


def profile_in(raw: bytes, path: Path, role: str) -> Profile:
    """Return the profile of that role that bytes are, as if read from `path`; as `read` does."""
    try:
        large = role == "director" and len(raw) >= LARGE and not is_toml(path)
        known: tuple[KnownText, ...] | None = () if large else None
        return _quickly(raw, path, role, known) or profile_of(parsed(raw, path), path, role)
    except Refusal as refusal:
        raise refused(refusal, path) from None


def _name_at(path: Path) -> Callable[[Mapping[str, Any]], str]:
    return lambda data: _name(data, path, schema.document("director"))


def parsed(raw: bytes, path: Path) -> Any:
    """Return the plain data that the file at `path` holds; raise Refusal."""
    return json_toml.data_of(json_toml.text_of(raw), is_toml(path))


def profile_of(data: Any, path: Path, needed: str | None = None) -> Profile:
    """Return the profile that plain data is, of the role `needed`; raise Refusal."""
    toml = is_toml(path)
    right = schema_check.surely_right(data)
    if not right:
        common_rules.refuse_unfit_values(data)
    role = schema_check.role_of(data, needed, toml)
    described = schema.document(role)
    if not right:
        schema_check.refuse_mistakes(described, data, toml)
    whole = schema_check.completed(described, data)
    name = _name(whole, path, described)
    make = director_profile if role == "director" else realserver_profile
    return make(whole, name)


def refused(refusal: Refusal, path: Path) -> ProfileError:
    """Return what a person is told of a refusal: with the name of the file."""
    message = f"{printable(str(path))}{refusal.location}: {refusal.message}"
    return ProfileError(message, hints=refusal.hints)


def is_toml(path: Path) -> bool:
    return path.suffix.lower() == ".toml"


def _name(data: Mapping[str, Any], path: Path, described: Mapping[str, Any]) -> str:
    name = str(data.get("name", path.stem))
    if not re.fullmatch(described["properties"]["name"]["pattern"], name):
        message = f"{shown(name)}, from the file's name, is not a name for a profile"
        hint = f"add the field name: {REMEDIES['name']}"
        raise Refusal("", message, hint, where=("name",))
    return name
