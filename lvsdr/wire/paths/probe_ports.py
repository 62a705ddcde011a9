"""Source ports for probes: no other program uses them meanwhile, and nobody can guess them."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lvsdr.errors import CannotRun

HOW_MANY = 64
# Those from which Linux does not take the ports of its own connections.
_CHOICE = (*range(10240, 32768), *range(61000, 65536))
_ATTEMPTS = 1024


@contextmanager
def own_ports() -> Iterator[tuple[int, ...]]:
    """Reserve ports that no other program of this host uses inside the block, in no order.

    They are bound for UDP, on all addresses: else the kernel would give an
    answer to another program, or refuse it with an ICMP error. TCP needs no
    such thing: the kernel resets connections that it does not know.
    """
    found: list[int] = []
    with ExitStack() as bound:
        for port in random.SystemRandom().sample(_CHOICE, _ATTEMPTS):
            try:
                bound.enter_context(_bound(port))
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise _no_descriptors(error) from error
                continue
            found.append(port)
            if len(found) == HOW_MANY:
                break
        else:
            raise CannotRun(f"cannot send probes: no {HOW_MANY} free UDP ports", hints=["ss -lun"])
        yield tuple(found)


def _no_descriptors(error: OSError) -> CannotRun:
    code = errno.errorcode[error.errno or 0]
    return CannotRun(
        f"cannot send probes: {(error.strerror or '').lower()} ({code})",
        hints=[f"each link needs {HOW_MANY} descriptors for each kind of check: ulimit -n"],
    )


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
