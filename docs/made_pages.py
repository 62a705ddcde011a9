"""The pages that are made: the findings and the commands of the manual, the fields of the schemas.

A test holds the manual to the program: it has each rule, command and option, and no other.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# Which sections of lvsdr(8) are on which page.
PAGES = {
    "findings": ("Findings", ["FINDINGS"]),
    "commands": ("Commands", ["SYNOPSIS", "COMMANDS", "OPTIONS", "EXIT STATUS", "SIGNALS"]),
    "output": ("Output", ["OUTPUT", "SERVICES", "PATHS", "WATCHING"]),
    "keeping": ("Keeping and health checks", ["KEEPING", "HEALTH CHECKS"]),
    "taking-over": ("Taking over", ["TAKING OVER"]),
    "metrics": ("Metrics", ["METRICS"]),
    "managers": ("Network managers", ["NETWORK MANAGERS"]),
    "files": ("Files, privileges and environment", ["PRIVILEGES", "ENVIRONMENT", "FILES"]),
    "caveats": ("Caveats", ["CAVEATS"]),
}
SECTION = re.compile(r"^# (.+)$", re.MULTILINE)
SUBSECTION = re.compile(r"^## (.+)$", re.MULTILINE)
# mandoc writes an item as a line of its own, and what it means behind a tab below it.
ITEM = re.compile(r"^(\S.*)\n\n(?=\t)", re.MULTILINE)


def make(folder: Path) -> None:
    """Write the pages into `folder`/reference."""
    target = folder / "reference"
    target.mkdir(exist_ok=True)
    sections = manual("lvsdr.8")
    for name, (title, wanted) in PAGES.items():
        text = "\n".join(_page(title, {each: sections[each] for each in wanted}))
        (target / f"{name}.md").write_text(f"{text}\n", encoding="utf-8")
    for role in ("director", "realserver"):
        schema = json.loads((ROOT / f"lvsdr/profile/schema/{role}.json").read_text("utf-8"))
        text = "\n".join(profile_page(schema))
        (target / f"profile-{role}.md").write_text(f"{text}\n", encoding="utf-8")


def manual(page: str) -> dict[str, str]:
    """Return the sections of a manual page, in Markdown, by their titles."""
    done = subprocess.run(
        ["mandoc", "-T", "markdown", ROOT / "man" / page],
        check=True,
        capture_output=True,
        text=True,
    )
    found = SECTION.split(done.stdout)
    return dict(zip(found[1::2], found[2::2], strict=True))


def _page(title: str, sections: Mapping[str, str]) -> Iterator[str]:
    yield f"# {title}\n"
    level = 2 if len(sections) > 1 else 1
    for name, text in sections.items():
        if len(sections) > 1:
            yield f"## {name.capitalize()}\n"
        first, *parts = SUBSECTION.split(text)
        yield _items(first, level + 1)
        for heading, part in zip(parts[::2], parts[1::2], strict=True):
            yield f"{'#' * (level + 1)} {heading}\n"
            yield _items(part, level + 2)


def _items(text: str, level: int) -> str:
    """Return a section in which each item is a heading that can be linked to."""
    made = ITEM.sub(lambda found: f"{'#' * level} {found[1]}\n\n", text)
    lines = (line.removeprefix("\t") for line in made.splitlines())
    # Braces and a backtick behind them would be a role of MyST.
    return "\n".join(
        line if line.startswith("    ") else line.replace("{", r"\{") for line in lines
    )


def profile_page(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the page of a role's profile: each field, those within it below it."""
    yield f"# {schema['title'].removeprefix('lvsdr ').capitalize()}\n"
    yield f"{schema['description']}\n"
    yield from _fields(schema, schema, "")


def _fields(schema: Mapping[str, Any], whole: Mapping[str, Any], above: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        it = _resolved(field, whole)
        yield f"## `{above}{name}`\n"
        yield f"{it.get('description', it.get('title', ''))}\n"
        facts = list(_facts(it, name in required))
        yield f"{'; '.join(facts)}.\n" if facts else ""
        inner = _resolved(it.get("items", it), whole)
        if "properties" in inner:
            place = f"{above}{name}[]." if "items" in it else f"{above}{name}."
            yield from _fields(inner, whole, place)


def _resolved(field: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a field with what it refers to filled in."""
    reference = field.get("$ref")
    if not isinstance(reference, str):
        return field
    found: Any = whole
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return {**found, **{key: value for key, value in field.items() if key != "$ref"}}


def _facts(field: Mapping[str, Any], required: bool) -> Iterator[str]:
    kind = field.get("type")
    if required:
        yield "Required"
    if isinstance(kind, str):
        yield f"Type: {kind}"
    if "enum" in field:
        yield "One of " + ", ".join(f"`{json.dumps(each)}`" for each in field["enum"])
    if "minimum" in field and "maximum" in field:
        yield f"From {field['minimum']} to {field['maximum']}"
    if "default" in field:
        yield f"Default: `{json.dumps(field['default'])}`"
    if field.get("examples"):
        yield f"Example: `{json.dumps(field['examples'][0])}`"
