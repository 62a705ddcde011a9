"""The virtual servers of the IPVS table, decoded; of what hundreds have in common, once."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from lvsdr.kernel.netlink import ipvs_attributes as carried
from lvsdr.kernel.netlink import ipvs_messages
from lvsdr.kernel.netlink.ipvs_dump import address_in, port_in
from lvsdr.kernel.netlink.netlink_messages import (
    AF_INET6,
    ATTRIBUTE,
    GENERIC,
    NLA_TYPE,
    Attributes,
    as_number,
    decode_message,
    each_message,
    malformed,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.model.ipvs import Service, VirtualServer

# How many virtual servers are known by their bytes once they were listed.
KNOWN = 4096


def virtual_servers(wire: GenericSocket) -> Iterator[VirtualServer]:
    """Yield the virtual servers of the namespace; raises OSError."""
    for message in each_message(wire.dump(ipvs_messages.GET_SERVICE)):
        yield decode_message(message, _virtual_server)


def virtual_server(wire: GenericSocket, service: Service) -> VirtualServer | None:
    """Return one virtual server of the namespace, None where it is not there; raises OSError."""
    try:
        answer = wire.ask_family(ipvs_messages.GET_SERVICE, ipvs_messages.identity(service))
    except OSError as error:
        if error.errno == errno.ESRCH:
            return None
        raise
    if answer is None:
        raise malformed()
    return decode_message(answer, _virtual_server)


def of_service(message: memoryview) -> tuple[Service, Attributes]:
    """Return which virtual server a message lists, and its attributes."""
    found = unpack_attributes(unpack_message(message, GENERIC)[1][carried.SERVICE])
    return _service(found), found


def _service(found: Attributes) -> Service:
    number = as_number(found[carried.AF])
    family = "inet6" if number == AF_INET6 else "inet"
    if carried.FWMARK in found:
        return Service("fwmark", fwmark=as_number(found[carried.FWMARK]), family=family)
    protocol = as_number(found[carried.PROTOCOL])
    return Service(
        protocol=ipvs_messages.PROTOCOL_NAMES.get(protocol, str(protocol)),
        vip=address_in(number, found[carried.ADDR]),
        port=port_in(found[carried.PORT]),
        family=family,
    )


def _virtual_server(message: memoryview) -> VirtualServer:
    return _described(*_apart(unpack_message(message, GENERIC)[1][carried.SERVICE]))


def _apart(packed: memoryview) -> tuple[bytes, bytes]:
    """Return the attributes that say which virtual server is listed, and its settings.

    Statistics, which change all the time, are in neither.
    """
    # In most messages all is where it was in one before.
    for form in _FORMS.get(len(packed), ()):
        if form.headers.unpack(packed) == form.expected:
            break
    else:
        form = _form_of(packed)
    return (
        b"".join([packed[each] for each in form.identity]),
        b"".join([packed[each] for each in form.settings]),
    )


class _Form(NamedTuple):
    """Where the attributes of a message are: their `headers`, as `expected`."""

    headers: struct.Struct
    expected: tuple[bytes, ...]
    identity: list[slice]
    settings: list[slice]


# By their size; of the kinds of virtual servers there are few.
_FORMS: dict[int, list[_Form]] = {}
MOST_FORMS = 16


def _form_of(packed: memoryview) -> _Form:
    identity, settings, sizes, place = list[slice](), list[slice](), list[int](), 0
    while place + ATTRIBUTE.size <= len(packed):
        length, kind = ATTRIBUTE.unpack_from(packed, place)
        # Of a broken length all that is left is taken, for others to complain about.
        sound = length >= ATTRIBUTE.size and place + length + -length % 4 <= len(packed)
        end = place + length + -length % 4 if sound else len(packed)
        kind &= NLA_TYPE
        if kind not in carried.STATISTICS:
            (identity if kind in carried.IDENTITY else settings).append(slice(place, end))
        sizes.append(end - place)
        place = end
    headers = struct.Struct("=" + "".join([f"4s{size - 4}x" for size in sizes]))
    whole = headers.size == len(packed)
    form = _Form(headers, headers.unpack(packed) if whole else (), identity, settings)
    known = _FORMS.setdefault(len(packed), [])
    if whole and len(known) < MOST_FORMS:
        known.append(form)
    return form


@lru_cache(maxsize=KNOWN)
def _described(identity: bytes, settings: bytes) -> VirtualServer:
    """Return the virtual server of such attributes: who looks often finds the same ones again."""
    service = _service(unpack_attributes(memoryview(identity)))
    return VirtualServer(service, **_settings(settings, service.family))


# Hundreds of virtual servers have the same ones.
@lru_cache(maxsize=KNOWN)
def _settings(packed: bytes, family: str) -> Mapping[str, Any]:
    found = unpack_attributes(memoryview(packed))
    return carried.virtual_server_fields(Service("", family=family), found)
