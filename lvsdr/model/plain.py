"""Objects as plain data and back: for JSON on stdout and for the record in /run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from lvsdr.model.objects import KINDS, Object, Service

Plain = dict[str, Any]


def to_plain(item: Object) -> Plain:
    """Return the fields of `item` as JSON types, without its kind."""
    return {field.name: _plain(getattr(item, field.name)) for field in fields(item)}


def from_plain(kind: str, plain: Mapping[str, Any]) -> Object:
    """Return the object of `kind` whose `to_plain` is `plain`.

    Raises KeyError, TypeError or ValueError where `plain` is no such object.
    """
    made = KINDS[kind](**{name: _value(name, value) for name, value in plain.items()})
    if to_plain(made) != dict(plain):
        raise ValueError(f"not the fields of a {kind}")
    return made


def _plain(value: object) -> Any:
    if isinstance(value, Service):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def _value(name: str, value: Any) -> Any:
    parse = PARSERS.get(name)
    return value if parse is None or value is None else parse(value)


def _service(plain: Mapping[str, Any]) -> Service:
    return Service(**{name: _value(name, value) for name, value in plain.items()})


PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "ip": ip_interface,
    "vip": ip_address,
    "rip": ip_address,
    "destination": ip_network,
    "service": _service,
    "tunnel": tuple,
    "group": ip_address,
}
