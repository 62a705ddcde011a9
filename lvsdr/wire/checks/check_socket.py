"""A packet socket that never waits: what its link has no room for is sent later."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Self

from lvsdr.wire.link_flags import has_carrier
from lvsdr.wire.message_batches import Outbox
from lvsdr.wire.packet_socket import PacketSocket, link_errors

_FULL = (errno.EAGAIN, errno.ENOBUFS)


class CheckSocket(PacketSocket):
    """Send and receive on a link, as PacketSocket does, but return at once."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._outbox = Outbox(self._index)
        return self

    def send_some(self, frames: Sequence[bytes]) -> int:
        """Send whole frames, and return how many: fewer where the queue of the link is full.

        Raises CannotRun where the link is down or gone.
        """
        done = 0
        while done < len(frames):
            taken = self._outbox.send(self.fileno(), frames[done:] if done else frames)
            # Why none was taken, sending one alone says.
            if not taken and not self._send_one(frames[done]):
                break
            done += taken or 1
        return done

    def _send_one(self, frame: bytes) -> int:
        """Send one frame; return 0 where the queue of the link is full."""
        where = self.link, int.from_bytes(frame[12:14])
        with link_errors(f"cannot send on {self.link}", self.link):
            try:
                self._socket.sendto(frame, where)
            except OSError as error:
                if error.errno in _FULL:
                    return 0
                raise
        return 1

    def carrier(self) -> bool:
        """Return whether the link is up and has a carrier; raises CannotRun where it is gone."""
        with link_errors(f"cannot look at {self.link}", self.link):
            return has_carrier(self._socket, self.link)
