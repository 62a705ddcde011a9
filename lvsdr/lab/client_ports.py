"""Ports of a client that no request of this process has come from.

For two minutes after its end a connection stays in the director's table, and what comes from the
same address and port meanwhile goes where that went. `conn_reuse_mode=1`, the kernel's default, has
it scheduled anew from TIME_WAIT on (ipvs-sysctl.rst), but in direct routing FIN_WAIT is the last
that a director sees. The kernel's own choice at bind(2) is random, and soon comes upon one of them.
"""

from __future__ import annotations

import errno
import random
import socket
from itertools import count

from lvsdr.model.address import IPAddress

# Below those that Linux chooses from (net.ipv4.ip_local_port_range), and above what others have.
FIRST, MANY = 10_000, 20_000

# Another process of the same lab begins somewhere else.
_numbers = count(random.randrange(MANY))  # noqa: S311 - nobody guesses it


def bind(asking: socket.socket, source: IPAddress) -> None:
    """Bind a socket to an address, and a port that comes again after 20,000; raises OSError."""
    for number in _numbers:
        try:
            asking.bind((str(source), FIRST + number % MANY))
        except OSError as error:
            # Somebody holds it.
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return
