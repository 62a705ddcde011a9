"""Of which real servers of a profile something is told of each, for `lvsdr metrics`.

A monitoring system keeps a series for each: of so many as a person looks at, all of them; of more,
those with which something is wrong. The others are counted by service, and not even read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING

from lvsdr.model.folded_servers import PartlyRead
from lvsdr.model.host_figures import MOST_APART
from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lvsdr.core.out_of_service import OutOfService
    from lvsdr.model.client_connections import ClientShares
    from lvsdr.model.ipvs import RealServer, Service
    from lvsdr.model.objects import Key
    from lvsdr.model.profile import DirectorProfile

    Clients = Mapping[Key, ClientShares]


@dataclass(frozen=True, slots=True)
class ServersApart:
    """Real servers of which more is told than their number; those `checked` have health checks."""

    servers: Sequence[RealServer]
    checked: frozenset[Key]
    clients: Clients


def servers_apart(
    profile: DirectorProfile,
    counts: Mapping[Service, int],
    out: OutOfService,
    ask_clients: Callable[[], Clients],
) -> ServersApart:
    """Return the real servers to tell of; `counts` are how many each service has."""
    checked = _checked_services(profile)
    clients = ask_clients()
    if sum(counts.values()) > MOST_APART:
        clients = {key: it for key, it in clients.items() if _unanswered(it)}
        told = {*out.drained, *out.every, *clients}
        found = _those(profile, told)
        those = frozenset(key for key in out.every if key[1:4] in checked)
        return ServersApart(found, those, clients)
    every = profile.real_servers if checked or out.drained or out.every or clients else ()
    those = frozenset(each.key for each in every if each.service.key in checked)
    told = {*those, *out.drained, *out.every, *clients}
    return ServersApart([each for each in every if each.key in told], those, clients)


def _checked_services(profile: DirectorProfile) -> Set[Key]:
    if profile.health is None and not profile.own_health:
        return frozenset()
    services = (each.service for each in profile.virtual_servers)
    return {each.key for each in services if profile.health_of(each) is not None}


def _unanswered(shares: ClientShares) -> int:
    return shares.beyond.unanswered + shares.segment.unanswered


def _those(profile: DirectorProfile, keys: Set[Key]) -> list[RealServer]:
    """Return the real servers `keys`; of what the record knows, no more is read than needed."""
    if not keys:
        return []
    servers = profile.real_servers
    if isinstance(servers, PartlyRead):
        # A service of which one is out of service is read, whatever the record knows of it.
        found = [each for each in servers.read if each.key in keys]
        if len(found) == len(keys):
            return found
    return [each for each in servers if each.key in keys]
