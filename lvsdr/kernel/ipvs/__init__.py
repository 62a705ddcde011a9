"""The IPVS table: written in batches, read raw, whatever its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.kernel.errno import reading
from lvsdr.kernel.ipvs import dump
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.objects import NOTHING, Key, Object, Objects, RealServer

__all__ = ["RealServers", "VirtualServers"]


class VirtualServers:
    """The virtual servers of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key], likely: Objects) -> Iterator[Object]:
        """Yield each virtual server that is there."""
        wanted = set(keys)
        with reading("the virtual servers"):
            found = list(dump.virtual_servers(self._sockets.ipvs))
        yield from (server for server in found if server.key in wanted)


class RealServers:
    """The real servers of the namespace's virtual servers."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key], likely: Objects) -> Iterator[Object]:
        """Yield each real server that is there; where it is as `likely` says, that object."""
        wanted = set(keys)
        services = {("virtual_server", *key[1:4]) for key in wanted}
        yield from (found for found in self.of_services(services, likely) if found.key in wanted)

    def of_services(self, keys: Iterable[Key], likely: Objects = NOTHING) -> Iterator[RealServer]:
        """Yield every real server of the virtual servers `keys`."""
        wanted, expected = set(keys), _by_service(likely)
        with reading("the real servers"):
            for server in list(dump.virtual_servers(self._sockets.ipvs)):
                if server.key in wanted:
                    here = expected.get(server.service.key, ())
                    service = here[0].service if here else server.service
                    yield from dump.real_servers(self._sockets.ipvs, service, here)


def _by_service(likely: Objects) -> dict[Key, list[RealServer]]:
    found: dict[Key, list[RealServer]] = {}
    for item in likely.values():
        if isinstance(item, RealServer):
            found.setdefault(item.service.key, []).append(item)
    return found
