"""What a report tells of a cluster, as this host sees it."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvsdr import __version__
from lvsdr.cli import director_state
from lvsdr.cli.session import Session
from lvsdr.cli.status import connections_seen, last_apply_of, status_rows
from lvsdr.cli.verdicts import director_verdict, segment_verdict, verified
from lvsdr.core.record import owner_of
from lvsdr.errors import ProfileError
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read
from lvsdr.render.report.report_result import Report
from lvsdr.render.results import Status
from lvsdr.rules.profiles.crosscheck import disagreements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lvsdr.model.profile import Profile
    from lvsdr.render.results import Verified

# Of what a keeper has told, the latest.
MOST_LINES = 500


def report_of(
    session: Session, files: Sequence[Path], history: Path | None, *, asked: bool
) -> Report:
    """Return what this host sees of the cluster; the wire is `asked`, or it is not.

    Raises ProfileError where there is not one director's profile among the files.
    """
    known = {file: read(file) for file in files}
    file, director = _director(known)
    report = Report(
        director.name,
        director.interface,
        director.vips,
        tuple(each.service for each in director.virtual_servers),
        director.real_servers,
        director.clients,
        (),
        [str(each) for each in files],
        socket.gethostname(),
        __version__,
        datetime.now(UTC),
        history=list(_history(history)) if history is not None else (),
    )
    between = tuple(disagreements(list(known.values())))
    if not asked:
        return report
    here = _is_director_here(session, file, director)
    verdict = _verified(session, file, director, here=here)
    return replace(
        report,
        gateways=session.next_hops(director.interface) if here else session.next_hops(),
        status=_status(session, file, director) if here else None,
        verified=replace(verdict, findings=(*verdict.findings, *between)),
        notes=() if here else ("Seen from a host that is not the director: no table, no paths.",),
    )


def _director(known: dict[Path, Profile]) -> tuple[Path, DirectorProfile]:
    found = [(file, it) for file, it in known.items() if isinstance(it, DirectorProfile)]
    if len(found) != 1:
        what = "none of them is" if not found else "more than one is"
        raise ProfileError(
            f"cannot draw a cluster of {', '.join(map(str, known))}: {what} a director's profile",
            hints=["name one director's profile, and those of its real servers"],
        )
    return found[0]


def _is_director_here(session: Session, file: Path, profile: DirectorProfile) -> bool:
    """Return whether this host is a director of the profile, active or not."""
    book, owner = session.book(), owner_of(profile)
    record = book.load(folding=True)
    return record.knows(owner) or bool(director_state.keepalived_said(session, file, profile))


def _verified(session: Session, file: Path, profile: DirectorProfile, *, here: bool) -> Verified:
    if not here:
        return verified(segment_verdict(session, profile))
    state = director_state.state_of(director_state.keepalived_said(session, file, profile))
    return verified(director_verdict(session, profile, state), state)


def _status(session: Session, file: Path, profile: DirectorProfile) -> Status:
    state = director_state.state_of(director_state.keepalived_said(session, file, profile))
    with session.kernel() as kernel:
        counted = kernel.counters({server.key for server in profile.virtual_servers})
        situation = director_state.planned(profile, kernel, session, state)
        seen = connections_seen(profile, kernel, state)
        rows = status_rows(profile, situation, kernel, counted, seen)
        table, last = kernel.table_state(), last_apply_of(session, profile)
        return Status(rows, situation.drift, state, seen, table, last)


def _history(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what a keeper has told in JSON, the latest lines of `file`; others are passed over."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ProfileError(f"cannot read {file}: {reason}") from error
    for line in lines[-MOST_LINES:]:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("format") == "lvsdr/keep/1":
            yield said
