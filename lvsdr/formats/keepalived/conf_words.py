"""What can be written into a keepalived.conf: words, names, blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lvsdr.errors import ProfileError
from lvsdr.model.printable import printable

NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")
# What keepalived takes for itself: words, quotes, comments, blocks, and names to fill in.
TAKEN = re.compile(r"[\s\"'#!{}$\\]")
# keepalived 2.2.7 goes on with the rest of a longer line as if that were another one.
LONGEST_LINE = 1000


def plain(text: str) -> str:
    """Return a path or a link; raise ProfileError where keepalived would read something else.

    Its quotes are no way out: they do not nest, and a hook is in some already.
    """
    if TAKEN.search(text) or printable(text) != text:
        raise ProfileError(
            f"cannot write {printable(text)!r} for keepalived: it has blanks, quotes, or one of"
            " # ! { } $ \\, which mean something there",
            hints=["give it another name: mv OLD NEW; or a link without them: ln -s OLD NEW"],
        )
    return text


def instance_name(text: str, option: str = "--name") -> str:
    """Return the name of an instance; raise ProfileError where keepalived would cut it up.

    `option` is the one that gives it.
    """
    if not NAME.fullmatch(text):
        raise ProfileError(
            f"cannot write the name {printable(text[:40])!r} for keepalived: it is not 1 to 255"
            " letters, digits, and . : _ -",
            hints=[f"leave out {option}, or: {option} VI_1"],
        )
    return text


def seconds(value: float) -> str:
    """Return a time as keepalived takes it: up to six decimal places."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def block(head: str, inner: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a block."""
    yield f"{head} {{"
    yield from (f"    {line}" for line in inner)
    yield "}"


def short(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines; raise ProfileError for one that keepalived would cut in two."""
    for line in lines:
        if len(line.encode()) > LONGEST_LINE:
            raise ProfileError(
                f"cannot write {line.split()[0]} for keepalived: it takes {LONGEST_LINE} bytes of"
                f" a line, and this has {len(line.encode())}",
                hints=["give the virtual server another check, or leave out --virtual-servers"],
            )
        yield line
