"""What a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lvsdr.model.objects import there
from lvsdr.render.change_lines import change_lines, lines_of_gone
from lvsdr.render.exported_files import Exported
from lvsdr.render.imported_profiles import ImportedProfiles
from lvsdr.render.keep_line import KeepLine
from lvsdr.render.keepalived_results import ConfFindings, FifoLine, KeepalivedStatus, Notified
from lvsdr.render.report.report_result import Report
from lvsdr.render.results import (
    Announced,
    Applied,
    AppliedProfiles,
    Checked,
    Drained,
    Explained,
    Measured,
    Planned,
    Rehearsed,
    Result,
    Scenarios,
    SegmentEvent,
    Status,
    StepDone,
    Verified,
)

if TYPE_CHECKING:
    # A plan is printed without what the other results are made of.
    from lvsdr.model.change import Plan
    from lvsdr.model.explanation import Answering
    from lvsdr.model.finding import Finding


def lines(result: Result) -> Iterable[str]:
    """Return the lines of a result; whoever prints them makes them safe for a terminal."""
    return SHOWS[type(result)](result)


def one_of_many(result: Result) -> Iterable[str]:
    """Return the lines of a result among others: people read them as they read one."""
    return lines(result)


def changes(plan: Plan) -> Iterator[str]:
    """Yield a line for each change."""
    if not plan:
        yield "nothing to change"
    yield from change_lines(plan)


def _planned(result: Planned) -> Iterator[str]:
    yield from changes(result.changes)
    yield from _drift(result.drift)
    if result.foreign or result.silences or result.kept:
        from lvsdr.render.status_verify_text import beside_a_plan

        yield from beside_a_plan(result)


def _drift(plan: Plan) -> Iterator[str]:
    for item in plan:
        now = item.after.detail if item.after and there(item.after) else "gone"
        left = item.before.detail if item.before and there(item.before) else "absent"
        yield f"drift: {item.subject.title}: was {left}; is {now}"


def applied(result: Applied) -> Iterator[str]:
    """Yield what was changed, kept and announced."""
    if result.gone:
        yield from lines_of_gone(result.gone)
    if result.changes or not result.kept:
        yield from changes(result.changes)
    if result.kept:
        from lvsdr.render.status_verify_text import kept_lines

        yield from kept_lines(result.kept)
    yield from _announced(Announced(result.announced))


def _announced(result: Announced) -> Iterator[str]:
    yield from (f"announced {vip}" for vip in result.vips)
    for each in result.neighbours:
        if each.told:
            yield f"told {each.address}, which answered"
            yield from (f"could not tell {each.address} of {vip}: no answer" for vip in each.untold)
        elif each.untold:
            yield f"could not tell {each.address}: it did not answer"


def _status(result: Status) -> Iterator[str]:
    from lvsdr.render.applied_text import last_apply_lines
    from lvsdr.render.page_width import USUAL, page_width
    from lvsdr.render.status_verify_text import client_lines, status_lines

    yield from status_lines(result.rows, page_width() or USUAL)
    yield from () if result.table is None else result.table.lines
    yield from client_lines(result.rows, result.seen)
    yield from _drift(result.drift)
    yield from last_apply_lines(result.last_apply)


def _applied_profiles(result: AppliedProfiles) -> Iterator[str]:
    from lvsdr.render.applied_text import applied_lines

    if not result.profiles:
        yield "nothing is applied on this host"
    for each in result.profiles:
        yield from applied_lines(each)


def _drained(result: Drained) -> Iterator[str]:
    yield from change_lines(result.changes)
    for each in result.left:
        counted = each.counters
        yield (
            f"{each.server.title}: {counted.active} active, {counted.inactive} inactive,"
            f" {counted.persistent} persistent"
        )
    yield from (f"  {reason}" for reason in result.obstacles)
    yield {"drained": f"drained {result.rip}", "restored": f"restored {result.rip}"}.get(
        result.state, f"not drained yet: {result.rip}"
    )


def _verified(result: Verified) -> Iterator[str]:
    from lvsdr.render.service_text import service_lines
    from lvsdr.render.status_verify_text import answer_lines, foreign_lines, last_line, path_lines

    yield from answer_lines(result.answers, result.names)
    yield from path_lines(result.paths)
    yield from foreign_lines(result.foreign)
    yield from service_lines(result.client, result.services, result.names)
    yield from (f"note: {note}" for note in result.notes)
    yield from findings(result.findings)
    yield from last_line(result)


def findings(found: Iterable[Finding]) -> Iterator[str]:
    """Yield each finding, and its remedies below it."""
    for finding in found:
        yield f"{finding.severity}: {finding.rule}: {finding.message}"
        yield from (f"  {word}: {text}" for word, text in finding.remedies)


def _checked(result: Checked) -> Iterator[str]:
    for path, profile in result.profiles.items():
        yield f"{path}: a sound {profile.role} profile, called {profile.name}"
    yield from findings(result.findings)


def _explained(result: Explained) -> Iterator[str]:
    for link in result.links:
        if link.through is not None:
            yield f"{link.link}: {link.through} speaks for it; its own settings do nothing"
            continue
        yield f"{link.link}:" + ("" if link.speaks else " it does not speak ARP")
        yield f"  {'setting':16} {'all':>3} {'link':>4} {'effective':>9}"
        for one in link.settings:
            yield f"  {one.name:16} {one.every:>3} {one.own:>4} {one.effective:>9}  {one.meaning}"
        for answer in link.answers:
            yield from _answering(answer)


def _answering(answer: Answering) -> Iterator[str]:
    replies = {f"tell {answer.asker}": answer.own, "a probe": answer.probe}
    for asked, reply in replies.items():
        if reply is not None:
            word = "ANSWERS" if reply.answers else "silent"
            yield f"  who-has {answer.address}, {asked}: {word}: {reply.why}"


def _segment_event(result: SegmentEvent) -> Iterator[str]:
    from lvsdr.render.utc_time import timestamp

    item = result.event
    told = f"{item.severity}: {item.rule}: {item.message}"
    said = "; ".join(f"{word}: {text}" for word, text in item.remedies)
    yield f"{timestamp(result.when)} {told}" + (f" ({said})" if said else "")


def _scenarios(result: Scenarios) -> Iterator[str]:
    width = max(map(len, result.known), default=0)
    yield from (f"{name.ljust(width)}  {told}" for name, told in result.known.items())


def _step_done(result: StepDone) -> Iterator[str]:
    yield f"{'ok  ' if result.step.ok else 'FAIL'} {result.step.title}"
    yield from (f"       {seen}" for seen in result.step.seen)


def _rehearsed(result: Rehearsed) -> Iterator[str]:
    """Yield how it ended: the steps have been shown while they were done."""
    failed = [step.title for step in result.steps if not step.ok]
    yield f"rehearsed: FAILED: {', '.join(failed)}" if failed else "rehearsed: all went well"


def _later(module: str, name: str) -> Callable[[Any], Iterable[str]]:
    """Return what is imported once it is called: a plan is printed without it."""

    def show(result: Any) -> Iterable[str]:
        shown: Iterable[str] = getattr(import_module(f"lvsdr.render.{module}"), name)(result)
        return shown

    return show


SHOWS: Mapping[type[Result], Callable[[Any], Iterable[str]]] = {
    Planned: _planned,
    Applied: applied,
    Announced: _announced,
    Status: _status,
    AppliedProfiles: _applied_profiles,
    Drained: _drained,
    Verified: _verified,
    Checked: _checked,
    ConfFindings: _later("keepalived_text", "conf_findings"),
    ImportedProfiles: ImportedProfiles.lines,
    Explained: _explained,
    SegmentEvent: _segment_event,
    Scenarios: _scenarios,
    StepDone: _step_done,
    Rehearsed: _rehearsed,
    Notified: _later("keepalived_text", "notified"),
    FifoLine: _later("keepalived_text", "fifo_line"),
    KeepalivedStatus: _later("keepalived_text", "keepalived_status"),
    KeepLine: lambda result: [result.title],
    Measured: _later("prometheus_text", "exposition"),
    Report: _later("report.report_page", "shown"),
    Exported: _later("exported_files", "exported_lines"),
}
