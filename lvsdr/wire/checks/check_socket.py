"""A packet socket that never waits: what its link has no room for is sent later."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from lvsdr.wire import message_batches
from lvsdr.wire.link_flags import has_carrier
from lvsdr.wire.packet_socket import PacketSocket, link_errors

_FULL = (errno.EAGAIN, errno.ENOBUFS)


class CheckSocket(PacketSocket):
    """Send and receive on a link, as PacketSocket does, but return at once."""

    def send_some(self, frames: Sequence[bytes]) -> int:
        """Send whole frames, and return how many: fewer where the queue of the link is full.

        Raises CannotRun where the link is down or gone.
        """
        done = 0
        while done < len(frames):
            taken = message_batches.send(self.fileno(), self._index, frames[done:][:_MOST])
            done += taken or self._send_one(frames[done])
            if not taken:
                break
        return done

    def _send_one(self, frame: bytes) -> int:
        """Send one frame, for a batch does not say why it was not taken."""
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


_MOST = message_batches.MOST
