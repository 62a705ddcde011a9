"""What a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import Object, there
from lvsdr.model.printable import printable

if TYPE_CHECKING:
    # A plan is printed without what the other outputs are made of.
    from datetime import datetime
    from pathlib import Path

    from lvsdr.model.address import IPAddress
    from lvsdr.model.change import Change, Plan
    from lvsdr.model.counters import Counters, Standing
    from lvsdr.model.explanation import Answering, Explanation
    from lvsdr.model.finding import Finding
    from lvsdr.model.neighbour_claim import Answer
    from lvsdr.model.profile import Profile
    from lvsdr.model.rehearsal_step import Step
    from lvsdr.model.watch_event import Event
    from lvsdr.render.object_rows import Row


def plan(todo: Plan) -> Iterator[str]:
    """Yield a line for each change."""
    if not todo:
        yield "nothing to change"
    yield from map(line, todo)


def drift(changes: Plan) -> Iterator[str]:
    """Yield a line for each object that somebody else has changed since lvsdr left it."""
    for change in changes:
        now = change.after.detail if change.after and there(change.after) else "gone"
        left = change.before.detail if change.before and there(change.before) else "absent"
        yield printable(f"drift: {change.subject.title}: was {left}; is {now}")


def line(change: Change) -> str:
    """Return one change: its sign, the object, and how it was."""
    was = f" (was {change.before.detail})" if change.before and change.sign == "~" else ""
    return printable(f"{change.sign} {change.subject}{was}")


def applied(todo: Plan, vips: Iterable[IPAddress]) -> Iterator[str]:
    """Yield what was done."""
    yield from plan(todo)
    yield from announced(vips)


def announced(vips: Iterable[IPAddress]) -> Iterator[str]:
    """Yield which VIPs the segment was told of."""
    yield from (f"announced {vip}" for vip in vips)


def status(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each object of the profile, with what is wrong with it.

    What is counted has its connections and rates; of the latter what comes in, since with direct
    routing and tunnels nothing goes back this way.
    """
    found = [(printable(_shown(row.subject)), row) for row in rows]
    width = max((len(title) for title, _ in found), default=0)
    counted = any(row.counters for _, row in found)
    if counted:
        yield f"{''.ljust(width)}  {_columns(COUNTED)}  state"
    for title, row in found:
        seen = f": {row.seen.detail}" if row.seen is not None and row.state == "differs" else ""
        columns = f"  {_columns(_counts(row.counters))}" if counted else ""
        yield f"{title.ljust(width)}{columns}  {row.state}{printable(seen)}"


COUNTED = ("active", "inactive", "persistent", "conn/s", "packets/s", "bytes/s")


def _shown(item: Object) -> str:
    """Return an object; a real server stands below its virtual server."""
    if isinstance(item, RealServer):
        return f"  {item.place} ({item.detail})"
    return str(item)


def _counts(counters: Counters | None) -> tuple[str, ...]:
    if counters is None:
        return ("",) * len(COUNTED)
    rates = counters.rates
    connections = (counters.active, counters.inactive, counters.persistent)
    shown = (*connections, rates.connections, rates.packets_in, rates.bytes_in)
    return tuple(str(each).removesuffix(".0") for each in shown)


def _columns(values: Iterable[str]) -> str:
    return "  ".join(value.rjust(len(name)) for value, name in zip(values, COUNTED, strict=True))


def drained(
    rip: str, state: str, todo: Plan, seen: Iterable[Standing], why: Iterable[str]
) -> Iterator[str]:
    """Yield what was changed, what is left of connections, and why."""
    yield from map(line, todo)
    for each in seen:
        counted = each.counters
        yield (
            f"{each.server.title}: {counted.active} active, {counted.inactive} inactive,"
            f" {counted.persistent} persistent"
        )
    yield from (printable(f"  {reason}") for reason in why)
    yield {"drained": f"drained {rip}", "restored": f"restored {rip}"}.get(
        state, f"not drained yet: {rip}"
    )


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


def explained(told: Iterable[Explanation]) -> Iterator[str]:
    """Yield for each link its settings, then what it would answer and why."""
    for link in told:
        if link.through is not None:
            yield printable(
                f"{link.link}: {link.through} speaks for it; its own settings do nothing"
            )
            continue
        yield printable(f"{link.link}:" + ("" if link.speaks else " it does not speak ARP"))
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
            yield printable(f"  who-has {answer.address}, {asked}: {word}: {reply.why}")
