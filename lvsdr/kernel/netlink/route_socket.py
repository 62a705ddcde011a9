"""What each command does with links, addresses and routes, over a raw route socket.

That is every read, and what is written along with a VIP; what is rare goes through pyroute2, whose
import takes longer than all that most commands do. Byte layouts are those of linux/rtnetlink.h,
if_link.h and if_addr.h; a test holds them against pyroute2's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from lvsdr.kernel.netlink.netlink_messages import ACK, Item, decode_message, each_message, malformed
from lvsdr.kernel.netlink.netlink_socket import NETLINK_ROUTE, NetlinkSocket

NETLINK_GET_STRICT_CHK = 12
EXCLUSIVE, CREATE = 0x200, 0x400
# By the version of IP.
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
# A dump that somebody's change has torn is asked for again, so often.
ATTEMPTS = 10


class RouteSocket(NetlinkSocket):
    """A socket that speaks rtnetlink."""

    def __init__(self) -> None:
        super().__init__(NETLINK_ROUTE)
        # Strict checking lets the kernel filter dumps: a router's table may be large.
        self._try_option(NETLINK_GET_STRICT_CHK)

    def change(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Have one change carried out; raises OSError."""
        self.ask(kind, body, ACK | flags)

    def get(self, kind: int, body: bytes, decode: Callable[[memoryview], Item]) -> Item:
        """Return the one thing that is asked for; raises OSError."""
        answer = self.ask(kind, body)
        if answer is None:
            raise malformed()
        return decode_message(answer, decode)

    def dump(self, kind: int, body: bytes, decode: Callable[[memoryview], Item]) -> list[Item]:
        """Return all that the kernel lists; raises OSError.

        Where links come and go all the time, as on a host of containers, a list is often torn.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return self._dump(kind, body, decode)
            except InterruptedError:
                continue
        return self._dump(kind, body, decode)

    def _dump(self, kind: int, body: bytes, decode: Callable[[memoryview], Item]) -> list[Item]:
        # What makes a thing, and so lists it, has a number two below that of asking for it.
        return [
            decode_message(each, decode)
            for each in each_message(self.dump_chunks(kind, body, kind - 2))
        ]
