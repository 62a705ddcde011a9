"""Addresses and numbers as arguments: read, or refused with a word on what is wrong."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_interface
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


class NumberRange(click.FloatRange):
    """A number between two others. Not a number is none: nothing that waits for it would end."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number that `value` is."""
        if isnan(number := float(super().convert(value, param, ctx))):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number
