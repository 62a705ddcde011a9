"""The bytes that commands send to IPVS, for whoever sends them again without computing any."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from lvsdr.kernel.netlink import ipvs_messages
from lvsdr.kernel.netlink.netlink_messages import (
    ACK,
    DUMP,
    GENERIC,
    HEADER,
    NLMSG_NOOP,
    REQUEST,
    pack_message,
)
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.kernel.tables import ipvs_batch
from lvsdr.model.change import Change
from lvsdr.model.ipvs import Service


def sends(wire: GenericSocket, todo: Sequence[Change]) -> Iterator[bytes]:
    """Yield the sends that carry out `todo`."""
    for some in ipvs_batch.batches(wire, todo):
        packed = bytearray()
        for each in some:
            assert isinstance(each, tuple), "each real server is a change by itself"
            _, command, attributes = each
            length = HEADER.size + GENERIC.size + len(attributes)
            packed += HEADER.pack(length, wire.family, REQUEST, wire.sequence(), 0)
            packed += GENERIC.pack(command, 1) + attributes
        yield bytes(packed)


def answered(send: bytes) -> bytes:
    """Return a send with a message at its end that is acknowledged after all before it."""
    return send + HEADER.pack(HEADER.size, NLMSG_NOOP, REQUEST | ACK, 0, 0)


def listings(wire: GenericSocket, services: Iterable[Service]) -> Iterator[bytes]:
    """Yield what asks for the virtual servers, and for the real servers of each of `services`."""
    asked = [(ipvs_messages.GET_SERVICE, b"")]
    asked += [(ipvs_messages.GET_DEST, ipvs_messages.identity(each)) for each in services]
    for command, attributes in asked:
        body = GENERIC.pack(command, 1) + attributes
        yield pack_message(wire.family, body, wire.sequence(), REQUEST | DUMP)


def prepared(some: Iterable[bytes]) -> bytes:
    """Return sends as commands_floor.py reads them: each after its size."""
    return b"".join(len(each).to_bytes(4, sys.byteorder) + each for each in some)
