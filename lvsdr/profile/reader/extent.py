"""How much a text would be as data: it is refused before memory is filled with it.

A table of four bytes of TOML takes 900 bytes of memory, an empty object of JSON 70.
"""

from __future__ import annotations

import re

from lvsdr.profile.reader.refusal import Refusal

# Whatever is in a text of up to so many characters, it fits.
SMALL = 1024 * 1024
# Of real servers four hundred thousand in JSON, had they no fields; in TOML, whose tables count
# twice where a name has a dot, eighty thousand.
MOST_JSON, MOST_TOML = 400_000, 160_000
MOST_VALUES = 600_000
_HINT = "split it into profiles of different names"

# Strings and comments of TOML; one without an end goes to the end of its line, or of the text.
_QUOTED = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:""")?'
    r"|'''(?:[^']++|'(?!''))*+(?:''')?"
    r'|"(?:[^"\\\n]++|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)


def refuse_too_much(text: str, toml: bool) -> None:
    """Raise Refusal where `text` holds more than lvsdr keeps in 200 MiB of memory."""
    if len(text) <= SMALL:
        return
    most = MOST_TOML if toml else MOST_JSON
    if (_tables(text) if toml else text.count("{") + text.count("[")) > most:
        raise Refusal("", f"more than {most:,} tables and lists", _HINT)
    if text.count(",") > MOST_VALUES:
        raise Refusal("", f"more than {MOST_VALUES:,} values", _HINT)


def _tables(text: str) -> int:
    """Return how many tables and lists there may be; each part of a dotted name is a table."""
    bare = _QUOTED.sub("", text)
    return bare.count("[") - bare.count("[[") + bare.count("{") + bare.count(".")
