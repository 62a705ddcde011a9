"""The page of a report: one file, no script, nothing from the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from lvsdr.model.finding import ERROR
from lvsdr.render.report.cluster_view import BAD, OK, OUT, UNKNOWN, service_rows
from lvsdr.render.report.colours import PAGE, STYLE
from lvsdr.render.report.drawing import drawing
from lvsdr.render.report.markup import element, html_text, svg_text
from lvsdr.render.utc_time import timestamp

if TYPE_CHECKING:
    from lvsdr.model.finding import Finding
    from lvsdr.render.object_rows import Row
    from lvsdr.render.report.report_result import Report

# Of so many rows a page is still read; of more there is the JSON.
MOST_ROWS = 5000
FIGURES = ("active", "inactive", "conn/s", "packets/s", "bytes/s")


def shown(report: Report) -> Iterator[str]:
    """Yield the lines of the page, or of the drawing alone."""
    text = svg_text(drawing(report)) if report.picture else html_text(_html(report))
    yield from text.splitlines()


def _html(report: Report) -> Element:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{report.name}: a cluster of Linux Virtual Server"),
        element("style", STYLE + PAGE),
    )
    body = element(
        "body",
        *_head(report),
        drawing(report),
        *_findings(report),
        *_vips(report),
        *_table(report),
        *_history(report),
    )
    return element("html", head, body, lang="en")


def _head(report: Report) -> Iterator[Element]:
    yield element("h1", f"{report.name}")
    state, words = _verdict(report)
    yield element("p", element("span", words, class_=f"verdict {state}"))
    files = ", ".join(report.files)
    seen = f"Seen by {report.hostname} at {timestamp(report.made)}"
    yield element("p", f"{seen}, from {files}; lvsdr {report.version}.", class_="about")
    for note in report.notes:
        yield element("p", note, class_="about")


def _verdict(report: Report) -> tuple[str, str]:
    if report.verified is None:
        return UNKNOWN, "not verified"
    errors = sum(each.severity == ERROR for each in report.verified.findings)
    if errors:
        return BAD, f"{errors} error" + ("s" if errors > 1 else "")
    return OK, "no errors found"


def _findings(report: Report) -> Iterator[Element]:
    if report.verified is None:
        return
    yield element("h2", "Findings")
    if not report.verified.findings:
        yield element("p", "None.")
    yield from map(_finding, report.verified.findings)
    for note in report.verified.notes:
        yield element("p", note, class_="about")


def _finding(item: Finding) -> Element:
    remedies = (
        element("div", f"{word}: ", element("code", text), class_="remedy")
        for word, text in item.remedies
    )
    said = element("div", element("strong", item.rule), f" ({item.severity}): {item.message}")
    return element("div", said, *remedies, class_=f"finding {item.severity}")


def _vips(report: Report) -> Iterator[Element]:
    if report.verified is None:
        return
    yield element("h2", "Who answers ARP")
    rows = [
        element(
            "tr",
            element("td", element("code", str(vip))),
            element("td", element("code", mac)),
            element("td", report.verified.names.get(mac) or "unknown host"),
        )
        for vip in report.vips
        for mac in sorted({it.mac for it in report.verified.answers if it.address == vip}) or ["-"]
    ]
    yield _grid(("VIP", "MAC address", "host"), rows)


def _table(report: Report) -> Iterator[Element]:
    if report.status is None:
        return
    yield element("h2", "The table")
    rows: list[Element] = []
    for service, servers in service_rows(report):
        rows.append(_row(service, "service"))
        rows += (_row(server, "") for server in servers)
    numbers = frozenset(FIGURES)
    yield _grid(("", "state", *FIGURES), rows[:MOST_ROWS], numbers)
    if len(rows) > MOST_ROWS:
        yield element("p", f"And {len(rows) - MOST_ROWS} rows more: lvsdr director status.")


def _row(row: Row, kind: str) -> Element:
    item, counted = row.subject, row.counters
    figures: tuple[object, ...] = ("",) * len(FIGURES)
    if counted is not None:
        rates = counted.rates
        per_second = rates.connections, rates.packets_in, rates.bytes_in
        figures = (counted.active, counted.inactive, *(f"{each:g}" for each in per_second))
    state = str(row.down) if row.down is not None else row.state
    return element(
        "tr",
        element("td", element("code", str(item))),
        element("td", state, class_=f"state {_state(row)}"),
        *(element("td", str(each), class_="number") for each in figures),
        class_=kind or None,
    )


def _state(row: Row) -> str:
    if row.down is not None or row.state == "drained":
        return OUT
    return OK if row.state == "ok" else BAD


def _history(report: Report) -> Iterator[Element]:
    if not report.history:
        return
    yield element("h2", "What the keeper has told")
    rows = [
        element(
            "tr",
            element("td", element("code", str(each.get("time", "")))),
            element("td", str(each.get("event", ""))),
            element("td", str(each.get("message", ""))),
        )
        for each in report.history
    ]
    yield _grid(("time", "event", ""), rows)


def _grid(
    names: tuple[str, ...], rows: list[Element], numbers: frozenset[str] = frozenset()
) -> Element:
    head = (element("th", name, class_="number" if name in numbers else None) for name in names)
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows))
    return element("div", table, class_="wide")
