"""A line for each change of a plan: of real servers there may be many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, starmap
from typing import TYPE_CHECKING

from lvsdr.model.folded_servers import in_columns
from lvsdr.model.ipvs import RealServer, detail_of, settings_of

if TYPE_CHECKING:
    from lvsdr.model.change import Change, Plan
    from lvsdr.model.folded_servers import FoldedServers
    from lvsdr.model.ipvs import Service
    from lvsdr.model.servers_in_columns import ServersInColumns


def change_lines(plan: Plan) -> Iterator[str]:
    """Yield the lines of a plan's changes, in order."""
    for service, run in groupby(plan, key=_service_that_fills):
        if service is None:
            for item in run:
                yield from (
                    lines_of_new(item.after) if in_columns(item.after) else [change_line(item)]
                )
        else:
            yield from _of_real_servers(service, run)


def lines_of_new(servers: ServersInColumns) -> list[str]:
    """Return a line for each real server that comes, as `change_lines` does."""
    return _told_lines("+", servers.service, servers.told())


def lines_of_gone(servers: Iterable[FoldedServers]) -> Iterator[str]:
    """Yield a line for each real server that is gone, as `change_lines` does."""
    for some in servers:
        yield from _told_lines("-", some.service, some.unfolded.told())


def _told_lines(sign: str, service: Service, told: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each place and its settings; their service is put into words once."""
    of = f"of {service}"
    return [f"{sign} {place} {of} ({detail})" for place, detail in told]


def change_line(item: Change) -> str:
    """Return one change: its sign, the object, and how it was."""
    was = f" (was {item.before.detail})" if (sign := item.sign) == "~" and item.before else ""
    return f"{sign} {item.subject}{was}"


def _service_that_fills(item: Change) -> Service | None:
    """Return the service to which a real server comes, or from which it goes."""
    subject = (item.after or item.before) if item.after is None or item.before is None else None
    return subject.service if isinstance(subject, RealServer) else None


def _of_real_servers(service: Service, run: Iterable[Change]) -> Iterator[str]:
    """Yield what `change_line` returns of each."""
    for sign, some in groupby(run, key=_comes_or_goes):
        servers = [item.after or item.before for item in some]
        real = [server for server in servers if isinstance(server, RealServer)]
        details = starmap(detail_of, map(settings_of, real))
        yield from _told_lines(
            sign, service, zip([each.place for each in real], details, strict=True)
        )


def _comes_or_goes(item: Change) -> str:
    return "-" if item.after is None else "+"
