"""By what the kernel's lists of real servers are known, as far as this run has found it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from operator import is_
from typing import TYPE_CHECKING

from lvsdr.core.kernel_interface import Kernel
from lvsdr.model.folded_servers import MANY, FoldedServers, ListedIf, in_columns
from lvsdr.model.ipvs import RealServer, Service, by_service
from lvsdr.model.objects import NOTHING, Key, Object, Objects

if TYPE_CHECKING:
    from lvsdr.model.servers_in_columns import ServersInColumns

    OfOne = list[RealServer] | ServersInColumns


class Fingerprints:
    """By what the kernel's lists of real servers would be known: computed once for each service."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._known: dict[Key, tuple[OfOne, str]] = {}
        self._listed: dict[Key, ListedIf] = {}

    def of(self, service: Service, servers: OfOne) -> str:
        """Return the fingerprint of a list of `servers` of `service`, and no others."""
        before, found = self._known.get(service.key, ([], ""))
        if not found or (before is not servers and not _same(before, servers)):
            found = self._kernel.fingerprint(servers)
            self._known[service.key] = servers, found
        return found

    def apart(
        self, parted: Iterable[FoldedServers], wanted: Objects = NOTHING
    ) -> Mapping[Key, ListedIf]:
        """Return by what the kernel's lists are known, and would be if those apart were as before.

        Each by Service.key; a list is looked at once, after the last change, and it is said then
        whether those apart are as `wanted`.
        """
        unseen = {
            each.service: [(was, wanted.get(key)) for key, was in each.apart.items()]
            for each in parted
            if each.service.key not in self._listed
        }
        if unseen:
            self._listed.update(self._kernel.listed_if(unseen))
        return self._listed

    def exact(self, keys: Set[Key], objects: Objects) -> Set[Key]:
        """Return the services whose real servers among `objects` the kernel lists so exactly.

        They are known by Service.key. Only those of which all these real servers are among `keys`;
        of few, each is looked at as quickly.
        """
        wanted = servers_of(objects)
        if max(len(objects), sum(map(len, wanted.values()))) < MANY:
            return frozenset()
        if not objects.keys() <= keys:
            wanted = {
                service: servers
                for service, servers in wanted.items()
                if all(each.key in keys for each in _planned(servers))
            }
        seen = self._kernel.fingerprints(wanted)
        return {
            service.key
            for service, servers in wanted.items()
            if seen.get(service.key) == self.of(service, servers)
        }


def servers_of(objects: Objects) -> dict[Service, OfOne]:
    """Return the real servers among `objects` by their services."""
    together = {item.service: item for item in objects.values() if in_columns(item)}
    return {**by_service(objects.values()), **together}


def _planned(servers: OfOne) -> Iterable[Object]:
    """Return the objects as which real servers are planned."""
    return [servers] if isinstance(servers, Object) else servers


def _same(before: OfOne, servers: OfOne) -> bool:
    return len(before) == len(servers) and all(map(is_, before, servers))
