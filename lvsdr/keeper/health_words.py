"""What people are told of services without real servers, and of sides where nobody is heard."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.keeper.check_targets import WORDS
from lvsdr.keeper.path_states import Sight
from lvsdr.model.ipvs import RealServer, Service


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
    if side == "no-route":
        # Others that lack something here are never asked, and so not missed.
        said = f"this host has {'no way' if blind else 'a way'} to real servers"
        said += "" if blind else " again"
    else:
        said = f"{place(side)}: {seen.value}"
    return said + (": nothing is taken out for that" if blind else "")
