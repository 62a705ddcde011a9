"""The fields of virtual and real servers as the kernel's attributes: one row a field, both ways.

The layout is that of pyroute2.netlink.generic.ipvs, and a test holds the two against each other.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Any, Literal

from lvsdr.kernel.netlink.netlink_messages import (
    NOTHING,
    U8,
    U16,
    U32,
    Attributes,
    as_number,
    as_text,
    pack_attribute,
)
from lvsdr.model.ipvs import SETTING_FIELDS, RealServer, Service, Settings, VirtualServer
from lvsdr.model.late_dataclasses import dataclass

# linux/ip_vs.h
SERVICE, DEST = 1, 2
AF, PROTOCOL, ADDR, PORT, FWMARK, SCHED_NAME, FLAGS, TIMEOUT, NETMASK = range(1, 10)
PE_NAME = 11
STATISTICS = frozenset({10, 12})
IDENTITY = frozenset({AF, PROTOCOL, ADDR, PORT, FWMARK})
DEST_ADDR, DEST_PORT, FWD_METHOD, WEIGHT, U_THRESH, L_THRESH = range(1, 7)
ADDR_FAMILY, TUN_TYPE, TUN_PORT, TUN_FLAGS = 11, 13, 14, 15

METHODS = {"masquerade": 0, "local": 1, "tunnel": 2, "dr": 3}
METHOD_NAMES = {number: name for name, number in METHODS.items()}
METHOD_MASK = 0x7

PERSISTENT, ONE_PACKET = 0x1, 0x4
SCHEDULER_FLAGS = 0x38
ALL_FLAGS = 0xFFFFFFFF

BE16 = struct.Struct("!H")
FLAGS_AND_MASK = struct.Struct("=II")


# --- real servers --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A field of a real server, and the attributes that carry it: the number and form of each.

    `numbers` makes their values of the field's, `value` the field's of theirs; without `numbers` it
    is one number and its own. One that is not `needed` has no attribute in lists of older kernels,
    and there it is 0.
    """

    field: str
    forms: Mapping[int, struct.Struct]
    numbers: Callable[[Any], tuple[int, ...]] | None = None
    value: Callable[..., Any] = int
    needed: bool = False


SETTING_NAMES = tuple(each.name for each in SETTING_FIELDS[RealServer])
# In the order in which the kernel lists them.
REAL_SERVER = (
    Carried(
        "forwarding_method",
        {FWD_METHOD: U32},
        numbers=lambda name: (METHODS[name],),
        value=lambda flags: METHOD_NAMES.get(flags & METHOD_MASK, str(flags & METHOD_MASK)),
        needed=True,
    ),
    Carried("weight", {WEIGHT: U32}, needed=True),
    Carried(
        "tunnel",
        # The kernel wants network byte order in the port, and pyroute2 does not swap.
        {TUN_TYPE: U8, TUN_PORT: BE16, TUN_FLAGS: U16},
        numbers=tuple,
        value=lambda *parts: parts,
    ),
    Carried("upper_threshold", {U_THRESH: U32}),
    Carried("lower_threshold", {L_THRESH: U32}),
)


def real_server_settings(found: Attributes) -> Settings:
    """Return the settings of a listed real server; raises KeyError."""
    return _unpacked(tuple([bytes(found.get(kind, NOTHING)) for kind in LISTED]))


LISTED = tuple(kind for row in REAL_SERVER for kind in row.forms)


@lru_cache(maxsize=1024)
def _unpacked(listed: tuple[bytes, ...]) -> Settings:
    """Return the settings that the values of the attributes LISTED are, b"" where one is none."""
    packed = dict(zip(LISTED, listed, strict=True))
    values = {}
    for row in REAL_SERVER:
        if row.needed and not all(packed[kind] for kind in row.forms):
            raise KeyError(row.field)
        values[row.field] = row.value(
            *(int.from_bytes(packed[kind], _order(form)) for kind, form in row.forms.items())
        )
    return tuple(values[name] for name in SETTING_NAMES)


def _order(form: struct.Struct) -> Literal["big", "little"]:
    return "big" if form.format.startswith("!") else sys.byteorder


# --- virtual servers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Described:
    """A setting of a virtual server: its attribute, or the bits of FLAGS in which it is.

    `packed` makes the attribute's value, b"" for none; `value` reads it back, of all attributes.
    """

    field: str
    value: Callable[[Attributes, Service], Any]
    number: int = 0
    packed: Callable[[VirtualServer], bytes] = lambda server: b""
    bits: Callable[[VirtualServer], int] = lambda server: 0


def _flags(found: Attributes) -> int:
    return int(FLAGS_AND_MASK.unpack(found[FLAGS])[0])


def _timeout(found: Attributes, _: Service) -> int | None:
    return as_number(found[TIMEOUT]) if _flags(found) & PERSISTENT else None


def _netmask(server: VirtualServer) -> bytes:
    prefix = server.persistence_prefix
    if server.service.family == "inet6":
        # For IPv6 the kernel wants the prefix length as a number in host byte order.
        return U32.pack(prefix or 128)
    if isinstance(prefix, str):
        return IPv4Address(prefix).packed
    mask = (0xFFFFFFFF << (32 - (32 if prefix is None else prefix))) & 0xFFFFFFFF
    return struct.pack("!I", mask)


def _prefix(found: Attributes, service: Service) -> int | str | None:
    if service.family == "inet6":
        length = as_number(found[NETMASK])
        return None if length == 128 else length
    mask = int.from_bytes(found[NETMASK], "big")
    length = mask.bit_count()
    if not mask or mask != (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF:
        # Anything goes with ipvsadm -M, and 24 is 0.0.0.24.
        return str(IPv4Address(mask))
    return None if length == 32 else length


def _text(value: str | None) -> bytes:
    return value.encode() + b"\0" if value else b""


VIRTUAL_SERVER = (
    Described(
        "scheduler",
        lambda found, _: as_text(found.get(SCHED_NAME, NOTHING)),
        SCHED_NAME,
        lambda server: _text(server.scheduler),
    ),
    Described(
        "persistence",
        _timeout,
        TIMEOUT,
        lambda server: U32.pack(server.persistence or 0),
        lambda server: PERSISTENT if server.persistence is not None else 0,
    ),
    Described("persistence_prefix", _prefix, NETMASK, _netmask),
    Described(
        "one_packet",
        lambda found, _: bool(_flags(found) & ONE_PACKET),
        bits=lambda server: ONE_PACKET if server.one_packet else 0,
    ),
    Described(
        "flags",
        lambda found, _: _flags(found) & SCHEDULER_FLAGS,
        bits=lambda server: server.flags & SCHEDULER_FLAGS,
    ),
    Described(
        "engine",
        lambda found, _: as_text(found.get(PE_NAME, NOTHING)) or None,
        PE_NAME,
        lambda server: _text(server.engine),
    ),
)


def virtual_server_settings(server: VirtualServer) -> bytes:
    """Return the settings of a virtual server as attributes, by their numbers.

    Nothing is left out: what is, the kernel clears or invents.
    """
    flags = sum(row.bits(server) for row in VIRTUAL_SERVER)
    values = {row.number: row.packed(server) for row in VIRTUAL_SERVER}
    values[FLAGS] = FLAGS_AND_MASK.pack(flags, ALL_FLAGS)
    return b"".join(pack_attribute(kind, value) for kind, value in sorted(values.items()) if value)


def virtual_server_fields(service: Service, found: Attributes) -> dict[str, Any]:
    """Return the fields of a listed virtual server, but for its service; raises KeyError.

    Of the service nothing but its family matters.
    """
    return {row.field: row.value(found, service) for row in VIRTUAL_SERVER}
