"""What became of requests to services, as people read it: a line for each, and what is amiss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.service_proof import ServiceProof

WIDTH, SHOWN = 80, 8
PLACES = {
    "segment": "asked as a client of the segment, which is none from beyond the gateway:",
    "beyond": "this host is no host of the segment; asked as a client from beyond:",
}
UNASKED = {
    "protocol": "not asked, what is sent would be served: unproven",
    "fwmark": "not asked, its addresses and ports are not known: unproven",
    "every-port": "not asked, it is of every port: unproven",
    "nobody": "not asked, no director answers for the VIP",
    "held": "not asked, this host holds the VIP",
    "no-source": "not asked, this host has no address to ask from: unproven",
}


def service_lines(
    client: str | None, proofs: Iterable[ServiceProof], names: Mapping[str, str]
) -> Iterator[str]:
    """Yield how many requests of each service were answered, and under it what is amiss."""
    asked = tuple(proofs)
    if client is None or not asked:
        return
    yield PLACES[client]
    times = Counter(proof.service for proof in asked)
    for proof in asked:
        yield from _service(proof, names, several=times[proof.service] > 1)


def _service(proof: ServiceProof, names: Mapping[str, str], *, several: bool) -> Iterator[str]:
    title = str(proof.service)
    if proof.unasked:
        yield from _folded(f"{title}: ", UNASKED[proof.unasked])
        return
    figures = f"{proof.count('answered')} of {len(proof.replies)} answered"
    by = f"by {len(proof.met)} of {len(proof.expected)} real servers" if proof.expected else ""
    yield from _folded(f"{title}: {figures}" + (", " if by else ""), by)
    if several:
        yield f"  at {proof.director}"
    yield from _times(proof)
    yield from _amiss(proof, names)


def _times(proof: ServiceProof) -> Iterator[str]:
    """Yield how long answers took: of connections always, else where some were sent again."""
    if proof.median is None or (proof.director is not None and not proof.slow):
        return
    again = f"; {proof.slow} after a second or more" if proof.slow else ""
    yield f"  median {_span(proof.median)}, slowest {_span(max(proof.times))}{again}"


def _amiss(proof: ServiceProof, names: Mapping[str, str]) -> Iterator[str]:
    for mac, counts in sorted(proof.answerers.items()):
        rips = proof.owners.get(mac)
        who = ", ".join(map(str, rips)) if rips else f"{mac} ({names.get(mac, 'unknown host')})"
        if counts["refused"]:
            yield f"  {who}: refused {counts['refused']}"
        elif not rips and mac != proof.director:
            yield f"  {who}: answered {counts['answered']}"
    nameless = sum(reply.kind == "refused" and reply.mac is None for reply in proof.replies)
    if nameless:
        yield f"  refused: {nameless}"
    if proof.count("silent"):
        yield f"  not answered: {proof.count('silent')}"
    yield from _some(proof.never_answered, "never answered")
    if proof.never_answered:
        return
    if proof.pinned:
        if proof.not_met:
            yield f"  the director gives one client one real server ({proof.pinned})"
        return
    yield from _some(proof.not_met, "not met")


def _some(rips: Sequence[IPAddress], what: str) -> Iterator[str]:
    yield from (f"  {rip}: {what}" for rip in rips[:SHOWN])
    if len(rips) > SHOWN:
        yield f"  {len(rips) - SHOWN} more: {what}"


def _folded(start: str, rest: str) -> Iterator[str]:
    """Yield one line, or two where it is too long for a terminal."""
    if len(start + rest) <= WIDTH:
        yield start + rest
    else:
        yield from (start.rstrip(), f"  {rest}")


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
