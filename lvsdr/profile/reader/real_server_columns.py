"""The real servers of a virtual server, a field at a time: they are nearly all of a profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from itertools import chain
from operator import gt
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service, Settings, servers_in_columns
from lvsdr.profile.reader.network_names import family, host_address, ip_version
from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.scheduling import NUMBERS, PLACES, above, real_server_settings
from lvsdr.profile.reader.wording import Pointer

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

    def read(self, given: Sequence[Entry], first: int = 0) -> list[RealServer]:
        """Return the real servers that the entries are, the first of which is number `first`.

        Raises Refusal: of a single entry for what is wrong with it first, of many for anything.
        """
        if not given:
            return []
        written = [each["rip"] for each in given]
        known = self._rips.known
        for place, text in enumerate(written):
            if text not in known:
                self._rips.learn(text, self._at(first + place))
        rips, texts = zip(*map(known.__getitem__, written), strict=True)
        ports, settings = zip(*self._beside_their_rips(given, rips, first), strict=True)
        columns: list[Sequence[Any]] = list(zip(*settings, strict=True))
        for place, values in self._numbers(given, first):
            columns[place] = values
        if len(set(zip(texts, ports, strict=True))) < len(given):
            raise misfit(self._where, "a real server is there twice", "remove one of the two")
        return servers_in_columns(self._service, rips, texts, ports, columns)

    def _at(self, place: int) -> Pointer:
        return (*self._where, place)

    def _beside_their_rips(
        self, given: Sequence[Entry], rips: Sequence[IPAddress], first: int
    ) -> list[tuple[int, Settings]]:
        """Return the port and the settings of each real server, NUMBERS aside; raise Refusal."""
        names = [name for name in dict.fromkeys(chain.from_iterable(given)) if name not in APART]
        columns = ([each.get(name) for each in given] for name in names)
        like = list(zip(map(type, rips), *columns, strict=True))
        # What was found sound once need not be looked at again.
        sound: dict[tuple[Any, ...], tuple[int, Settings]] = {}
        for place, each in enumerate(like):
            if each not in sound:
                rest = {name: value for name, value in given[place].items() if name not in APART}
                here = self._at(first + place)
                entry = self._complete(rest)
                sound[each] = _beside_its_rip(entry, rips[place], here, self._service)
        return [sound[each] for each in like]

    def _numbers(self, given: Sequence[Entry], first: int) -> Iterator[tuple[int, list[int]]]:
        """Yield the columns of NUMBERS, each with its place in the settings; raise Refusal."""
        # Draft-07 takes 1.0 for an integer.
        columns = {
            name: list(map(int, [each.get(name, default) for each in given]))
            for name, default in NUMBERS.items()
        }
        limits = columns["lower_threshold"], columns["upper_threshold"]
        if any(map(gt, *limits)):
            pairs = enumerate(zip(*limits, strict=True))
            place, (lower, upper) = next(each for each in pairs if gt(*each[1]))
            raise above(lower, upper, self._at(first + place))
        return ((PLACES[name], column) for name, column in columns.items())


# What is looked at by itself: the rest recurs.
APART = frozenset({"rip", *NUMBERS})


class Rips:
    """The RIPs of a profile, each looked at once, though many services may name it."""

    def __init__(self, vips: Vips) -> None:
        self._vips = frozenset(map(str, vips))
        self.known: dict[str, tuple[IPAddress, str]] = {}

    def learn(self, text: str, where: Pointer) -> None:
        """Enter the address that `text` is, and how it is written, into what is `known`.

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
        self.known[text] = rip, canonical


def _beside_its_rip(
    entry: Entry, rip: IPAddress, where: Pointer, service: Service
) -> tuple[int, Settings]:
    """Return the port and the settings of the real server that `entry` makes; raise Refusal."""
    method = entry["forwarding_method"]
    # A tunnel's outer packet may be of another family than the one it carries.
    if family(rip) != service.family and method != "tunnel":
        first = "the first real server" if service.vip is None else "the VIP"
        raise misfit(
            (*where, "rip"),
            f"{rip} is {ip_version(family(rip))}, {first} is {ip_version(service.family)}",
            f"write the {ip_version(service.family)} address of this real server",
        )
    settings = real_server_settings(entry, where)
    return _port(entry, where, service), settings


def _port(entry: Entry, where: Pointer, service: Service) -> int:
    """Return the port on the real server: the service's, unless masquerade changes it."""
    port: int = entry.get("port", service.port)
    if port == service.port:
        return port
    if entry["forwarding_method"] != "masquerade":
        # The kernel stores another port, and still sends to the service's.
        kept = f"the service's port {service.port}" if service.port else "the port asked for"
        raise misfit(
            (*where, "port"),
            f"{port} is never reached: {entry['forwarding_method']} keeps {kept}",
            "leave out port, or write masquerade as the forwarding_method",
        )
    if port == 0:
        raise misfit((*where, "port"), "0 is not a port", "leave out port to keep the service's")
    return port
