"""The drawing of a cluster: clients, gateways, directors and real servers on their segment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from lvsdr.render.report.cluster_view import BAD, OK, UNKNOWN, ClusterView, Seen, cluster_view
from lvsdr.render.report.colours import STYLE
from lvsdr.render.report.markup import element, titled
from lvsdr.render.report.path_matrix import matrix, matrix_height

if TYPE_CHECKING:
    from lvsdr.render.report.report_result import Report

WIDTH = 1160
TOP, BUS = 30, 150
LEFT, DIRECTOR = 20, 400
BOX, BOX_HEIGHT, GAP = 165, 74, 14
COLUMNS = 4
# Of so many each has a box; the matrix and the table have more.
MOST_BOXES = 100
CHIP = 22
# So many VIPs have a line each; more are small squares.
LISTED = 12
CHIPS = 16


def drawing(report: Report) -> Element:
    """Return the drawing as an element of SVG, with its colours for light and dark."""
    view = cluster_view(report)
    servers = list(_servers(view))
    director, height = _director(report, view)
    rows = -(-min(len(view.servers), MOST_BOXES) // COLUMNS)
    below = BUS + 50 + max(height, rows * (BOX_HEIGHT + GAP)) + 30
    whole = below + matrix_height(view)
    return element(
        "svg",
        element("title", f"The cluster {report.name}"),
        element("style", STYLE),
        *_marks(),
        element("rect", class_="ground", x=0, y=0, width=WIDTH, height=whole),
        *_outside(report),
        *director,
        *servers,
        *_requests(view),
        *matrix(view, LEFT, below),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {whole}",
        role="img",
        class_="cluster",
    )


def _marks() -> Iterator[Element]:
    arrow = element("path", d="M0,0 L8,4 L0,8 z", class_="arrow")
    marker = element(
        "marker", arrow, id="arrow", markerWidth=9, markerHeight=8, refX=8, refY=4, orient="auto"
    )
    yield element("defs", marker)


def _outside(report: Report) -> Iterator[Element]:
    """Yield clients, gateways, and the segment as a line."""
    places = ", ".join(map(str, report.clients[:2])) or "anywhere"
    yield from _box(LEFT, 170, "clients", _short(places, 26))
    gateways = ", ".join(map(str, report.gateways[:2])) or "unknown"
    yield from _box(LEFT + 250, 150, "gateway", _short(gateways, 23))
    yield _line(LEFT + 170, TOP + 28, LEFT + 246, TOP + 28, arrow=True)
    yield _line(LEFT + 325, TOP + 56, LEFT + 325, BUS - 6, arrow=True)
    yield element("line", class_="segment", x1=LEFT, y1=BUS, x2=WIDTH - LEFT, y2=BUS)
    yield _text(WIDTH - LEFT, BUS - 10, f"segment of {report.interface}", "small end")
    yield _text(
        LEFT + 440, TOP + 24, "Requests go to the director, which alone answers ARP for the", "note"
    )
    yield _text(
        LEFT + 440, TOP + 42, "VIPs; real servers answer clients past it, by the gateway.", "note"
    )


def _director(report: Report, view: ClusterView) -> tuple[list[Element], int]:
    """Return the box of the director with the VIPs in it, and its height."""
    left, top = LEFT, BUS + 50
    inside = list(_vips(view, left + 14, top + 62))
    lines = len(view.vips) if len(view.vips) <= LISTED else -(-len(view.vips) // CHIPS)
    height = 76 + max(lines, 1) * CHIP
    worst = BAD if any(each.state == BAD for each in view.vips.values()) else OK
    state = worst if report.verified is not None else UNKNOWN
    heading = "standby" if view.standby else "director"
    place = f" on {report.hostname}" if report.status is not None else ""
    box = element(
        "rect", class_=f"box {state}", x=left, y=top, width=DIRECTOR - 60, height=height, rx=8
    )
    made = [
        box,
        _text(left + 14, top + 24, heading, "head"),
        _text(left + 14, top + 44, _short(f"{report.name}{place}", 48), "small"),
        *inside,
        _line(left + 60, BUS + 3, left + 60, top - 4, arrow=True),
    ]
    return made, height


def _vips(view: ClusterView, left: int, top: int) -> Iterator[Element]:
    if len(view.vips) <= LISTED:
        for place, (vip, seen) in enumerate(view.vips.items()):
            y = top + place * CHIP
            yield _dot(left + 6, y + 4, seen, f"{vip}: {seen.words}")
            yield _text(left + 20, y + 9, f"{vip}", "address")
        return
    for place, (vip, seen) in enumerate(view.vips.items()):
        x, y = left + place % CHIPS * 19, top + place // CHIPS * CHIP
        square = element("rect", class_=f"chip {seen.state}", x=x, y=y - 6, width=15, height=15)
        yield titled(square, f"{vip}: {seen.words}")


def _servers(view: ClusterView) -> Iterator[Element]:
    for place, (rip, seen) in enumerate(islice(view.servers.items(), MOST_BOXES)):
        x, y = _at(place)
        box = element("rect", class_=f"box {seen.state}", x=x, y=y, width=BOX, height=BOX_HEIGHT)
        yield titled(box, f"{rip}: {seen.words}")
        yield _dot(x + 14, y + 18, seen, seen.words)
        yield _text(x + 28, y + 23, _ends(str(rip), 18), "address")
        served, every = view.counted(rip)
        known = seen.state != UNKNOWN
        told = f"serves {served} of {every}" if known else f"services: {every}"
        yield _text(x + 12, y + 44, told, "small")
        yield titled(
            _text(x + 12, y + 62, _short(seen.words.partition(": ")[0], 22), "small"), seen.words
        )
        if place < COLUMNS:
            yield _line(x + BOX // 2, BUS + 3, x + BOX // 2, y - 3)


def _requests(view: ClusterView) -> Iterator[Element]:
    """Yield what the director sends on: to each real server where they are few, else to all."""
    count = len(view.servers)
    if not count:
        return
    x, y = _at(0)
    start = LEFT + DIRECTOR - 60, y + BOX_HEIGHT // 2
    yield _line(*start, x - 4, start[1], arrow=True)
    yield _text(start[0] + 4, start[1] - 8, "IPVS", "small")
    if count > MOST_BOXES:
        x, y = _at(MOST_BOXES)
        yield _text(x, y + 6, f"and {count - MOST_BOXES} real servers more", "small")


def _at(place: int) -> tuple[int, int]:
    x = LEFT + DIRECTOR + place % COLUMNS * (BOX + GAP)
    return x, BUS + 50 + place // COLUMNS * (BOX_HEIGHT + GAP)


def _box(x: int, width: int, head: str, line: str) -> Iterator[Element]:
    yield element("rect", class_="box", x=x, y=TOP, width=width, height=56, rx=8)
    yield _text(x + 12, TOP + 23, head, "head")
    yield _text(x + 12, TOP + 44, line, "small")


def _text(x: int, y: int, text: str, kind: str) -> Element:
    return element("text", text, class_=kind, x=x, y=y)


def _dot(x: int, y: int, seen: Seen, words: str) -> Element:
    return titled(element("circle", class_=f"dot {seen.state}", cx=x, cy=y, r=6), words)


def _line(x1: int, y1: int, x2: int, y2: int, *, arrow: bool = False) -> Element:
    end = "url(#arrow)" if arrow else None
    return element("line", class_="cable", x1=x1, y1=y1, x2=x2, y2=y2, marker_end=end)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _ends(address: str, most: int) -> str:
    """Return an address, or its ends: those of one subnet differ at the end."""
    if len(address) <= most:
        return address
    return f"{address[: most // 3]}…{address[len(address) - (most - most // 3 - 1) :]}"
