"""Objects as plain data and back: for JSON on stdout and for the record in /run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from ipaddress import ip_interface, ip_network
from operator import attrgetter
from typing import Any

from lvsdr.model.address import parsed_address
from lvsdr.model.ipvs import RealServer, Service, VirtualServer, interned
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL
from lvsdr.model.late_dataclasses import fields
from lvsdr.model.objects import Address, Key, Link, Object, ProxyNeighbour, Route, Sysctl

Plain = dict[str, Any]

SERVICE_FIELDS = ("protocol", "vip", "port", "fwmark", "family")
_SERVICE = frozenset(SERVICE_FIELDS)

KINDS: Mapping[str, type[Object]] = {
    "sysctl": Sysctl,
    "link": Link,
    "address": Address,
    "route": Route,
    "proxy_neighbour": ProxyNeighbour,
    "virtual_server": VirtualServer,
    "real_server": RealServer,
    "timeout": Timeout,
    "sync_daemon": SyncDaemon,
}


def to_plain(item: Object) -> Plain:
    """Return the fields of `item` as JSON types, without its kind; only to be read."""
    names, values = _fields(item.kind)
    return {
        name: value if type(value) in SIMPLE else plain_value(value)
        for name, value in zip(names, values(item), strict=True)
    }


def from_plain(kind: str, plain: Mapping[str, Any]) -> Object:
    """Return the object of `kind` whose `to_plain` is `plain`.

    Raises KeyError, TypeError or ValueError where `plain` is no such object.
    """
    values = dict(plain)
    parsed = _parsers(kind)
    for name, parse in parsed:
        if values[name] is not None:
            values[name] = parse(values[name])
    made = KINDS[kind](**values)
    # What is parsed has been held against its text; anything else is written as it is read.
    strange = [name for name, value in plain.items() if type(value) not in SIMPLE]
    if plain.keys() != set(_fields(kind)[0]) or not {name for name, _ in parsed}.issuperset(
        strange
    ):
        raise ValueError(f"not the fields of a {kind}")
    return made


SIMPLE = frozenset({str, int, bool, type(None)})
FAMILIES = {4: "inet", 6: "inet6"}


@cache
def _fields(kind: str) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the names of a kind's fields, and what gets their values; each kind has several.

    Without those that make no difference.
    """
    names = tuple(field.name for field in fields(KINDS[kind]) if field.compare)
    return names, attrgetter(*names)


@cache
def _parsers(kind: str) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Return those of a kind's fields that are no JSON types, each with what makes it of one."""
    return tuple((name, PARSERS[name]) for name in _fields(kind)[0] if name in PARSERS)


@cache
def _service_fields() -> tuple[tuple[str, ...], Callable[[Service], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(Service))
    return names, attrgetter(*names)


def _plain_service(service: Service) -> Plain:
    # Not remembered: of more services than are, one after the other, each is forgotten in time.
    names, values = _service_fields()
    return {
        name: value if type(value) in SIMPLE else plain_value(value)
        for name, value in zip(names, values(service), strict=True)
    }


def plain_value(value: object) -> Any:
    """Return a field's value as JSON types."""
    if isinstance(value, Service):
        return _plain_service(value)
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def service_from_plain(plain: Mapping[str, Any]) -> Service:
    """Return the service that `plain` is; raises KeyError, TypeError or ValueError."""
    if plain.keys() != _SERVICE:
        raise ValueError("not the fields of a service")
    return service_of(*map(plain.__getitem__, SERVICE_FIELDS))


def real_server_of(key: Key) -> RealServer:
    """Return a real server that has a key, weight 0 and nothing else of its own.

    Raises TypeError or ValueError where the key is that of none.
    """
    *_, rip, port = key
    service = service_of_key(key[1:-2])
    return RealServer(service, parsed_address(str(rip)), int(port), 0)


def service_of_key(key: Key) -> Service:
    """Return the service that has a key; raise TypeError or ValueError where it is that of none."""
    protocol, named, rest = key
    if protocol == "fwmark":
        service = Service(str(protocol), fwmark=int(named), family=str(rest))
    else:
        vip = parsed_address(str(named))
        service = Service(str(protocol), vip, int(rest), family=FAMILIES[vip.version])
    return interned(service)


# Real servers follow one another, and a service's are told apart without reading it again.
@lru_cache(maxsize=4096)
def service_of(*plain: Any) -> Service:
    """Return the service whose SERVICE_FIELDS are `plain`; raise TypeError or ValueError."""
    values = dict(zip(SERVICE_FIELDS, plain, strict=True))
    made = Service(**{**values, "vip": values["vip"] and parsed_address(values["vip"])})
    if _plain_service(made) != values:
        raise ValueError("not the fields of a service")
    return interned(made)


def _exactly(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `parse`, but for texts that it would not write so itself."""

    @lru_cache(maxsize=65536, typed=True)
    def exact(text: Any) -> Any:
        made = parse(text)
        if str(made) != text:
            raise ValueError(f"not the fields of an object: {made} is written otherwise")
        return made

    return exact


def _tunnel(plain: list[int]) -> tuple[int, ...]:
    if type(plain) is not list or [type(each) for each in plain] != [int] * len(IPIP_TUNNEL):
        raise TypeError("not the numbers of a tunnel")
    return tuple(plain)


exact_address = _exactly(parsed_address)

PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "ip": _exactly(ip_interface),
    "rip": exact_address,
    "address": exact_address,
    "destination": _exactly(ip_network),
    "service": service_from_plain,
    "tunnel": _tunnel,
    "group": exact_address,
}


def exact_numbers(text: str) -> bool:
    """Return whether a text is numbers, none negative, with a blank between two of them.

    Each as it is written here, so that it is the same text again.
    """
    # One regular expression for all of it takes ten times as long.
    if not text.isascii() or text.encode().translate(None, b"0123456789 "):
        return False
    apart = f" {text} "
    return "  " not in apart and _LEADING_ZERO.search(apart) is None


_LEADING_ZERO = re.compile(" 0[0-9]")
