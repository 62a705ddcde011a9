"""Fuzz the reader's bytes-level function: any bytes are a profile or a Refusal, nothing else.

    PYTHONPATH=tests python -m fuzz.fuzz_reader json|toml -atheris_runs=1000000

It drives lvsdr.profile.reader._profile, which is all of `read` but the opening of the file.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz.mutations import atheris, run

with atheris.instrument_imports(include=["lvsdr", "json", "tomllib"]):
    from lvsdr.model.profile import DirectorProfile, RealServerProfile
    from lvsdr.profile import reader, schema
    from lvsdr.profile.reader.common_rules import DEEPEST
    from lvsdr.profile.reader.refusal import Refusal
    from lvsdr.profile.reader.remedies import ALIASES
    from lvsdr.profile.reader.wording import LONGEST, written

TESTS = Path(__file__).parent.parent
LANGUAGE = sys.argv.pop(1) if sys.argv[1:2] in (["json"], ["toml"]) else "json"
PROFILE = Path(f"web.{LANGUAGE}")


def one(raw: bytes) -> None:
    """Read `raw`; whatever is said of it is short, printable and has a hint."""
    try:
        # The bytes-level function: a file for each input would be most of the time.
        profile = reader.profile_of(reader.parsed(raw, PROFILE), PROFILE)
    except Refusal as refusal:
        said = (refusal.message, *refusal.hints)
        assert refusal.hints
        assert all(text and text.isprintable() for text in (*said, refusal.location or " "))
        # A pointer has at most as many steps as soundness lets pass.
        assert len(refusal.location) < (DEEPEST + 2) * (LONGEST + 1)
        assert len(refusal.message) < 400
    else:
        assert isinstance(profile, DirectorProfile | RealServerProfile)
        assert profile.name


def toml_of(data: Any) -> bytes:
    """Return `data`, a table, as TOML; raise what it cannot be written for."""
    lines = (f"{json.dumps(key)} = {written(value, toml=True)}" for key, value in data.items())
    return "\n".join(lines).encode()


def json_of(data: Any) -> bytes:
    """Return `data` as JSON."""
    return json.dumps(data).encode()


def seeds() -> Iterator[bytes]:
    """Yield the profiles that are shipped and those that are known to be wrong."""
    paths = [*(TESTS / "bad_profiles").iterdir(), *(TESTS.parent / "profiles").iterdir()]
    paths += (TESTS / "cases").glob("*/profile.json")
    for path in sorted(paths):
        raw = path.read_bytes()
        if len(raw) > 4096 or path.suffix not in (".json", ".toml"):
            continue
        if path.suffix == f".{LANGUAGE}":
            yield raw
        elif LANGUAGE == "toml":
            try:
                yield toml_of(json.loads(raw))
            except (ValueError, AttributeError, RecursionError):
                continue


def words(part: Any) -> Iterator[str]:
    """Yield every field and every choice of a schema."""
    if isinstance(part, dict):
        yield from part.get("properties", {})
        for value in part.values():
            yield from words(value)
    elif isinstance(part, list):
        yield from (each for each in part if isinstance(each, str))
        for value in part:
            yield from words(value)


if __name__ == "__main__":
    known = [word for role in schema.ROLES for word in words(schema.document(role))]
    if LANGUAGE == "toml":
        run(one, lambda raw: tomllib.loads(raw.decode()), toml_of, seeds(), [*known, *ALIASES])
    else:
        run(one, json.loads, json_of, seeds(), [*known, *ALIASES])
