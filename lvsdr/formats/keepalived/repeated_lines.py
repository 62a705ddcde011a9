"""What ~SEQ and ~LST stand for in keepalived.conf: a line, said again for each of some values.

As keepalived.conf(5) has them: `~SEQ(NAME, START, STEP, END) LINE`, and `~LST(NAME, VALUES) LINE`
or `~LST({NAMES}, {VALUES}, {VALUES}) LINE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SEQ = re.compile(r"~SEQ(x?)[ \t]*\([ \t]*([^ \t,)]+)[ \t]*,([^)]*)\)[ \t]*(.*)", re.DOTALL)
LST = re.compile(
    r"~LST[ \t]*\([ \t]*(?:\{([^{}]*)\}|([^ \t,{}]*))[ \t]*,((?:[^{})]|\{[^{}]*\})*)\)[ \t]*(.*)",
    re.DOTALL,
)
BETWEEN = re.compile(r",(?![^{}]*\})")
# Nobody writes so many; a line with more of them is read that often.
MOST = 1 << 16
Words = dict[str, str]


def repeated(text: str) -> Iterator[tuple[Words, str]]:
    """Yield the line that a ~SEQ or ~LST says again, with what its names stand for each time.

    Nothing comes of one that keepalived does not take either.
    """
    if found := SEQ.fullmatch(text):
        yield from (
            ({found[2]: each}, found[4]) for each in _numbers(found[3], hexa=bool(found[1]))
        )
    elif found := LST.fullmatch(text):
        names = _split(found[1]) if found[1] is not None else [found[2]]
        for each in BETWEEN.split(found[3]):
            text = each.strip(" \t")
            values = _split(text[1:-1]) if text.startswith("{") else [text]
            if len(values) <= len(names):
                values += [""] * (len(names) - len(values))
                yield dict(zip(names, values, strict=True)), found[4]


def _split(text: str) -> list[str]:
    return [each.strip(" \t") for each in text.split(",")]


def _numbers(text: str, *, hexa: bool) -> Iterator[str]:
    """Yield the numbers of START, STEP and END; without some of them, as keepalived fills in."""
    try:
        given = [int(each, 0) for each in _split(text)]
    except ValueError:
        return
    if len(given) == 1:
        (end,) = given
        start, step = (-1, -1) if end < 0 else (1, 1 if end >= 1 else -1)
    elif len(given) == 2:
        start, end = given
        step = 1 if start <= end else -1
    elif len(given) == 3:
        start, step, end = given
    else:
        return
    if not step or (end - start) * step < 0 or (hexa and min(start, end) < 0):
        return
    for number in range(start, end + (1 if step > 0 else -1), step)[:MOST]:
        yield f"{number:x}" if hexa else str(number)
