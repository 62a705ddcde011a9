"""What a person reads."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.finding import Answer, Finding
from lvsdr.render.state import Row


def plan(todo: Plan) -> Iterator[str]:
    """Yield a line for each change."""
    if not todo:
        yield "nothing to change"
    yield from map(line, todo)


def line(change: Change) -> str:
    """Return one change: its sign, the object, and how it was."""
    was = f" (was {change.before.detail})" if change.before and change.after else ""
    return printable(f"{change.sign} {change.subject}{was}")


def applied(todo: Plan, announced: Iterable[IPAddress]) -> Iterator[str]:
    """Yield what was done."""
    yield from plan(todo)
    for vip in announced:
        yield f"announced {vip}"


def status(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each object of the profile, with what is wrong with it."""
    found = [(printable(str(row.wanted)), row) for row in rows]
    width = max((len(title) for title, _ in found), default=0)
    for title, row in found:
        seen = f": {row.seen.detail}" if row.seen is not None and row.state == "differs" else ""
        yield f"{title.ljust(width)}  {row.state}{printable(seen)}"


def findings(found: Iterable[Finding]) -> Iterator[str]:
    """Yield each finding, and under it the way to mend it."""
    for finding in found:
        yield printable(f"{finding.severity}: {finding.rule}: {finding.message}")
        yield printable(f"  hint: {finding.hint}")


def answers(heard: Iterable[Answer], names: dict[str, str]) -> Iterator[str]:
    """Yield who answered for each VIP; `names` say whose a MAC is."""
    seen: dict[tuple[IPAddress, str], list[str]] = {}
    for answer in sorted(heard, key=lambda item: (str(item.address), item.mac, item.form)):
        seen.setdefault((answer.address, answer.mac), []).append(answer.form)
    for (vip, mac), forms in seen.items():
        who = f" ({names[mac]})" if mac in names else ""
        yield f"{vip} is at {mac}{who} [{', '.join(forms)}]"


def printable(text: str) -> str:
    """Return `text` with every control character escaped: it may come from a stranger."""
    return "".join(_escaped(c) if unicodedata.category(c)[0] == "C" else c for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
