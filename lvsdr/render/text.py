"""What a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.event import Event
from lvsdr.model.finding import Answer, Finding
from lvsdr.model.printable import printable
from lvsdr.model.profile import Profile
from lvsdr.model.step import Step
from lvsdr.render.state import Row


def plan(todo: Plan) -> Iterator[str]:
    """Yield a line for each change."""
    if not todo:
        yield "nothing to change"
    yield from map(line, todo)


def drift(changes: Plan) -> Iterator[str]:
    """Yield a line for each object that somebody else has changed since lvsdr left it."""
    for change in changes:
        now = "gone" if change.after is None else change.after.detail
        left = change.before.detail if change.before else "absent"
        yield printable(f"drift: {change.subject.title}: was {left}; is {now}")


def line(change: Change) -> str:
    """Return one change: its sign, the object, and how it was."""
    was = f" (was {change.before.detail})" if change.before and change.after else ""
    return printable(f"{change.sign} {change.subject}{was}")


def applied(todo: Plan, vips: Iterable[IPAddress]) -> Iterator[str]:
    """Yield what was done."""
    yield from plan(todo)
    yield from announced(vips)


def announced(vips: Iterable[IPAddress]) -> Iterator[str]:
    """Yield which VIPs the segment was told of."""
    yield from (f"announced {vip}" for vip in vips)


def status(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each object of the profile, with what is wrong with it."""
    found = [(printable(str(row.wanted)), row) for row in rows]
    width = max((len(title) for title, _ in found), default=0)
    for title, row in found:
        seen = f": {row.seen.detail}" if row.seen is not None and row.state == "differs" else ""
        yield f"{title.ljust(width)}  {row.state}{printable(seen)}"


def findings(found: Iterable[Finding]) -> Iterator[str]:
    """Yield each finding, and under it the way to mend it."""
    for finding in found:
        yield printable(f"{finding.severity}: {finding.rule}: {finding.message}")
        yield printable(f"  hint: {finding.hint}")


def checked(profiles: Mapping[Path, Profile]) -> Iterator[str]:
    """Yield what each file holds."""
    for path, profile in profiles.items():
        yield printable(f"{path}: a sound {profile.role} profile, called {profile.name}")


def rehearsed(step: Step) -> Iterator[str]:
    """Yield a step of a rehearsal, and under it what was seen."""
    yield f"{'ok  ' if step.ok else 'FAIL'} {step.title}"
    yield from (printable(f"       {seen}") for seen in step.seen)


def scenarios(known: Mapping[str, str]) -> Iterator[str]:
    """Yield each scenario that can be rehearsed, and what it is about."""
    yield from (f"{name.ljust(max(map(len, known)))}  {told}" for name, told in known.items())


def answers(heard: Iterable[Answer], names: dict[str, str]) -> Iterator[str]:
    """Yield who answered for each VIP; `names` say whose a MAC is."""
    seen: dict[tuple[IPAddress, str], list[str]] = {}
    for answer in sorted(heard, key=lambda item: (str(item.address), item.mac, item.form)):
        seen.setdefault((answer.address, answer.mac), []).append(answer.form)
    for (vip, mac), forms in seen.items():
        who = f" ({names[mac]})" if mac in names else ""
        how = "" if forms == ["self"] else f" [{', '.join(forms)}]"
        yield f"{vip} is at {mac}{who}{how}"


def event(item: Event, when: datetime) -> str:
    """Return an event in one line; `when` it happened, in UTC."""
    told = f"{timestamp(when)} {item.severity}: {item.rule}: {item.message} (hint: {item.hint})"
    return printable(told)


def timestamp(when: datetime) -> str:
    """Return a time of UTC by ISO 8601, to the millisecond."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
