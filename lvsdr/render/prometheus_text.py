"""Prometheus' text format, version 0.0.4: as textfile collectors and servers read it."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.printable import printable
from lvsdr.render.results import Measured


def exposition(result: Measured) -> Iterator[str]:
    """Yield the lines of those gauges that have samples."""
    for gauge in result.gauges:
        if gauge.samples:
            yield f"# HELP {gauge.name} {_escaped(gauge.help)}"
            yield f"# TYPE {gauge.name} gauge"
            for labels, value in gauge.samples:
                said = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels.items())
                yield f"{gauge.name}{f'{{{said}}}' if said else ''} {_number(value)}"


def _quoted(text: str) -> str:
    return _escaped(printable(text)).replace('"', r"\"")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    # repr() of a float says all of it; a count needs no fraction.
    return str(int(value)) if value == int(value) else repr(float(value))
