"""Source ports for probes that no other program of this host uses meanwhile."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lvsdr.errors import CannotRun

HOW_MANY = 32
# Above the range from which Linux takes the ports of its own connections.
_FROM, _TO = 61440, 65536 - HOW_MANY
_ATTEMPTS = 64


@contextmanager
def own_ports() -> Iterator[range]:
    """Reserve a range of ports that no other program of this host uses inside the block.

    They are bound for UDP, on all addresses: else the kernel would give an
    answer to another program, or refuse it with an ICMP error. TCP needs no
    such thing: the kernel resets connections that it does not know.
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
