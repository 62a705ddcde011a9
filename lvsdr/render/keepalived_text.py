"""What a person reads of the commands about keepalived."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import zip_longest

from lvsdr.render import text
from lvsdr.render.keepalived_results import ConfFindings, FifoLine, KeepalivedStatus, Notified
from lvsdr.render.results import Applied


def conf_findings(result: ConfFindings) -> Iterator[str]:
    """Yield the findings, and a remedy that several in a row have behind the last of them."""
    following = [each.remedies for each in result.findings[1:]]
    for finding, remedies in zip_longest(result.findings, following):
        yield f"{finding.severity}: {finding.rule}: {finding.message}"
        if finding.remedies != remedies:
            yield from (f"  {word}: {text}" for word, text in finding.remedies)
    if not result.findings:
        yield "no findings"


def notified(result: Notified) -> Iterator[str]:
    """Yield what keepalived said, and what was done about it."""
    yield result.title
    if result.followed:
        yield from text.applied(Applied(result.changes, result.announced))


def fifo_line(result: FifoLine) -> Iterator[str]:
    """Yield a line of the FIFO as it is."""
    yield result.line


def keepalived_status(result: KeepalivedStatus) -> Iterator[str]:
    """Yield what keepalived said last of its instances and of the servers that it checks."""
    for it in result.instances:
        yield f"{it.type} {it.name}: {it.state}{'' if it.done else ', not carried out'}"
    if not result.instances:
        yield "keepalived has said nothing of an instance"
    for each in result.servers:
        since = datetime.fromtimestamp(each.since, UTC).isoformat()
        what = f"real server {each.real_server} of " if each.real_server else "virtual server "
        yield f"{what}{each.virtual_server}: {each.state} since {since}"
