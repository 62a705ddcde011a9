"""The kernel of this host, in the network namespace that the process is in.

Modules that only some commands need are imported inside functions: a plan needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.process_needs import has_net_admin
from lvsdr.kernel.tables import sysctls
from lvsdr.kernel.tables.addresses import Addresses
from lvsdr.kernel.tables.guard_routes import Routes
from lvsdr.kernel.tables.links import Links
from lvsdr.kernel.tables.proxy_neighbours import Proxies
from lvsdr.kernel.views import host_view
from lvsdr.model.change import Change, Plan
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.ipvs import SERVER_KINDS, RealServer, Service, VirtualServer
from lvsdr.model.objects import NOTHING, Key, Link, Object, Objects, Sysctl, keyed

if TYPE_CHECKING:
    from typing import Protocol

    from lvsdr.kernel.tables.carrying_out import CarryingOut
    from lvsdr.kernel.tables.ipvs_servers import Servers
    from lvsdr.model.address import IPAddress
    from lvsdr.model.client_connections import ConnectionQuestion, ConnectionsSeen
    from lvsdr.model.counters import Counters
    from lvsdr.model.folded_servers import ListedIf, WasAndWanted
    from lvsdr.model.foreign_program import Checker
    from lvsdr.model.host import Host
    from lvsdr.model.route_lookup import Packet, RouteTo, UnicastRoute
    from lvsdr.model.table_state import TableState

    ServersOf = Mapping[Service, Sequence[WasAndWanted]]

    class Table(Protocol):
        """The kernel's side of one kind of object."""

        def observe(self, keys: Iterable[Key]) -> Iterator[Object]: ...

        def execute(self, change: Change) -> None: ...


class LinuxKernel(Closing):
    """Observe objects, execute changes, and close the sockets; each request follows a `pause`."""

    def __init__(self, pause: Callable[[], None] | None = None) -> None:
        self.under_way: CarryingOut | None = None
        self._sockets = Sockets(pause)
        self._addresses = Addresses(self._sockets)
        self._tables: Mapping[str, Table] = {
            "sysctl": sysctls.Sysctls(self._sockets),
            "link": Links(self._sockets),
            "address": self._addresses,
            "route": Routes(self._sockets),
            "proxy_neighbour": Proxies(self._sockets),
        }

    def close(self) -> None:
        """Give back what was opened."""
        self._sockets.close()

    @cached_property
    def _servers(self) -> Servers:
        # A real server has none.
        from lvsdr.kernel.tables.ipvs_servers import Servers  # noqa: PLC0415

        return Servers(self._sockets)

    def _table(self, kind: str) -> Table:
        if kind in self._tables:
            return self._tables[kind]
        from lvsdr.kernel.tables.ipvs_control import SyncDaemons, Timeouts  # noqa: PLC0415

        settings: dict[str, Table] = {
            "timeout": Timeouts(self._sockets),
            "sync_daemon": SyncDaemons(self._sockets),
        }
        return settings[kind]

    def read_host(self) -> Host:
        """Return the host's links, addresses, ARP settings and proxy entries."""
        return host_view.read_host(self._sockets)

    def inspect(
        self, packets: Callable[[Host], Iterable[Packet]], *, table: bool, others: bool = True
    ) -> Host:
        """Return the host in depth, with the routes of `packets`; with `table`, IPVS as well.

        Without `others`, nothing is read of other programs: their files, rules and connections.
        """
        from lvsdr.kernel.views import host_in_depth  # noqa: PLC0415

        return host_in_depth.inspect(self._sockets, packets, table=table, others=others)

    def number_of(self, namespace: int) -> int | None:
        """Return the number of another namespace in this one, as in IFLA_LINK_NETNSID."""
        from lvsdr.kernel.netlink import rtm_nsid  # noqa: PLC0415

        with reading("the number of a namespace"):
            return rtm_nsid.number_of(self._sockets.rtnetlink, namespace)

    def unicast_routes(self, destinations: Iterable[IPAddress]) -> Mapping[IPAddress, UnicastRoute]:
        """Return the unicast routes by which packets to `destinations` would leave."""
        from lvsdr.kernel.views import route_lookups  # noqa: PLC0415

        return route_lookups.unicast_routes(self._sockets, destinations)

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        """Return the objects of `keys` that exist, as they are.

        `likely` has the objects as they probably are; those that are equal need no decoding.
        """
        kinds: dict[str, list[Key]] = {}
        servers = False
        for key in keys:
            # Of these there may be many.
            if key[0] in SERVER_KINDS:
                servers = True
            else:
                kinds.setdefault(str(key[0]), []).append(key)
        wanted = keys if isinstance(keys, Set) else set(keys)
        found = keyed(self._servers.observe(wanted, likely)) if servers else {}
        for kind, group in kinds.items():
            found.update(keyed(self._table(kind).observe(group)))
        return found

    def children(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        """Return the addresses of the links, and the real servers of the services, of `keys`.

        `likely` is as in `observe`.
        """
        links = [key for key in keys if key[0] == Link.kind]
        found: list[Object] = [*self._addresses.on_links(links)] if links else []
        services = [key for key in keys if key[0] == VirtualServer.kind]
        if services:
            found += self._servers.of_services(services, likely)
        return keyed(found)

    def fingerprints(self, services: Iterable[Service]) -> Mapping[Key, str]:
        """Return by what the real servers of each service are known, by Service.key."""
        return self._servers.fingerprints(services)

    def listed_if(self, servers: ServersOf) -> Mapping[Key, ListedIf]:
        """Return by what they are known, and would be if `servers` were as they were."""
        return self._servers.listed_if(servers)

    def fingerprint(self, servers: Iterable[RealServer]) -> str:
        """Return by what a service with these real servers, and no others, would be known."""
        from lvsdr.kernel.netlink import ipvs_fingerprints  # noqa: PLC0415

        return ipvs_fingerprints.fingerprint(servers)

    def virtual_servers(self) -> Iterable[VirtualServer]:
        """Return every virtual server, whoever has put it there."""
        return self._servers.every()

    def checkers(self) -> Iterable[Checker]:
        """Return the programs that run here and take real servers out of the table."""
        from lvsdr.kernel.views import running_checkers  # noqa: PLC0415

        return running_checkers.checkers()

    def former_checkers(self) -> Iterable[Checker]:
        """Return those that may have set up the table, and do not run."""
        from lvsdr.kernel.views import running_checkers  # noqa: PLC0415

        return running_checkers.former_checkers()

    def counters(
        self, services: Collection[Key], rips: Collection[str] = ()
    ) -> Mapping[Key, Counters]:
        """Return the counters of the virtual servers `services` and of their real servers.

        With `rips`, of the real servers at these addresses alone.
        """
        from lvsdr.kernel.views import ipvs_counters  # noqa: PLC0415

        return ipvs_counters.counters(self._sockets, services, rips)

    def table_state(self) -> TableState:
        """Return whether the IPVS table has room, and whether its counters move."""
        from lvsdr.kernel.views import table_room  # noqa: PLC0415

        return table_room.table_state()

    def connections(self, question: ConnectionQuestion) -> ConnectionsSeen:
        """Return what IPVS's connections say of clients."""
        from lvsdr.kernel.tables.ipvs_control import Timeouts  # noqa: PLC0415
        from lvsdr.kernel.views import ipvs_connections  # noqa: PLC0415

        timeouts = Timeouts(self._sockets).seconds()
        return ipvs_connections.connections(question, timeouts)

    def routes(self, packets: Iterable[Packet]) -> Mapping[Packet, RouteTo]:
        """Return what would become of each of `packets`."""
        from lvsdr.kernel.views import route_lookups  # noqa: PLC0415

        return route_lookups.routes_now(self._sockets, packets)

    def know(self, todo: Plan) -> None:
        """Raise CannotRun where this kernel lacks a setting of IPVS that is to be set."""
        sysctls.known(change.after for change in todo if isinstance(change.after, Sysctl))

    def require(self, todo: Plan) -> None:
        """Raise CannotRun where this process cannot carry out such changes; change nothing."""
        if todo and not has_net_admin():
            raise CannotRun(
                "cannot change this host: the capability CAP_NET_ADMIN is missing (EPERM)",
                hints=["run it as root, or with sudo"],
            )
        self.know(todo)
        sysctls.writable([change.after for change in todo if isinstance(change.after, Sysctl)])
        self._addresses.require(todo)

    def execute(self, changes: Iterable[Change]) -> None:
        """Carry out `changes` in their order; raise KernelError at the first refused one."""
        with self._carrying_out(changes) as under_way:
            under_way.execute()

    def attempt(self, changes: Iterable[Change]) -> list[LvsdrError]:
        """Carry out `changes` in order, as far as possible; return the errors of the others."""
        with self._carrying_out(changes) as under_way:
            return under_way.attempt()

    @contextmanager
    def _carrying_out(self, changes: Iterable[Change]) -> Iterator[CarryingOut]:
        from lvsdr.kernel.tables.carrying_out import CarryingOut  # noqa: PLC0415

        self.under_way = CarryingOut(self._sockets, self._execute_one, changes)
        try:
            yield self.under_way
        finally:
            self.under_way = None

    def _execute_one(self, change: Change) -> None:
        self._table(change.subject.kind).execute(change)

    def reopen(self) -> None:
        """Close the sockets, for after a failure they may hold half an answer."""
        self._sockets.close()
