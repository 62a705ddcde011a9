"""The nouns of lvsdr as the plain data that JSON holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lvsdr.model.finding import ERROR
from lvsdr.model.health_event import HealthEvent
from lvsdr.model.late_dataclasses import asdict
from lvsdr.model.objects import Address, there
from lvsdr.model.plain_data import to_plain
from lvsdr.render.json_last_apply import last_apply
from lvsdr.render.utc_time import timestamp

if TYPE_CHECKING:
    # A plan is printed without what the other results are made of.
    from lvsdr.model.change import Change, Kept
    from lvsdr.model.counters import Standing
    from lvsdr.model.explanation import Explanation, Reply
    from lvsdr.model.finding import Finding
    from lvsdr.model.health import Down
    from lvsdr.model.keep_event import KeepEvent
    from lvsdr.model.neighbour_claim import Answer
    from lvsdr.model.objects import Object
    from lvsdr.model.path import Proof
    from lvsdr.model.rehearsal_step import Step
    from lvsdr.model.silence import Silence
    from lvsdr.render.keep_line import KeepLine
    from lvsdr.render.object_rows import Row
    from lvsdr.render.results import AppliedProfiles

Document = dict[str, Any]


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


def kept(item: Kept) -> Document:
    """Return one object that does not become what it was before."""
    kind, *key = item.item.key
    return {"object": kind, "key": key, "why": item.why}


def row(item: Row) -> Document:
    """Return where an object stands."""
    kind, *key = item.subject.key
    return {
        "object": kind,
        "key": key,
        "state": item.state,
        "desired": _fields(item.wanted),
        "observed": _fields(item.seen),
        "down": None if item.down is None else down(item.down),
        "counters": None if item.counters is None else asdict(item.counters),
        "clients": None
        if item.clients is None
        else {side: share._asdict() for side, share in item.clients._asdict().items()},
    }


def down(item: Down) -> Document:
    """Return how a real server is down; `since` in seconds since 1970, null where nobody knows."""
    since = item.since or None
    return {"since": since, "why": item.why, "by": item.by, "action": item.action}


def keep_line(line: KeepLine) -> Document:
    """Return what a keeper tells: the document of a whole result."""
    item = line.event
    told = _checked(item) if isinstance(item, HealthEvent) else _kept(item)
    return {
        "format": "lvsdr/keep/1",
        "time": timestamp(line.when),
        "event": item.kind,
        "severity": item.severity,
        "profile": item.profile,
        "message": item.message,
        **told,
    }


def _kept(item: KeepEvent) -> Document:
    return {
        "change": None if item.change is None else change(item.change),
        "since": None if item.since is None else timestamp(item.since),
        "exactly": item.exactly,
        "who": item.who or None,
        "look": item.look or None,
    }


def _checked(item: HealthEvent) -> Document:
    return {
        "service": None if item.service is None else str(item.service),
        "rip": None if item.rip is None else str(item.rip),
        "port": item.port or None,
        "why": item.why or None,
    }


def applied_profiles(item: AppliedProfiles) -> Document:
    """Return what the record knows: the document of a whole result."""
    return {
        "format": "lvsdr/applied/1",
        "ok": all(each.ok for each in item.profiles),
        "profiles": [
            {
                "role": each.role,
                "name": each.name,
                "file": each.file,
                "applied": each.applied,
                "cut_off": each.cut_off,
                "last_apply": last_apply(each.last_apply),
                "objects": [row(it) for it in each.rows],
            }
            for each in item.profiles
        ],
    }


def foreign(item: Object) -> Document:
    """Return what others have put there."""
    kind, *key = item.key
    return {"object": kind, "key": key, "observed": _fields(item)}


def silence(item: Silence) -> Document:
    """Return an address that a link will no longer answer for."""
    return {
        "link": item.link,
        "address": str(item.address),
        "holders": list(item.holders),
        "to": item.to,
    }


def standing(item: Standing) -> Document:
    """Return what is left of a real server's connections."""
    return {
        "key": list(item.server.key[1:]),
        "active": item.counters.active,
        "inactive": item.counters.inactive,
        "persistent": item.counters.persistent,
    }


def finding(item: Finding) -> Document:
    """Return what is wrong."""
    return {
        "rule": item.rule,
        "severity": item.severity,
        "subject": item.subject,
        "vip": None if item.vip is None else str(item.vip),
        "mac": item.mac,
        "rip": None if item.rip is None else str(item.rip),
        "message": item.message,
        "hint": item.hint or None,
        "look": item.look or None,
        "on": item.on or None,
    }


def sound(findings: Iterable[Finding]) -> bool:
    """Return whether none of the findings is an error."""
    return not any(item.severity == ERROR for item in findings)


def path(item: Proof) -> Document:
    """Return what became of a probe; without a verdict nothing is proven."""
    way = item.path
    return {
        "vip": None if way.vip is None else str(way.vip),
        "protocol": way.transport,
        "port": way.port or None,
        "fwmark": way.service.fwmark or None,
        "rip": str(way.rip),
        "verdict": item.verdict,
        "foreign": way.foreign,
        "down": None if item.down is None else down(item.down),
        "hint": item.hint or None,
        "look": item.look or None,
        "on": item.on or None,
    }


def answer(item: Answer, names: Mapping[str, str]) -> Document:
    """Return who answered for a VIP."""
    return {
        "vip": str(item.address),
        "mac": item.mac,
        "form": item.form,
        "host": names.get(item.mac),
        "sender": item.sender or None,
    }


def step(item: Step) -> Document:
    """Return a step of a rehearsal."""
    return {"title": item.title, "ok": item.ok, "seen": list(item.seen)}


def link(item: Explanation) -> Document:
    """Return the settings of a link, and what it would answer."""
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


def _fields(item: Object | None) -> Document | None:
    if item is None or not there(item):
        return None
    place = {"ahead": True} if isinstance(item, Address) and item.ahead else {}
    return {**to_plain(item), **place}
