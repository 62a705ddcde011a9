"""What a program reads: one JSON object with a `format` field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lvsdr.errors import LvsdrError
from lvsdr.model.finding import ERROR
from lvsdr.model.objects import there
from lvsdr.model.plain_data import to_plain
from lvsdr.render.text import timestamp

if TYPE_CHECKING:
    # A plan is printed without what the other outputs are made of.
    from datetime import datetime
    from pathlib import Path

    from lvsdr.model.address import IPAddress
    from lvsdr.model.change import Change, Plan
    from lvsdr.model.counters import Standing
    from lvsdr.model.explanation import Explanation, Reply
    from lvsdr.model.finding import Finding
    from lvsdr.model.neighbour_claim import Answer
    from lvsdr.model.objects import Object
    from lvsdr.model.path import Proof
    from lvsdr.model.profile import Profile
    from lvsdr.model.rehearsal_step import Step
    from lvsdr.model.watch_event import Event
    from lvsdr.render.object_rows import Row

Document = dict[str, Any]


def plan(todo: Plan, drift: Plan) -> Document:
    """Return `lvsdr/plan/1`: the changes in the order in which they would be carried out.

    `drift` tells what others have done since: `before` is how lvsdr left it, `after` how it is.
    """
    return {
        "format": "lvsdr/plan/1",
        "changes": [change(item) for item in todo],
        "drift": [change(item) for item in drift],
    }


def applied(todo: Plan, vips: Iterable[IPAddress]) -> Document:
    """Return `lvsdr/apply/1`: the changes that were carried out."""
    return {
        "format": "lvsdr/apply/1",
        "changes": [change(item) for item in todo],
        "announced": [str(vip) for vip in vips],
    }


def announced(vips: Iterable[IPAddress]) -> Document:
    """Return `lvsdr/announce/1`: the VIPs that the segment was told of."""
    return {"format": "lvsdr/announce/1", "announced": [str(vip) for vip in vips]}


def notified(
    notice: Document, followed: str | None, reason: str, todo: Plan, vips: Iterable[IPAddress]
) -> Document:
    """Return `lvsdr/notify/1`: what keepalived said, and what was done about it."""
    return {
        "format": "lvsdr/notify/1",
        **notice,
        "followed": followed,
        "reason": reason,
        "changes": [change(item) for item in todo],
        "announced": [str(vip) for vip in vips],
    }


def keepalived_line(line: str) -> Document:
    """Return `lvsdr/said/1`: a line of keepalived's FIFO."""
    return {"format": "lvsdr/said/1", "line": line}


def kept_alive(instances: Iterable[Document], servers: Iterable[Document]) -> Document:
    """Return `lvsdr/keepalived/1`: what keepalived said last of its instances and its checks."""
    return {
        "format": "lvsdr/keepalived/1",
        "instances": list(instances),
        "servers": list(servers),
    }


def status(rows: Iterable[Row], drift: Plan) -> Document:
    """Return `lvsdr/status/1`: each object of the profile as it should be and as it is."""
    listed = list(rows)
    return {
        "format": "lvsdr/status/1",
        "ok": all(row.ok for row in listed),
        "objects": [_row(row) for row in listed],
        "drift": [change(item) for item in drift],
    }


def drained(
    rip: str, state: str, todo: Plan, seen: Iterable[Standing], why: Iterable[str]
) -> Document:
    """Return `lvsdr/drain/1`: what was changed, what is left, and why; `state` is the outcome."""
    return {
        "format": "lvsdr/drain/1",
        "rip": rip,
        "state": state,
        "changes": [change(item) for item in todo],
        "left": [
            {
                "key": list(each.server.key[1:]),
                "active": each.counters.active,
                "inactive": each.counters.inactive,
                "persistent": each.counters.persistent,
            }
            for each in seen
        ],
        "obstacles": list(why),
    }


def verified(
    findings: Iterable[Finding],
    heard: Iterable[Answer],
    names: dict[str, str],
    paths: Iterable[Proof] = (),
) -> Document:
    """Return `lvsdr/verify/1`: what is wrong, who answered, and what the paths are like."""
    found = [_finding(item) for item in findings]
    return {
        "format": "lvsdr/verify/1",
        "ok": not any(item["severity"] == ERROR for item in found),
        "findings": found,
        "answers": [_answer(item, names) for item in sorted(heard, key=str)],
        "paths": [_path(item) for item in paths],
    }


def event(item: Event, when: datetime) -> Document:
    """Return `lvsdr/event/1`: what happened on the segment; `when`, in UTC."""
    return {
        "format": "lvsdr/event/1",
        "time": timestamp(when),
        "rule": item.rule,
        "severity": item.severity,
        "vip": None if item.vip is None else str(item.vip),
        "mac": item.mac,
        "host": item.host,
        "rip": None if item.rip is None else str(item.rip),
        "form": item.form,
        "count": item.count,
        "message": item.message,
        "hint": item.hint,
    }


def checked(profiles: Mapping[Path, Profile], found: Iterable[Finding]) -> Document:
    """Return `lvsdr/check/1`: what each file holds, and where they disagree."""
    findings = [_finding(item) for item in found]
    return {
        "format": "lvsdr/check/1",
        "ok": not any(item["severity"] == ERROR for item in findings),
        "profiles": [
            {"file": str(path), "role": item.role, "name": item.name}
            for path, item in profiles.items()
        ],
        "findings": findings,
    }


def explained(told: Iterable[Explanation]) -> Document:
    """Return `lvsdr/explain/1`: for each link its settings, and what it would answer."""
    return {"format": "lvsdr/explain/1", "links": [_link(item) for item in told]}


def rehearsed(steps: Iterable[Step]) -> Document:
    """Return `lvsdr/rehearse/1`: each step, and whether all went well."""
    done = [{"title": item.title, "ok": item.ok, "seen": list(item.seen)} for item in steps]
    return {"format": "lvsdr/rehearse/1", "ok": all(item["ok"] for item in done), "steps": done}


def scenarios(known: Mapping[str, str]) -> Document:
    """Return `lvsdr/scenarios/1`: what can be rehearsed by name, and what each is about."""
    listed = [{"name": name, "summary": summary} for name, summary in known.items()]
    return {"format": "lvsdr/scenarios/1", "scenarios": listed}


def error(failure: LvsdrError) -> Document:
    """Return `lvsdr/error/1`."""
    return {
        "format": "lvsdr/error/1",
        "error": failure.message,
        "exit_code": failure.exit_code,
        "notes": failure.notes,
        "hints": failure.hints,
    }


def change(item: Change) -> Document:
    """Return one change; `before` or `after` is null where the object is not there."""
    kind, *key = item.key
    return {
        "sign": item.sign,
        "object": kind,
        "key": key,
        "before": _fields(item.before),
        "after": _fields(item.after),
    }


def text(document: Document) -> str:
    """Return the document as it is printed."""
    return json.dumps(document, indent=2)


def line(document: Document) -> str:
    """Return the document in one line, as one of many."""
    return json.dumps(document)


def _row(row: Row) -> Document:
    kind, *key = row.subject.key
    return {
        "object": kind,
        "key": key,
        "state": row.state,
        "desired": _fields(row.wanted),
        "observed": _fields(row.seen),
        "counters": None if row.counters is None else asdict(row.counters),
    }


def _fields(item: Object | None) -> Document | None:
    return to_plain(item) if item is not None and there(item) else None


def _finding(item: Finding) -> Document:
    return {
        "rule": item.rule,
        "severity": item.severity,
        "subject": item.subject,
        "vip": None if item.vip is None else str(item.vip),
        "mac": item.mac,
        "rip": None if item.rip is None else str(item.rip),
        "message": item.message,
        "hint": item.hint,
    }


def _path(item: Proof) -> Document:
    path = item.path
    return {
        "vip": None if path.vip is None else str(path.vip),
        "protocol": path.service.protocol,
        "port": path.port or None,
        "fwmark": path.service.fwmark or None,
        "rip": str(path.rip),
        "verdict": item.verdict,
        "hint": item.hint,
    }


def _answer(item: Answer, names: dict[str, str]) -> Document:
    return {
        "vip": str(item.address),
        "mac": item.mac,
        "form": item.form,
        "host": names.get(item.mac),
    }


def _link(item: Explanation) -> Document:
    return {
        "link": item.link,
        "speaks": item.speaks,
        "through": item.through,
        "settings": [
            {
                "name": one.name,
                "all": one.every,
                "own": one.own,
                "effective": one.effective,
                "meaning": one.meaning,
            }
            for one in item.settings
        ],
        "answers": [
            {
                "address": str(one.address),
                "asker": None if one.asker is None else str(one.asker),
                "own": None if one.own is None else _reply(one.own),
                "probe": _reply(one.probe),
            }
            for one in item.answers
        ],
    }


def _reply(item: Reply) -> Document:
    return {"answers": item.answers, "why": item.why}
