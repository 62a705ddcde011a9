"""The real servers of a virtual server, a field at a time: they are nearly all of a profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from operator import gt
from typing import TYPE_CHECKING, Any

from lvsdr.model.address import IPAddress, parsed_address
from lvsdr.model.ipvs import SETTING_FIELDS, RealServer, Service, Settings
from lvsdr.profile.reader.network_names import family, host_address, ip_version, surely_a_host
from lvsdr.profile.reader.refusal import Refusal, misfit
from lvsdr.profile.reader.scheduling import NUMBERS, PLACES, above, real_server_settings
from lvsdr.profile.reader.wording import Pointer

if TYPE_CHECKING:
    from lvsdr.model.servers_in_columns import ServersInColumns

Entry = Mapping[str, Any]
Vips = frozenset[IPAddress]


class RealServers:
    """The real servers of the virtual server at `where`; `complete` fills in defaults.

    All but their RIPs and their numbers is the same for most.
    """

    def __init__(
        self, where: Pointer, service: Service, rips: Rips, complete: Callable[[Any], Any]
    ) -> None:
        self._where = (*where, "real_servers")
        self._service = service
        self._rips = rips
        self._complete = complete

    def read(self, given: Sequence[Entry], first: int = 0) -> ServersInColumns:
        """Return the real servers that the entries are, the first of which is number `first`.

        Raises Refusal: of a single entry for what is wrong with it first, of many for anything.
        """
        # A real server's profile has none.
        from lvsdr.model.servers_in_columns import ServersInColumns  # noqa: PLC0415

        if not given:
            return ServersInColumns(self._service, (), (), ())
        written = [each["rip"] for each in given]
        known = self._rips.known
        if not self._rips.take(written):
            for place, text in enumerate(written):
                if text not in known:
                    self._rips.learn(text, self._at(first + place))
        texts = list(map(known.__getitem__, written))
        settings = self._beside_their_rips(given, texts, first)
        columns: list[Sequence[Any]] = list(zip(*settings, strict=True))
        ports = self._ports(given, columns[METHOD], first)
        for place, values in self._numbers(given, first):
            columns[place] = values
        if len(set(texts)) < len(given) and len(set(zip(texts, ports, strict=True))) < len(given):
            raise misfit(self._where, "a real server is there twice", "remove one of the two")
        return ServersInColumns(self._service, texts, ports, columns)

    def _at(self, place: int) -> Pointer:
        return (*self._where, place)

    def _beside_their_rips(
        self, given: Sequence[Entry], rips: Sequence[str], first: int
    ) -> list[Settings]:
        """Return the settings of each real server, NUMBERS aside; raise Refusal."""
        names = tuple(sorted(set().union(*given) - APART))
        columns = (_column(given, name, None) for name in names)
        like = list(zip(_of_ipv6(rips), *columns, strict=True))
        # What was found sound once, in whichever service, need not be looked at again.
        sound = self._rips.sound.setdefault((self._service.family, names), {})
        if not sound.keys() >= set(like):
            for place, each in enumerate(like):
                if each not in sound:
                    rest = {name: it for name, it in given[place].items() if name not in APART}
                    here = self._at(first + place)
                    entry = self._complete(rest)
                    sound[each] = _beside_its_rip(entry, rips[place], here, self._service)
        return list(map(sound.__getitem__, like))

    def _ports(self, given: Sequence[Entry], methods: Sequence[str], first: int) -> list[int]:
        """Return the ports of the real servers, which go by `methods`; raise Refusal."""
        own = self._service.port
        ports = _integers(given, "port", own)
        for place in [place for place, port in enumerate(ports) if port != own]:
            port, method = ports[place], methods[place]
            if method != "masquerade" or port == 0:
                raise _unreached(port, method, self._at(first + place), own)
        return ports

    def _numbers(self, given: Sequence[Entry], first: int) -> Iterator[tuple[int, list[int]]]:
        """Yield the columns of NUMBERS, each with its place in the settings; raise Refusal."""
        columns = {name: _integers(given, name, default) for name, default in NUMBERS.items()}
        limits = columns["lower_threshold"], columns["upper_threshold"]
        if any(map(gt, *limits)):
            pairs = enumerate(zip(*limits, strict=True))
            place, (lower, upper) = next(each for each in pairs if gt(*each[1]))
            raise above(lower, upper, self._at(first + place))
        return ((PLACES[name], column) for name, column in columns.items())


# What is looked at by itself: the rest recurs.
APART = frozenset({"rip", "port", *NUMBERS})
METHOD = [each.name for each in SETTING_FIELDS[RealServer]].index("forwarding_method")


class Rips:
    """The RIPs of a profile, each looked at once, though many services may name it."""

    def __init__(self, vips: Vips) -> None:
        self._vips = frozenset(map(str, vips))
        self.known: dict[str, str] = {}
        # The settings of real servers that are alike, by the family of their service, and names.
        self.sound: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], Settings]] = {}

    def take(self, texts: Iterable[str]) -> bool:
        """Enter those that are surely addresses of hosts; return whether all are `known`."""
        known = self.known
        new = [text for text in texts if text not in known]
        hosts = [text for text in new if surely_a_host(text) and text not in self._vips]
        known.update(zip(hosts, hosts, strict=True))
        return len(hosts) == len(new)

    def learn(self, text: str, where: Pointer) -> None:
        """Enter how the address that `text` is is written into what is `known`.

        `where` is the real server that it is of. Raises Refusal.
        """
        here = (*where, "rip")
        rip = host_address(text, here, "RIP")
        # An IPv4 address can be written in one way alone.
        canonical = text if isinstance(rip, IPv4Address) else str(rip)
        if canonical in self._vips:
            raise misfit(
                here,
                f"{rip} is a VIP of this profile",
                "write the real server's own address (RIP)",
            )
        self.known[text] = canonical


def _column(given: Sequence[Entry], name: str, default: Any) -> list[Any]:
    # Twice as fast as get().
    return [each[name] if name in each else default for each in given]  # noqa: SIM401


def _integers(given: Sequence[Entry], name: str, default: int) -> list[int]:
    values = _column(given, name, default)
    # Draft-07 takes 1.0 for an integer.
    return values if set(map(type, values)) == {int} else list(map(int, values))


def _of_ipv6(rips: Sequence[str]) -> Iterable[bool]:
    """Return of each RIP whether it is of IPv6."""
    return [":" in rip for rip in rips] if ":" in "".join(rips) else [False] * len(rips)


def _beside_its_rip(entry: Entry, text: str, where: Pointer, service: Service) -> Settings:
    """Return the settings of the real server that `entry` makes; raise Refusal."""
    method, rip = entry["forwarding_method"], parsed_address(text)
    # A tunnel's outer packet may be of another family than the one it carries.
    if family(rip) != service.family and method != "tunnel":
        first = "the first real server" if service.vip is None else "the VIP"
        raise misfit(
            (*where, "rip"),
            f"{rip} is {ip_version(family(rip))}, {first} is {ip_version(service.family)}",
            f"write the {ip_version(service.family)} address of this real server",
        )
    return real_server_settings(entry, where)


def _unreached(port: int, method: str, where: Pointer, own: int) -> Refusal:
    """Return what is told of a port that is not the service's `own`: masquerade alone changes it.

    To any but 0.
    """
    if method != "masquerade":
        # The kernel stores another port, and still sends to the service's.
        kept = f"the service's port {own}" if own else "the port asked for"
        return misfit(
            (*where, "port"),
            f"{port} is never reached: {method} keeps {kept}",
            "leave out port, or write masquerade as the forwarding_method",
        )
    return misfit((*where, "port"), "0 is not a port", "leave out port to keep the service's")
