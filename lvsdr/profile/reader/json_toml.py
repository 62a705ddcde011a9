"""From bytes to plain data: UTF-8, then JSON or TOML, every slip with its line and column."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lvsdr.model.printable import printable
from lvsdr.profile.reader.extent import refuse_too_much
from lvsdr.profile.reader.refusal import Refusal, slip

# Python refuses to convert more than 4300 digits; no field takes more than ten, so that the first
# ones are enough to refuse the value where it stands.
MOST_DIGITS = 1000


class Doubled(dict[str, Any]):
    """A JSON object in which `field` is written twice."""

    field: str


def text_of(raw: bytes) -> str:
    """Return `raw` as text, without the mark that some editors put in front."""
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        byte = raw[error.start]
        raise slip(
            before, len(before), f"not UTF-8 (byte 0x{byte:02x})", "save the file as UTF-8"
        ) from None


def data_of(text: str, toml: bool) -> Any:
    """Return the data that `text` holds; an object with a field twice is a Doubled."""
    refuse_too_much(text, toml)
    try:
        return _toml(text) if toml else _json(text)
    except RecursionError:
        raise Refusal("", "nested too deeply", "a profile has at most six levels") from None


def _json(text: str) -> Any:
    try:
        try:
            return json.loads(text, object_pairs_hook=object_of)
        except json.JSONDecodeError:
            raise
        except ValueError:
            # A number of too many digits. With a function of ours each number costs ten times.
            return json.loads(text, object_pairs_hook=object_of, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise _json_slip(text, error) from None


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these fields, a Doubled where one stands twice."""
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    doubled = Doubled(fields)
    # Once of each is what `fields` holds: what is taken out a second time is the one.
    for name, _ in pairs:
        if name not in fields:
            doubled.field = name
            break
        del fields[name]
    return doubled


def _integer(digits: str) -> int:
    return int(digits[:MOST_DIGITS])


def _json_slip(text: str, error: json.JSONDecodeError) -> Refusal:
    return _no_json(text) or _slip_in_json(text, error)


def _no_json(text: str) -> Refusal | None:
    if not text.strip():
        return Refusal("", "the file is empty", "the fields of a profile: lvsdr schema ROLE")
    other = _other_language(text)
    if other is None:
        return None
    hint = "write the profile as JSON, or as TOML into a .toml file"
    return Refusal(":1:1", f"this looks like {other}, not like JSON", hint)


def _slip_in_json(text: str, error: json.JSONDecodeError) -> Refusal:
    at = error.pos
    # Python 3.13 points at a comma too many, earlier ones at what follows it.
    comma = at if text.startswith(",", at) else len(text[:at].rstrip()) - 1
    if re.compile(r",\s*[]}]").match(text, comma):
        return slip(text, comma, "a comma after the last entry", "remove the comma")
    if not text[at:].strip():
        return slip(text, at, "the file ends too early", "close every { with } and every [ with ]")
    if text.startswith(("//", "/*", "#"), at):
        return slip(text, at, "JSON has no comments", "remove it, or write the profile as TOML")
    if text[at] == "'":
        return slip(text, at, "a string in single quotes", 'JSON strings need double quotes: "')
    message, *hints = _worded(JSON_WORDS, error.msg)
    return slip(text, at, message, *hints)


def _other_language(text: str) -> str | None:
    """Return what a text that is no JSON looks like by its first line that is no comment."""
    lines = (line.strip() for line in text[:4096].splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    if re.match(r"---|- |[\w$\"'-]+:(\s|$)", first):
        return "YAML"
    if re.match(r"\[\[?[\w.-]+\]\]?$|[\w\"-]+\s*=", first):
        return "TOML"
    return None


def _toml(text: str) -> Any:
    # Most profiles are JSON.
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(text)
    except ValueError as error:
        # A number of too many digits is a plain ValueError without a place.
        raise _toml_slip(text, str(error)) from None


def _toml_slip(text: str, said: str) -> Refusal:
    if _other_language(text) == "YAML":
        hint = "write FIELD = VALUE, or the profile as JSON into a .json file"
        return Refusal(":1:1", "this looks like YAML, not like TOML", hint)
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", said)
    if place is None:
        return Refusal("", "a number of too many digits", "no field takes more than ten")
    message, *hints = _worded(TOML_WORDS, said[: place.start()])
    if place[1] is None:
        return slip(text, len(text), message, *hints)
    return Refusal(f":{place[1]}:{place[2]}", message, *hints)


def _worded(table: Mapping[str, tuple[str, ...]], said: str) -> tuple[str, ...]:
    for start, words in table.items():
        if said.startswith(start):
            return words
    return (printable(said[:1].lower() + said[1:]), "what may stand here: json.org, toml.io")


JSON_WORDS: Mapping[str, tuple[str, ...]] = {
    "Expecting property name": ("expected a field", 'names of fields need double quotes: "'),
    "Expecting ',' delimiter": ("expected a comma", "put a comma between two entries"),
    "Expecting ':' delimiter": ("expected a colon", "put a colon between a field and its value"),
    "Expecting value": ("expected a value", 'strings need double quotes: "'),
    "Extra data": ("something follows the end of the profile", "one profile to a file"),
    "Unterminated string": ("a string without its closing quote", 'close it with "'),
    "Invalid control character": ("a string with a line break or a tab in it", 'close it with "'),
    "Invalid \\": ("an unknown escape", "write a backslash as two of them"),
}
TOML_WORDS: Mapping[str, tuple[str, ...]] = {
    "Cannot overwrite a value": ("a field written twice", "keep one of them"),
    "Cannot declare": ("a table written twice", "keep one of them, or write [[ ]] for a list"),
    "Duplicate inline table key": ("a field written twice", "keep one of them"),
    "Invalid value": ("expected a value", 'strings need double quotes: "'),
    "Unterminated string": ("a string without its closing quote", 'close it with "'),
    "Illegal character '\\n'": ("a string without its closing quote", 'close it with "'),
    "Expected newline": ("something follows the value", "one field to a line"),
    "Invalid statement": ("expected a field", "write FIELD = VALUE; JSON goes into a .json file"),
    "Expected '='": ("expected an equals sign", "write FIELD = VALUE"),
    "Unclosed array": ("a list without its end, or two entries without a comma", "close it with ]"),
    "Unclosed inline table": (
        "a table without its end, or two fields without a comma",
        "close it with }",
    ),
}
