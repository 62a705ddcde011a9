"""What a plugin of Nagios and its kin says: one line, performance data behind a bar, and a code.

As the Monitoring Plugins Development Guidelines have it: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.printable import printable

if TYPE_CHECKING:
    from lvsdr.errors import LvsdrError
    from lvsdr.render.results import Verified

UNKNOWN = 3
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def code_of(result: Verified) -> int:
    """Return the exit code of what a verify found."""
    severities = {each.severity for each in result.findings}
    return 2 if ERROR in severities else 1 if WARNING in severities else 0


def verified(result: Verified) -> Iterator[str]:
    """Yield the line of what a verify found, and each finding below it."""
    errors, warnings = (
        [each for each in result.findings if each.severity == severity]
        for severity in (ERROR, WARNING)
    )
    served = sum(each.verdict == "served" for each in result.paths)
    facts = []
    if result.findings:
        worst = (errors or warnings)[0]
        facts.append(f"{worst.rule}: {worst.message}")
    if len(result.findings) > 1:
        facts.append(f"{len(errors)} errors, {len(warnings)} warnings")
    if result.paths:
        facts.append(f"{served} of {len(result.paths)} paths serve")
    told = _plain("; ".join(facts) or "no findings")
    numbers = f"errors={len(errors)};;0 warnings={len(warnings)};0 paths={len(result.paths)}"
    yield f"LVSDR {STATES[code_of(result)]} - {told} | {numbers} served={served}"
    for each in result.findings:
        yield _plain(f"{each.severity}: {each.rule}: {each.message}")
        yield from (_plain(f"  {word}: {text}") for word, text in each.remedies)


def failed(failure: LvsdrError) -> str:
    """Return the line of a verify that came to no end."""
    return _plain(f"LVSDR {STATES[UNKNOWN]} - {failure.message}")


def _plain(text: str) -> str:
    # What stands behind a bar is read as numbers.
    return printable(text).replace("|", "/")
