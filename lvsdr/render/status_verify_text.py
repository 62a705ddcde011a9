"""A status and what verify saw, as people read it: a line for each object, answer and path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import Object
from lvsdr.model.printable import printable

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.counters import Counters
    from lvsdr.model.neighbour_claim import Answer
    from lvsdr.model.path import Proof
    from lvsdr.render.object_rows import AppliedProfile, Row

COUNTED = ("active", "inactive", "persistent", "conn/s", "packets/s", "bytes/s")


def status_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each object of the profile, with what is wrong with it.

    What is counted has its connections and rates; of the latter what comes in, since with direct
    routing and tunnels nothing goes back this way.
    """
    # Escaped here already: the columns stand where the escaped title ends.
    found = [(printable(_shown(row.subject)), row) for row in rows]
    width = max((len(title) for title, _ in found), default=0)
    counted = any(row.counters for _, row in found)
    if counted:
        yield f"{''.ljust(width)}  {_columns(COUNTED)}  state"
    for title, row in found:
        seen = f": {row.seen.detail}" if row.seen is not None and row.state == "differs" else ""
        columns = f"  {_columns(_counts(row.counters))}" if counted else ""
        yield f"{title.ljust(width)}{columns}  {row.state}{seen}"


def applied_lines(profile: AppliedProfile) -> Iterator[str]:
    """Yield what the record knows of a profile, and a line for each object that it holds."""
    from datetime import UTC, datetime  # noqa: PLC0415 - few results have a time

    yield f"{profile.role} {profile.name}" + (f", from {profile.file}" if profile.file else "")
    if profile.applied is not None:
        yield f"  applied {datetime.fromtimestamp(profile.applied, UTC):%Y-%m-%dT%H:%M:%SZ}"
    if profile.cut_off:
        yield "  its last run was cut off: apply or withdraw it again"
    yield from (f"  {line}" for line in status_lines(profile.rows))


def client_lines(rows: Iterable[Row], extent: str) -> Iterator[str]:
    """Yield how many clients of each real server got no answer, of so many beyond the segment."""
    told = [(row.subject.title, row.clients.beyond) for row in rows if row.clients is not None]
    shown = [(title, share) for title, share in told if share.connections]
    if shown:
        yield f"unanswered beyond the segment ({extent}):"
    for title, share in shown:
        yield f"  {title}: {share.unanswered} of {share.connections}"


def answer_lines(heard: Iterable[Answer], names: Mapping[str, str]) -> Iterator[str]:
    """Yield who answered for each VIP; `names` say whose a MAC is."""
    seen: dict[tuple[IPAddress, str], list[str]] = {}
    for answer in sorted(heard, key=lambda item: (str(item.address), item.mac, item.form)):
        seen.setdefault((answer.address, answer.mac), []).append(answer.form)
    for (vip, mac), forms in seen.items():
        who = f" ({names[mac]})" if mac in names else ""
        how = "" if forms == ["self"] else f" [{', '.join(forms)}]"
        yield f"{vip} is at {mac}{who}{how}"


def path_lines(proofs: Iterable[Proof]) -> Iterator[str]:
    """Yield how many real servers serve each virtual server, and under it those that do not."""
    groups: dict[str, list[Proof]] = {}
    for proof in proofs:
        groups.setdefault(_title(proof), []).append(proof)
    for title, group in groups.items():
        served = sum(proof.verdict == "served" for proof in group)
        yield f"{title}: {served} of {len(group)} real servers serve"
        yield from (
            f"  {proof.path.rip}: {proof.verdict or 'not proven'}"
            for proof in group
            if proof.verdict != "served"
        )


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


def _title(proof: Proof) -> str:
    path = proof.path
    return (
        f"{path.service}" if path.service.vip or path.vip is None else f"{path.service}, {path.vip}"
    )
