"""The matrix of a report: each service against each real server, a square for each path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from lvsdr.render.report.cluster_view import WORDS, ClusterView
from lvsdr.render.report.markup import element, titled

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.ipvs import Service

SQUARE, NAMES = 18, 330
# How high title and legend are, and each character of an address that stands on a slant.
LEGEND, CHARACTER = 64, 6
COLUMNS, ROWS, ROOM = 44, 400, 824
# How a state is told to who sees no colours.
SIGNS = {"ok": "", "bad": "×", "out": "–", "unknown": "?"}  # noqa: RUF001 - a multiplication sign is meant


def matrix_height(view: ClusterView) -> int:
    """Return how high the matrix is."""
    if not view.cells:
        return 20
    return _head(view) + 60 + min(len(view.services), ROWS) * SQUARE + (20 if _cut(view) else 0)


def matrix(view: ClusterView, left: int, top: int) -> Iterator[Element]:
    """Yield the matrix, and how its squares are read."""
    if not view.cells:
        return
    rips, head = list(view.servers)[: _columns(view)], _head(view)
    beyond = _beyond(view, rips)
    yield _text(left, top + 16, "What each service gets from each real server", "head")
    yield from _legend(left, top + 40)
    for place, rip in enumerate(rips):
        x, y = left + NAMES + place * SQUARE + 13, top + head - 6
        turned = f"rotate(-60 {x} {y})"
        yield element("text", str(rip), class_="small", x=x, y=y, transform=turned)
    for row, service in enumerate(view.services[:ROWS]):
        y = top + head + row * SQUARE
        yield _text(left, y + 13, str(service), "address")
        yield from _squares(view, service, rips, left + NAMES, y)
        if service in beyond:
            yield _text(left + NAMES, y + 13, beyond[service], "small")
    cut = _cut(view)
    if cut:
        y = top + head + min(len(view.services), ROWS) * SQUARE + 24
        yield _text(left, y, cut, "small")


def _head(view: ClusterView) -> int:
    """Return how high all above the squares is: the longest address fits below the legend."""
    return LEGEND + _longest(view) * CHARACTER


def _columns(view: ClusterView) -> int:
    """Return for how many real servers there is room: the last address leans over its square."""
    return min(COLUMNS, (ROOM - _longest(view) * CHARACTER * 2 // 3) // SQUARE)


def _longest(view: ClusterView) -> int:
    return max((len(str(rip)) for rip in list(view.servers)[:COLUMNS]), default=0)


def _squares(
    view: ClusterView, service: Service, rips: list[IPAddress], left: int, y: int
) -> Iterator[Element]:
    for place, rip in enumerate(rips):
        seen = view.cells.get((service, rip))
        if seen is not None:
            x = left + place * SQUARE
            square = element("rect", class_=f"chip {seen.state}", x=x, y=y, width=15, height=15)
            yield titled(square, f"{service} at {rip}: {seen.words}")
            if SIGNS[seen.state]:
                yield _text(x + 4, y + 12, SIGNS[seen.state], "sign")


def _beyond(view: ClusterView, rips: list[IPAddress]) -> dict[Service, str]:
    """Return what the services get of which no real server has a column, in words."""
    columns = set(rips)
    drawn = {service for service, rip in view.cells if rip in columns}
    counts: dict[Service, Counter[str]] = {}
    for (service, _), seen in view.cells.items():
        if service not in drawn:
            counts.setdefault(service, Counter())[seen.state] += 1
    return {
        service: ", ".join(f"{WORDS[state]}: {those[state]}" for state in WORDS if those[state])
        for service, those in counts.items()
    }


def _legend(left: int, y: int) -> Iterator[Element]:
    for place, (state, words) in enumerate(WORDS.items()):
        x = left + place * 150
        yield element("rect", class_=f"chip {state}", x=x, y=y - 11, width=15, height=15)
        if SIGNS[state]:
            yield _text(x + 4, y + 1, SIGNS[state], "sign")
        yield _text(x + 22, y + 1, words, "small")


def _cut(view: ClusterView) -> str:
    """Return what is not drawn, in words."""
    services, servers = len(view.services) - ROWS, len(view.servers) - _columns(view)
    parts = [
        f"{number} more {what}"
        for number, what in ((services, "services"), (servers, "real servers"))
        if number > 0
    ]
    return f"Not drawn: {' and '.join(parts)}; lvsdr director status has them." if parts else ""


def _text(x: int, y: int, text: str, kind: str) -> Element:
    return element("text", text, class_=kind, x=x, y=y)
