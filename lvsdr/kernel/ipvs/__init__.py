"""The IPVS table: written in batches, read raw, whatever its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.kernel.errno import reading
from lvsdr.kernel.ipvs import dump
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.objects import NOTHING, Key, Object, Objects, RealServer, Service

__all__ = ["RealServers", "VirtualServers", "every_real_server"]


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
        services = {key[1:4] for key in wanted}
        found = self._of({("virtual_server", *service) for service in services}, likely)
        yield from (server for server in found if server.key in wanted)

    def of_services(self, keys: Iterable[Key], likely: Objects = NOTHING) -> Iterator[RealServer]:
        """Yield every real server of the virtual servers `keys`, as `likely` where it is so."""
        return self._of(set(keys), likely)

    def _of(self, wanted: set[Key], likely: Objects) -> Iterator[RealServer]:
        expected = _by_service(likely)
        with reading("the real servers"):
            for server in list(dump.virtual_servers(self._sockets.ipvs)):
                if server.key in wanted:
                    here = expected.get(server.service, ())
                    yield from dump.real_servers(self._sockets.ipvs, server.service, here)


def every_real_server(sockets: Sockets) -> Iterator[RealServer]:
    """Yield the real servers of every virtual server."""
    with reading("the real servers"):
        for server in list(dump.virtual_servers(sockets.ipvs)):
            yield from dump.real_servers(sockets.ipvs, server.service)


def _by_service(likely: Objects) -> dict[Service, list[RealServer]]:
    found: dict[Service, list[RealServer]] = {}
    service, here = None, list[RealServer]()
    for item in likely.values():
        if isinstance(item, RealServer):
            # Those of a service follow one another, mostly.
            if item.service is not service:
                service, here = item.service, found.setdefault(item.service, [])
            here.append(item)
    return found
