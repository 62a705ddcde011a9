"""What people are told of services without real servers, and of sides where nobody is heard."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.keeper.check_targets import WORDS
from lvsdr.keeper.path_states import PROGRAMS, Sight
from lvsdr.model.health import REMOVE, Down
from lvsdr.model.ipvs import RealServer, Service


def change(server: RealServer, down: Down | None, *, ours: bool) -> str:
    """Return what becomes of a real server; where the table is not `ours`, keepalived is told."""
    name = f"{server.noun} {server.title}"
    if down is None:
        return f"{name} serves again, {f'weight {server.weight}' if ours else 'keepalived is told'}"
    ends = "taken out of the table" if down.action == REMOVE else "weight 0"
    return f"{name} is down, {ends if ours else 'keepalived is told'}: {down.why}"


def none_serves(service: Service, sorry_servers: Iterable[RealServer], *, kept: bool) -> str:
    """Return what becomes of a service of which no real server serves."""
    sorry = next((each for each in sorry_servers if each.service == service), None)
    if kept:
        what = "the last ones stay as they are"
    elif sorry is not None:
        what = f"its sorry server {sorry.rip} does"
    else:
        what = "all are out of service"
    return f"no real server of {service} serves: {what}"


def place(side: str) -> str:
    """Return where a side of this host is: a link, or why nobody can be asked."""
    return next((words for reason, words in WORDS.items() if reason == side), side)


def sight(side: str, seen: Sight) -> str:
    """Return what has come about with a side."""
    blind = seen is Sight.BLIND
    if side == PROGRAMS:
        said = f"all {side} say something again"
        if blind:
            said = f"some {side} say nothing: they cannot be started, or a link is down"
    elif side == "no-route":
        # Others that lack something here are never asked, and so not missed.
        said = f"this host has {'no way' if blind else 'a way'} to real servers"
        said += "" if blind else " again"
    else:
        said = f"{place(side)}: {seen.value}"
    return said + (": nothing is taken out for that" if blind else "")
