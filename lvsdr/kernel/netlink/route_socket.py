"""Our own route socket, for the requests about links, addresses and routes that commands make.

It makes all reads, and the writes that come with a VIP. Rare requests go through pyroute2, whose
import takes longer than the rest of most commands. Byte layouts are those of linux/rtnetlink.h,
if_link.h and if_addr.h; a test compares them with pyroute2's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from lvsdr.kernel.netlink.netlink_messages import (
    ACK,
    AF_INET,
    AF_INET6,
    REQUEST,
    Item,
    decode_message,
    each_message,
    malformed,
    pack_message,
)
from lvsdr.kernel.netlink.netlink_socket import NETLINK_ROUTE, NetlinkSocket

NETLINK_GET_STRICT_CHK = 12
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
# By the version of IP.
FAMILIES = {4: AF_INET, 6: AF_INET6}
# A dump that somebody's change has torn is asked for again, so often.
ATTEMPTS = 10


class RouteSocket(NetlinkSocket):
    """A socket for rtnetlink."""

    def __init__(self) -> None:
        super().__init__(NETLINK_ROUTE)
        # Strict checking lets the kernel filter dumps: a router's table may be large.
        self._try_option(NETLINK_GET_STRICT_CHK)

    def change(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Request one change; raises OSError."""
        self.ask(kind, body, ACK | flags)

    def change_all(self, changes: Sequence[tuple[int, bytes, int]]) -> dict[int, OSError]:
        """Request several changes at once, each with its kind and flags; raises OSError.

        Those that are refused do not keep the others from being made; they are returned, by their
        places.
        """
        first = self.sequence(len(changes))
        packed = (
            pack_message(kind, body, first + place, REQUEST | flags)
            for place, (kind, body, flags) in enumerate(changes)
        )
        refused = self.batch(b"".join(packed))
        return {
            number - first: OSError(each.errno, each.said or os.strerror(each.errno))
            for number, each in refused.items()
        }

    def get(self, kind: int, body: bytes, decode: Callable[[memoryview], Item]) -> Item:
        """Request one object, and return it decoded; raises OSError."""
        answer = self.ask(kind, body)
        if answer is None:
            raise malformed()
        return decode_message(answer, decode)

    def dump(self, kind: int, body: bytes, decode: Callable[[memoryview], Item]) -> list[Item]:
        """Return the objects of a dump, decoded; raises OSError.

        A dump that changed while it was read is repeated, which is frequent on hosts of containers.
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
