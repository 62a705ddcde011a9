"""What a report shows of each VIP, real server and path: how it is, and why, in few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lvsdr.model.finding import ERROR
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.path import Proof
    from lvsdr.render.object_rows import Row
    from lvsdr.render.report.report_result import Report
    from lvsdr.render.results import Verified

# How something is: as it should be, wrong, out of service on purpose, or nobody has looked.
OK, BAD, OUT, UNKNOWN = "ok", "bad", "out", "unknown"
# Whose fault is not the VIP's, though its findings name one.
OF_SERVERS = ("PATH-", "SERVICE-", "TABLE-")
WORDS = {OK: "serves", BAD: "does not serve", OUT: "out of service", UNKNOWN: "not proven"}


class Seen(NamedTuple):
    """How something is, and the words for it."""

    state: str
    words: str


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster as it is drawn: VIPs, real servers, and what each service gets from each of them.

    `cells` are by service and RIP; where a real server is not of a service, there is none.
    """

    vips: Mapping[IPAddress, Seen]
    servers: Mapping[IPAddress, Seen]
    services: Sequence[Service]
    cells: Mapping[tuple[Service, IPAddress], Seen]
    by_server: Mapping[IPAddress, Sequence[Seen]]
    standby: str = ""

    def counted(self, rip: IPAddress) -> tuple[int, int]:
        """Return from how many services a real server gets requests and serves them, of all."""
        seen = self.by_server.get(rip, ())
        return sum(cell.state == OK for cell in seen), len(seen)


def cluster_view(report: Report) -> ClusterView:
    """Return how the cluster of a report is."""
    cells = dict(_cells(report))
    by_server: dict[IPAddress, list[Seen]] = {rip: [] for rip in report.rips}
    for (_, rip), cell in cells.items():
        by_server.setdefault(rip, []).append(cell)
    services = dict.fromkeys((*report.services, *(service for service, _ in cells)))
    verified = report.verified
    return ClusterView(
        {vip: _vip(vip, verified) for vip in report.vips},
        {rip: _server(rip, of_it, verified) for rip, of_it in by_server.items()},
        tuple(services),
        cells,
        by_server,
        "" if verified is None else verified.standby,
    )


def _vip(vip: IPAddress, verified: Verified | None) -> Seen:
    if verified is None:
        return Seen(UNKNOWN, "the segment was not asked")
    wrong = _wrong(verified, vip=vip)
    macs = sorted({each.mac for each in verified.answers if each.address == vip})
    heard = ", ".join(f"{verified.names.get(mac) or 'unknown host'} ({mac})" for mac in macs)
    if wrong:
        return Seen(BAD, f"{wrong[0]}; answered by {heard}" if heard else wrong[0])
    if not macs:
        return Seen(BAD, "nobody answers for it")
    return Seen(OK if len(macs) == 1 else BAD, f"answered by {heard}")


def _server(rip: IPAddress, cells: Sequence[Seen], verified: Verified | None) -> Seen:
    wrong = [] if verified is None else _wrong(verified, rip=rip)
    if wrong:
        return Seen(BAD, wrong[0])
    for state in (BAD, OUT):
        words = next((cell.words for cell in cells if cell.state == state), None)
        if words is not None:
            return Seen(state, words)
    proven = bool(cells) and all(cell.state == OK for cell in cells)
    return Seen(OK, WORDS[OK]) if proven else Seen(UNKNOWN, WORDS[UNKNOWN])


def _wrong(
    verified: Verified, vip: IPAddress | None = None, rip: IPAddress | None = None
) -> list[str]:
    """Return what errors say of a VIP itself, or of a real server."""
    errors = (each for each in verified.findings if each.severity == ERROR)
    return [
        f"{each.rule}: {each.message}"
        for each in errors
        if (rip is not None and each.rip == rip)
        or (vip is not None and each.vip == vip and not each.rule.startswith(OF_SERVERS))
    ]


def _cells(report: Report) -> Iterator[tuple[tuple[Service, IPAddress], Seen]]:
    proofs: dict[tuple[Service, IPAddress], Proof] = {}
    if report.verified is not None:
        proofs = {(each.path.service, each.path.rip): each for each in report.verified.paths}
    rows = report.status.rows if report.status is not None else ()
    placed = set()
    for row in rows:
        item = row.subject
        if isinstance(item, RealServer):
            place = item.service, item.rip
            placed.add(place)
            yield place, _cell(row, proofs.get(place))
    for server in report.real_servers:
        place = server.service, server.rip
        if place not in placed:
            placed.add(place)
            yield place, _proven(proofs.get(place))
    for place, proof in proofs.items():
        if place not in placed:
            yield place, _proven(proof)


def _cell(row: Row, proof: Proof | None) -> Seen:
    if row.down is not None:
        return Seen(OUT, str(row.down))
    if row.state == "drained":
        return Seen(OUT, "drained")
    if not row.ok:
        return Seen(BAD, f"{row.state} in the table")
    seen = _proven(proof)
    return Seen(seen.state, f"{seen.words}, {row.state}") if row.state == "foreign" else seen


def _proven(proof: Proof | None) -> Seen:
    if proof is None:
        return Seen(UNKNOWN, WORDS[UNKNOWN])
    if proof.down is not None:
        return Seen(OUT, str(proof.down))
    if proof.verdict is None:
        return Seen(UNKNOWN, f"not proven ({proof.detail})" if proof.detail else WORDS[UNKNOWN])
    if proof.verdict == "served":
        return Seen(OK, "a probe was served")
    detail = f" ({proof.detail})" if proof.detail else ""
    return Seen(BAD, f"{proof.verdict}{detail}")


def service_rows(report: Report) -> Iterator[tuple[Row, list[Row]]]:
    """Yield each virtual server of the table with its real servers."""
    service: Row | None = None
    servers: list[Row] = []
    for row in report.status.rows if report.status is not None else ():
        if isinstance(row.subject, VirtualServer):
            if service is not None:
                yield service, servers
            service, servers = row, []
        elif isinstance(row.subject, RealServer):
            servers.append(row)
    if service is not None:
        yield service, servers
