"""What core and proof need of a kernel: to observe objects, to execute changes, to be looked at.

lvsdr.kernel.linux is the real one; the tests have one that is a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from lvsdr.errors import LvsdrError
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Plan
from lvsdr.model.host import Host
from lvsdr.model.objects import NOTHING, Key, Objects

if TYPE_CHECKING:
    from lvsdr.model.client_connections import ConnectionQuestion, ConnectionsSeen
    from lvsdr.model.counters import Counters
    from lvsdr.model.folded_servers import ListedIf, WasAndWanted
    from lvsdr.model.foreign_program import Checker
    from lvsdr.model.ipvs import RealServer, Service, VirtualServer
    from lvsdr.model.route_lookup import Packet, RouteTo, UnicastRoute
    from lvsdr.model.table_state import TableState


class Kernel(Protocol):
    """What lvsdr asks of the kernel of a host, and lets it do."""

    def read_host(self) -> Host:
        """Return the host's links, addresses, ARP settings and proxy entries."""

    def inspect(
        self, packets: Callable[[Host], Iterable[Packet]], *, table: bool, others: bool = True
    ) -> Host:
        """Return the host in depth, with the routes of `packets`; `table`: IPVS as well.

        Without `others`, nothing is read of other programs: their files, rules and connections.
        """

    def unicast_routes(self, destinations: Iterable[IPAddress]) -> Mapping[IPAddress, UnicastRoute]:
        """Return the unicast routes by which packets to `destinations` would leave."""

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        """Return those of the objects `keys` that are there; `likely` is how they may be."""

    def children(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        """Return the addresses of the links, the real servers of the virtual servers `keys`."""

    def fingerprints(self, services: Iterable[Service]) -> Mapping[Key, str]:
        """Return by what the real servers of each service are known, by Service.key.

        Of a service that is not there, it is that of one without real servers.
        """

    def listed_if(
        self, servers: Mapping[Service, Sequence[WasAndWanted]]
    ) -> Mapping[Key, ListedIf]:
        """Return by what the real servers of each service are known, by Service.key.

        And by what they would be known if those of them that `servers` names were as they were.
        """

    def fingerprint(self, servers: Iterable[RealServer]) -> str:
        """Return by what a service with these real servers, and no others, would be known."""

    def virtual_servers(self) -> Iterable[VirtualServer]:
        """Return every virtual server of the IPVS table, whoever has put it there."""

    def checkers(self) -> Iterable[Checker]:
        """Return the programs that run here and take real servers out of the table."""

    def former_checkers(self) -> Iterable[Checker]:
        """Return the programs that may have set up the table, and do not run, by their files."""

    def counters(
        self, services: Collection[Key], rips: Collection[str] = ()
    ) -> Mapping[Key, Counters]:
        """Return what passes through the virtual servers `services` and their real servers.

        With `rips`, through the real servers at these addresses alone.
        """

    def table_state(self) -> TableState:
        """Return whether the IPVS table has room, and whether its counters move."""

    def connections(self, question: ConnectionQuestion) -> ConnectionsSeen:
        """Return what IPVS's connections say of clients."""

    def routes(self, packets: Iterable[Packet]) -> Mapping[Packet, RouteTo]:
        """Return what would become of each of `packets`."""

    def know(self, todo: Plan) -> None:
        """Raise CannotRun where this kernel lacks a setting that is to be set."""

    def require(self, todo: Plan) -> None:
        """Raise CannotRun where this process cannot carry out such changes."""

    def execute(self, changes: Plan) -> None:
        """Carry out the changes in their order; raise KernelError at the first refused one."""

    def attempt(self, changes: Plan) -> Iterable[LvsdrError]:
        """Carry out what can be of the changes, in their order; return why the others cannot."""

    def reopen(self) -> None:
        """Start afresh after a failure."""
