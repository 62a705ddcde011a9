"""Addresses and numbers as arguments: read, or refused with a word on what is wrong."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_interface
from math import isnan
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lvsdr.model.address import IPInterface


class IPv4Type(click.ParamType[IPv4Address]):
    """An IPv4 address."""

    name = "address"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> IPv4Address:
        """Return the address that `value` is."""
        try:
            return IPv4Address(value)
        except ValueError:
            self.fail(f"{value!r} is not an IPv4 address", param, ctx)


class InterfaceType(click.ParamType["IPInterface"]):
    """An address with the prefix length of its subnet."""

    name = "address/prefix"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> IPInterface:
        """Return the address that `value` is; a bare one says nothing of the subnet."""
        try:
            found = ip_interface(value)
        except ValueError:
            self.fail(f"{value!r} is not an address with a prefix, as 192.168.1.10/24", param, ctx)
        if "/" not in value:
            self.fail(f"{value!r} has no prefix length: write {value}/24", param, ctx)
        return found


class ListenAddress(click.ParamType[tuple[str, int]]):
    """An address of this host and a port to listen on."""

    name = "address:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return the address, without brackets, and the port that `value` is."""
        if isinstance(value, tuple):
            return value
        address, colon, port = str(value).rpartition(":")
        try:
            found = str(ip_address(address.removeprefix("[").removesuffix("]")))
        except ValueError:
            found = ""
        whole = port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536
        if not (found and colon and whole):
            self.fail(f"{value!r} is not an address and a port, as 127.0.0.1:9842", param, ctx)
        return found, int(port)


class NumberRange(click.FloatRange):
    """A number between two others. Not a number is none: nothing that waits for it would end."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number that `value` is."""
        if isnan(number := float(super().convert(value, param, ctx))):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number
