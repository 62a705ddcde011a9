"""The kernel of this host, in the network namespace that the process is in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from types import TracebackType
from typing import Protocol, Self

from lvsdr.errors import CannotRun
from lvsdr.kernel import fib, sysctls
from lvsdr.kernel import survey as surveying
from lvsdr.kernel.addresses import Addresses
from lvsdr.kernel.ipvs import RealServers, VirtualServers
from lvsdr.kernel.ipvs_control import SyncDaemons, Timeouts
from lvsdr.kernel.links import Links
from lvsdr.kernel.privilege import has_net_admin
from lvsdr.kernel.routes import Routes
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.objects import Key, Object, Objects, keyed
from lvsdr.model.route_to import RouteTo
from lvsdr.model.survey import Survey


class Table(Protocol):
    """The kernel's side of one kind of object."""

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]: ...

    def execute(self, change: Change) -> None: ...


class LinuxKernel:
    """Observe objects and execute changes; a context manager that closes its sockets."""

    def __init__(self) -> None:
        self._sockets = Sockets()
        addresses, real_servers = Addresses(self._sockets), RealServers(self._sockets)
        self._tables: Mapping[str, Table] = {
            "sysctl": sysctls.Sysctls(self._sockets),
            "link": Links(self._sockets),
            "address": addresses,
            "route": Routes(self._sockets),
            "virtual_server": VirtualServers(self._sockets),
            "real_server": real_servers,
            "timeout": Timeouts(self._sockets),
            "sync_daemon": SyncDaemons(self._sockets),
        }
        self._tenants = {"link": addresses.on_links, "virtual_server": real_servers.of_services}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sockets.close()

    def survey(self) -> Survey:
        """Return the host's links, addresses and ARP settings."""
        return surveying.survey(self._sockets)

    def route_to(
        self,
        destination: IPAddress,
        *,
        source: IPAddress | None = None,
        arriving: str | None = None,
    ) -> RouteTo:
        """Return what becomes of a packet to `destination`, sent here or arriving on a link."""
        return fib.route_to(self._sockets, destination, source=source, arriving=arriving)

    def observe(self, keys: Collection[Key]) -> Objects:
        """Return those of the objects `keys` that are there, as they are."""
        found: list[Object] = []
        for kind, group in groupby(sorted(keys, key=_kind), key=_kind):
            found += self._tables[kind].observe(list(group))
        return keyed(found)

    def tenants(self, keys: Collection[Key]) -> Objects:
        """Return the addresses of the links, the real servers of the virtual servers `keys`."""
        found: list[Object] = []
        for kind, group in groupby(sorted(keys, key=_kind), key=_kind):
            found += self._tenants[kind](list(group))
        return keyed(found)

    def require(self, todo: Plan) -> None:
        """Raise CannotRun where this process cannot carry out such changes; touch nothing."""
        if todo and not has_net_admin():
            raise CannotRun(
                "cannot change this host: the capability CAP_NET_ADMIN is missing (EPERM)",
                hints=["run it as root, or with sudo"],
            )
        if any(change.key[0] == "sysctl" for change in todo):
            sysctls.writable()

    def execute(self, changes: Iterable[Change]) -> None:
        """Carry out `changes` in their order; raise KernelError at the first refused one."""
        for change in changes:
            self._tables[_kind(change.key)].execute(change)

    def reopen(self) -> None:
        """Forget the sockets: after a failure half an answer may be waiting in them."""
        self._sockets.close()


def _kind(key: Key) -> str:
    return str(key[0])
