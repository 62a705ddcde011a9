"""Ports that are ours alone for a while, and the filter that lets only their answers through."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lvsdr.errors import CannotRun
from lvsdr.wire.frames.ethernet import IPV4, IPV6, NO_VLAN, Instruction, assembled
from lvsdr.wire.frames.ip import ICMP, ICMPV6, SCTP, TCP, UDP

HOW_MANY = 32
# Above the range from which Linux takes the ports of its own connections.
_FROM, _TO = 61440, 65536 - HOW_MANY
_ATTEMPTS = 64

# Classic BPF (linux/filter.h), as far as ethernet.py does not have it; X is what `LOAD_X` loads.
_LOAD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_LOAD_HALF_X, _LOAD_BYTE_X, _LENGTH_TO_X, _NOTHING_TO_X = 0x48, 0x50, 0xB1, 0x01
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_PACKET_TYPE = 0xFFFFF004
_FOR_US = 0
_DROP, _ACCEPT = -2, -1
_MORE_OR_LATER = 0x3FFF
_PORTS = (TCP, UDP, SCTP)


@contextmanager
def own_ports() -> Iterator[range]:
    """Give a block of ports that no program of this host uses, nor gets inside the block.

    Bound for UDP, of all addresses: the host keeps an answer to itself that
    it would else give to another program, or refuse with an ICMP error. TCP
    needs no such thing: the host resets what nobody has asked for.
    """
    for _ in range(_ATTEMPTS):
        block = range(start := random.randrange(_FROM, _TO), start + HOW_MANY)  # noqa: S311
        if (bound := _all_bound(block)) is not None:
            break
    else:
        raise CannotRun(
            f"cannot send probes: no {HOW_MANY} free ports in a row from {_FROM} on",
            hints=["ss -lun"],
        )
    with bound:
        yield block


def answer_filter(ports: range) -> bytes:
    """Return the BPF program that lets pass what may answer a probe from one of `ports`.

    To this host: TCP, UDP and SCTP to one of the ports, echo replies whose
    identifier is one of them, and ICMP errors. All else the kernel drops
    before it is copied, for a director receives much that is not for us.
    """
    return assembled(
        [
            (_LOAD, 0, 0, _PACKET_TYPE),
            (_EQUAL, 0, _DROP, _FOR_US),
            *NO_VLAN,
            (_LOAD_HALF, 0, 0, 12),
            (_EQUAL, 0, len(_from_ipv4(ports)), IPV4),
            *_from_ipv4(ports),
            (_EQUAL, 0, _DROP, IPV6),
            *_from_ipv6(ports),
        ]
    )


def _all_bound(block: range) -> ExitStack | None:
    with ExitStack() as stack:
        for port in block:
            try:
                stack.enter_context(_bound(port))
            except OSError:
                return None
        return stack.pop_all()


def _bound(port: int) -> socket.socket:
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind(("", port))
    except OSError:
        made.close()
        raise
    return made


def _from_ipv4(ports: range) -> list[Instruction]:
    port, identifier = (
        _among((_LOAD_HALF_X, 0, 0, 16), ports),
        _among((_LOAD_HALF_X, 0, 0, 18), ports),
    )
    return [
        (_LOAD_HALF, 0, 0, 20),
        (_ANY_BIT, _DROP, 0, _MORE_OR_LATER),
        (_LENGTH_TO_X, 0, 0, 14),
        (_LOAD_BYTE, 0, 0, 23),
        *_one_of(_PORTS, port),
        (_EQUAL, 0, _DROP, ICMP),
        (_LOAD_BYTE_X, 0, 0, 14),
        *((_EQUAL, _ACCEPT, 0, kind) for kind in (3, 11, 12)),
        (_EQUAL, 0, _DROP, 0),
        *identifier,
    ]


def _from_ipv6(ports: range) -> list[Instruction]:
    port, identifier = _among((_LOAD_HALF, 0, 0, 56), ports), _among((_LOAD_HALF, 0, 0, 58), ports)
    return [
        (_LOAD_BYTE, 0, 0, 20),
        *_one_of(_PORTS, port),
        (_EQUAL, 0, _DROP, ICMPV6),
        (_LOAD_BYTE, 0, 0, 54),
        # Errors are below 128 (RFC 4443, 2.1), an echo reply is 129.
        (_AT_LEAST, 0, _ACCEPT, 128),
        (_EQUAL, 0, _DROP, 129),
        *identifier,
    ]


def _one_of(protocols: tuple[int, ...], then: list[Instruction]) -> list[Instruction]:
    """Return the jump into `then` where the accumulator is one of `protocols`, else past it."""
    last = len(protocols) - 1
    tests = [
        (_EQUAL, last - place, len(then) if place == last else 0, protocol)
        for place, protocol in enumerate(protocols)
    ]
    return [*tests, *then]


def _among(load: Instruction, ports: range) -> list[Instruction]:
    return [load, (_AT_LEAST, 0, _DROP, ports.start), (_AT_LEAST, _DROP, _ACCEPT, ports.stop)]
