"""What a program reads: one JSON object for each result, with a `format` field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lvsdr.model.change import Change
from lvsdr.model.late_dataclasses import asdict
from lvsdr.model.servers_in_columns import one_by_one
from lvsdr.render import json_fields, json_imported, json_keepalived, json_verify
from lvsdr.render.exported_files import Exported
from lvsdr.render.imported_profiles import ImportedProfiles
from lvsdr.render.json_export import exported_document
from lvsdr.render.json_fields import Document
from lvsdr.render.json_last_apply import last_apply
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
    Failed,
    Measured,
    Planned,
    Rehearsed,
    Result,
    Scenarios,
    SegmentEvent,
    Status,
    Verified,
)
from lvsdr.render.utc_time import timestamp

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.change import Plan


def lines(result: Result) -> Iterable[str]:
    """Return the document of a result, for who may look at it too."""
    return json.dumps(document(result), indent=2).splitlines()


def one_of_many(result: Result) -> Iterable[str]:
    """Return the document of a result in one line."""
    return [json.dumps(document(result))]


def document(result: Result) -> Document:
    """Return what is printed of a result."""
    return SHOWS[type(result)](result)


def _planned(result: Planned) -> Document:
    return {
        "format": "lvsdr/plan/1",
        "changes": _changes(result.changes),
        "drift": _changes(result.drift),
        "foreign": [json_fields.foreign(item) for item in result.foreign],
        "silences": [json_fields.silence(item) for item in result.silences],
        "standby": result.standby or None,
        "kept": [json_fields.kept(each) for each in result.kept],
    }


def _applied(result: Applied) -> Document:
    gone = (server for some in result.gone for server in some.unfolded())
    return {
        "format": "lvsdr/apply/1",
        "changes": _changes((*(Change(server, None) for server in gone), *result.changes)),
        "announced": _addresses(result.announced),
        "silences": [json_fields.silence(item) for item in result.silences],
        "kept": [json_fields.kept(each) for each in result.kept],
    }


def _announced(result: Announced) -> Document:
    return {
        "format": "lvsdr/announce/1",
        "announced": _addresses(result.vips),
        "neighbours": [
            {
                "address": str(each.address),
                "told": _addresses(each.told),
                "untold": _addresses(each.untold),
            }
            for each in result.neighbours
        ],
    }


def _status(result: Status) -> Document:
    return {
        "format": "lvsdr/status/1",
        "ok": all(row.ok for row in result.rows),
        "objects": [json_fields.row(row) for row in result.rows],
        "drift": _changes(result.drift),
        "standby": result.standby or None,
        "connections": None
        if result.seen is None
        else {"looked_at": result.seen.looked_at, "complete": result.seen.complete},
        "table": None if result.table is None else asdict(result.table),
        "last_apply": last_apply(result.last_apply),
    }


def _drained(result: Drained) -> Document:
    return {
        "format": "lvsdr/drain/1",
        "rip": result.rip,
        "state": result.state,
        "changes": _changes(result.changes),
        "left": [json_fields.standing(each) for each in result.left],
        "obstacles": list(result.obstacles),
    }


def _checked(result: Checked) -> Document:
    return json_verify.checked(result.profiles, result.findings)


def _explained(result: Explained) -> Document:
    return {
        "format": "lvsdr/explain/1",
        "links": [json_fields.link(item) for item in result.links],
    }


def _segment_event(result: SegmentEvent) -> Document:
    item = result.event
    return {
        "format": "lvsdr/event/1",
        "time": timestamp(result.when),
        "rule": item.rule,
        "severity": item.severity,
        "vip": None if item.vip is None else str(item.vip),
        "mac": item.mac,
        "host": item.host,
        "rip": None if item.rip is None else str(item.rip),
        "form": item.form,
        "count": item.count,
        "message": item.message,
        "hint": item.hint or None,
        "look": item.look or None,
        "on": item.on or None,
    }


def _scenarios(result: Scenarios) -> Document:
    known = [{"name": name, "summary": each} for name, each in result.known.items()]
    return {"format": "lvsdr/scenarios/1", "scenarios": known}


def _rehearsed(result: Rehearsed) -> Document:
    return {
        "format": "lvsdr/rehearse/1",
        "ok": all(item.ok for item in result.steps),
        "steps": [json_fields.step(item) for item in result.steps],
    }


def _measured(result: Measured) -> Document:
    return {
        "format": "lvsdr/metrics/1",
        "metrics": [
            {
                "name": each.name,
                "type": "gauge",
                "help": each.help,
                "samples": [
                    {"labels": dict(labels), "value": value} for labels, value in each.samples
                ],
            }
            for each in result.gauges
        ],
    }


def _report(result: Report) -> Document:
    return {
        "format": "lvsdr/report/1",
        "made": timestamp(result.made),
        "hostname": result.hostname,
        "name": result.name,
        "interface": result.interface,
        "files": list(result.files),
        "vips": _addresses(result.vips),
        "rips": _addresses(result.rips),
        "gateways": _addresses(result.gateways),
        "status": None if result.status is None else _status(result.status),
        "verify": None if result.verified is None else json_verify.verified(result.verified),
        "history": [dict(each) for each in result.history],
        "notes": list(result.notes),
    }


def _failed(result: Failed) -> Document:
    others = [{"error": each.message, "hints": each.hints} for each in result.failure.others]
    return {
        "format": "lvsdr/error/1",
        "error": result.failure.message,
        "exit_code": result.failure.exit_code,
        "notes": result.failure.notes,
        "hints": result.failure.hints,
        **({"others": others} if others else {}),
    }


def _changes(plan: Plan) -> list[Document]:
    return [json_fields.change(item) for item in one_by_one(plan)]


def _addresses(vips: Iterable[IPAddress]) -> list[str]:
    return [str(vip) for vip in vips]


SHOWS: Mapping[type[Result], Callable[[Any], Document]] = {
    Planned: _planned,
    Applied: _applied,
    Announced: _announced,
    Status: _status,
    AppliedProfiles: json_fields.applied_profiles,
    Drained: _drained,
    Verified: json_verify.verified,
    Checked: _checked,
    ConfFindings: json_keepalived.conf_findings,
    ImportedProfiles: json_imported.imported_profiles,
    Explained: _explained,
    SegmentEvent: _segment_event,
    Scenarios: _scenarios,
    Rehearsed: _rehearsed,
    Notified: json_keepalived.notified,
    FifoLine: json_keepalived.fifo_line,
    KeepalivedStatus: json_keepalived.keepalived_status,
    KeepLine: json_fields.keep_line,
    Measured: _measured,
    Report: _report,
    Exported: exported_document,
    Failed: _failed,
}
