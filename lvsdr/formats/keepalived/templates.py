"""What is no keepalived.conf yet: a template of Jinja, ERB and their like, or of envsubst."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lvsdr.formats.keepalived.conf_syntax import SCRIPTS, Block, lines_of, words_of
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.printable import printable

MARKS = re.compile(r"\{\{|\{%|<%|\[%|<[A-Za-z][\w -]*>")
# Not what a variable of keepalived's own environment says.
NAME = re.compile(r"\$(?:\{[A-Za-z_]\w*\}|(?!_ENV\()[A-Za-z_]\w*)", re.ASCII)
# What a file cannot do without.
NEEDED = frozenset(("interface", "state", "virtual_router_id", "priority", "virtual_server",
                    "real_server", "auth_pass", "unicast_src_ip"))  # fmt: skip
LISTS = frozenset(("virtual_ipaddress", "unicast_peer"))
LONGEST = 60


def template_fault(text: str, file: str) -> Finding | None:
    """Return that a text is a template; None for one that keepalived may be given.

    A script may hold the marks of another program's.
    """
    for line in lines_of(text, file):
        found = MARKS.search(line.text)
        if found and not _is_script(line.text):
            return _fault(f"{file}:{line.number}", line.text.strip(), file)
    return None


def undefined_fault(conf: Configuration) -> Finding | None:
    """Return the first name that no line defines, where a file cannot do without what it is."""
    # Of any other host than those that have a name nobody knows what it defines.
    found = None if conf.host == "" else next(_undefined(conf.root), None)
    return None if found is None else _fault(found.where, " ".join(found.words), conf.file)


def _undefined(block: Block) -> Iterator[Block]:
    waiting = [block]
    while waiting:
        outer = waiting.pop()
        for each in outer.inner:
            if (each.name in NEEDED or outer.name in LISTS) and any(map(NAME.search, each.words)):
                yield each
            if each.inner:
                waiting.append(each)


def _is_script(line: str) -> bool:
    words = words_of(line)
    return bool(words) and bool(SCRIPTS.fullmatch(words[0]))


def _fault(where: str, line: str, file: str) -> Finding:
    shown = printable(line if len(line) <= LONGEST else f"{line[:LONGEST]}...")
    text = f"{where}: {shown}: this is a template: keepalived takes it as it stands"
    look = "fill it in first, and check what comes of it"
    return Finding("KEEPALIVED-TEMPLATE", ERROR, file, text, look=look)
