"""The sorry server of a virtual server: one that is in the table while no other serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lvsdr.model.ipvs import RealServer
from lvsdr.profile.reader.entered_service import Entered
from lvsdr.profile.reader.real_server_columns import RealServers, Rips
from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer, pointed

FIELD = "sorry_server"


class _Alone(RealServers):
    """The reading of an entry that is in no list."""

    def _at(self, place: int) -> Pointer:
        return (*self._where[:-1], FIELD)


def sorry_server(entered: Entered, rips: Rips, complete: Callable[[Any], Any]) -> RealServer:
    """Return the sorry server that a virtual server names; raise Refusal.

    `complete` fills in the defaults of a real server's entry.
    """
    reading = _Alone(entered.where, entered.service, rips, complete)
    (server,) = reading.read([entered.given[FIELD]])
    here = (*entered.where, FIELD)
    if server.weight == 0:
        hint = "leave it out: 1 is the default"
        raise misfit((*here, "weight"), "with 0 it would never serve", hint)
    for place, each in enumerate(entered.servers):
        if each.key == server.key:
            known = pointed((*entered.where, "real_servers", place))
            hint = "name another host, or remove it from real_servers"
            raise misfit((*here, "rip"), f"{server.rip} is {known} already", hint)
    return server
