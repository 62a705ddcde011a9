"""The IPVS table: written in batches, read raw, whatever its size."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.netlink import ipvs_dump, listed_services
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.model.folded_servers import ListedIf, WasAndWanted
from lvsdr.model.ipvs import SERVER_KINDS, RealServer, Service, VirtualServer, by_service
from lvsdr.model.objects import NOTHING, Key, Objects
from lvsdr.model.plain_data import service_of_key

__all__ = ["Servers", "whole_table"]

# To ask for one takes as long as to list so many.
APART = 8


class Servers:
    """The virtual servers of the namespace, and their real servers."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        # How many there were when all were listed last.
        self._listed = 0

    def observe(self, keys: Set[Key], likely: Objects) -> Iterator[VirtualServer | RealServer]:
        """Yield those of the servers `keys` that are there; as `likely` says, that very object."""
        every = self._few(keys)
        rips: dict[Key, list[str]] = {}
        # Before a first apply there is nothing to look for, and that may be much.
        for key in keys if every else ():
            if key[0] == RealServer.kind:
                rips.setdefault(key[1:4], []).append(str(key[-2]))
        expected = by_service(likely.values() if every else ())
        for server in every:
            if server.key in keys:
                yield server
            if (wanted := rips.get(server.service.key)) is not None:
                likely_here = expected.get(server.service, ())
                found = self.real_servers(server.service, likely_here, wanted)
                yield from (each for each in found if each.key in keys)

    def of_services(self, keys: Iterable[Key], likely: Objects = NOTHING) -> Iterator[RealServer]:
        """Yield every real server of the virtual servers `keys`, as `likely` where it is so."""
        wanted, expected = set(keys), by_service(likely.values())
        for server in self.every():
            if server.key in wanted:
                yield from self.real_servers(server.service, expected.get(server.service, ()))

    def fingerprints(self, services: Iterable[Service]) -> dict[Key, str]:
        """Return by what the lists of real servers are known, by Service.key."""
        # Only large profiles need it.
        from lvsdr.kernel.netlink import ipvs_fingerprints  # noqa: PLC0415

        with reading("the real servers"):
            return {
                each.key: ipvs_fingerprints.listed_fingerprint(self._sockets.ipvs, each)
                for each in services
            }

    def listed_if(self, servers: Mapping[Service, Sequence[WasAndWanted]]) -> dict[Key, ListedIf]:
        """Return by what the lists are known, and would be if `servers` were as they were."""
        from lvsdr.kernel.netlink import ipvs_fingerprints  # noqa: PLC0415

        with reading("the real servers"):
            return {
                each.key: ipvs_fingerprints.listed_if(self._sockets.ipvs, each, some)
                for each, some in servers.items()
            }

    def every(self) -> list[VirtualServer]:
        with reading("the virtual servers"):
            found = list(listed_services.virtual_servers(self._sockets.ipvs))
        self._listed = len(found)
        return found

    def _few(self, keys: Set[Key]) -> list[VirtualServer]:
        """Return at least the virtual servers that `keys` are of, or their real servers."""
        if not self._listed:
            # Not so much as their number is known.
            return self.every()
        wanted = {key[1:4] for key in keys if key[0] in SERVER_KINDS}
        if len(wanted) * APART > self._listed:
            return self.every()
        with reading("the virtual servers"):
            services = map(service_of_key, sorted(wanted, key=str))
            found = [listed_services.virtual_server(self._sockets.ipvs, each) for each in services]
        return [server for server in found if server is not None]

    def real_servers(
        self, service: Service, likely: Iterable[RealServer] = (), rips: Collection[str] = ()
    ) -> Iterator[RealServer]:
        """Yield the real servers of a service, as `likely` where it is so; of `rips` at least."""
        with reading("the real servers"):
            yield from ipvs_dump.real_servers(self._sockets.ipvs, service, likely, rips)


def whole_table(sockets: Sockets) -> tuple[tuple[VirtualServer, ...], tuple[RealServer, ...]]:
    """Return every virtual server, and the real servers of all."""
    servers = Servers(sockets)
    every = tuple(servers.every())
    return every, tuple(real for server in every for real in servers.real_servers(server.service))
