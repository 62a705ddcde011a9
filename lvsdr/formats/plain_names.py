"""Names of links and labels as files of other programs take them, each in its own syntax."""

from __future__ import annotations

import re

from lvsdr.errors import ProfileError
from lvsdr.model.printable import printable

# What no file, pattern, shell or list of any of them takes for its own.
PLAIN = re.compile(r"[A-Za-z0-9_.+][A-Za-z0-9_.+:-]{0,14}")


def plain_name(text: str) -> str:
    """Return a link's name or a label; raise ProfileError where a program would read another."""
    if not PLAIN.fullmatch(text):
        raise ProfileError(
            f"cannot export the name {printable(text)!r}: files of other programs take names of"
            " letters, digits and . _ + - (in a label : too), which do not begin with -",
            hints=["give the link another name: ip link set OLD name NEW, while it is down"],
        )
    return text
