"""The sockets of a checker on one link: opened again after the link was down, or made anew.

While the link is down or has no carrier we are deaf: silence says nothing. Whoever checks asks this
before it says that a real server is silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import monotonic

from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.wire.checks.check_socket import CheckSocket
from lvsdr.wire.message_batches import MOST
from lvsdr.wire.packet_filters import probe_reply_filter
from lvsdr.wire.paths.probe_ports import own_ports
from lvsdr.wire.socket_group import ethertypes

# How often a link that is down is looked at, and when a full queue may have room again.
_AGAIN, _SHORTLY = 0.1, 0.002
# Of a flood so much is read at once; then it is the turn of others.
_MOST_READ = 128
_MOST_WAITING = 20_000
# What came while frames were lost may be missing for so long.
_DEAF_FOR = 1.0


class CheckLink(Closing):
    """Send frames on `link`, and hear what answers checks and what is claimed of `neighbours`.

    Raises CannotRun where packet sockets are refused to us, or nobody can be asked on such a link.
    A link that is not there, or is down, is waited for.
    """

    def __init__(self, link: str, neighbours: Iterable[IPAddress]) -> None:
        self.link, self.neighbours = link, set(neighbours)
        self.deaf = True
        # Counted up each time that the sockets or our MAC address are others than before.
        self.generation = 0
        self.mac = ""
        self.deaf_until = 0.0
        self.ports: tuple[int, ...] = ()
        self._out: list[bytes] = []
        self._full = False
        self._sockets: tuple[CheckSocket, ...] = ()
        self._looked = 0.0
        with ExitStack() as stack:
            self.ports = stack.enter_context(own_ports())
            try:
                self._open()
            except CannotRun as error:
                if not isinstance(error.__cause__, OSError) or _refused(error.__cause__):
                    raise
                self._shut()
            self._reserved = stack.pop_all()

    def close(self) -> None:
        """Give back what was opened."""
        self._shut()
        self._reserved.close()

    def filenos(self) -> Sequence[int]:
        """Return the sockets that may become readable; others after the link was down."""
        return [each.fileno() for each in self._sockets]

    # --- is it there? ----------------------------------------------------------------------------

    def look(self, now: float, every: float) -> None:
        """Find out whether the link is there, has its carrier and its MAC address.

        That is done if it was not done in the last `every` seconds.
        """
        if now < self._looked + (every if self._sockets else _AGAIN):
            return
        self._looked = now
        with self._trouble():
            if not self._sockets:
                self._open()
            elif not self._wire.carrier():
                self._shut()
            elif self._wire.mac != self.mac:
                self.mac, self.generation = self._wire.mac, self.generation + 1
            elif sum(each.count_lost() for each in self._sockets):
                self.deaf_until = now + _DEAF_FOR

    def hears(self, now: float) -> bool:
        """Return whether silence means something: nothing was lost, and all was sent."""
        return not self.deaf and now >= self.deaf_until and not self._full

    def due(self) -> float | None:
        """Return when the link has to be looked at again, or sent on; None where it is fine."""
        if self._out:
            return monotonic() + _SHORTLY
        return None if self._sockets else self._looked + _AGAIN

    # --- to hear and to say ----------------------------------------------------------------------

    def put(self, frames: Iterable[bytes]) -> None:
        """Send frames with the next `flush`."""
        self._out += frames

    def flush(self) -> None:
        """Send what is to be sent; what there is no room for, later."""
        if not self._out or self.deaf:
            self._out.clear()
            self._full = False
            return
        with self._trouble():
            del self._out[: self._wire.send_some(self._out)]
        self._full = bool(self._out)
        if len(self._out) > _MOST_WAITING:
            # A link this slow carries no checks: what is left is void, as if it had been lost.
            self._out.clear()
            self.deaf_until = monotonic() + _DEAF_FOR

    def answers(self) -> Iterator[list[bytes]]:
        """Yield what has come that may answer checks, and not without end."""
        return self._read(0)

    def claims(self) -> Iterator[list[bytes]]:
        """Yield what was said of neighbours."""
        return self._read(1)

    def hear_of(self, addresses: Iterable[IPAddress]) -> None:
        """Hear what is claimed of more neighbours as well."""
        if more := set(addresses) - self.neighbours:
            self.neighbours |= more
            if not self._sockets:
                return
            with self._trouble():
                heard = self._opened.enter_context(self._listener())
                self._sockets[1].close()
                self._sockets = (self._wire, heard)

    def _read(self, which: int) -> Iterator[list[bytes]]:
        for _ in range(_MOST_READ):
            if self.deaf:
                return
            came: list[bytes] = []
            with self._trouble():
                came = self._sockets[which].taken()
            if came:
                yield came
            if len(came) < MOST:
                return

    @property
    def _wire(self) -> CheckSocket:
        return self._sockets[0]

    def _open(self) -> None:
        replies = CheckSocket(self.link, only=probe_reply_filter(self.ports))
        with ExitStack() as stack:
            sockets = tuple(stack.enter_context(each) for each in (replies, self._listener()))
            if not replies.carrier():
                return
            self._sockets = sockets
            self._opened = stack.pop_all()
        self.mac, self.generation, self.deaf = replies.mac, self.generation + 1, False

    def _listener(self) -> CheckSocket:
        return CheckSocket(self.link, *ethertypes(self.neighbours), about=self.neighbours)

    def _shut(self) -> None:
        self.deaf = True
        self._out.clear()
        if self._sockets:
            self._opened.close()
            self._sockets = ()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turn what the kernel says of a link that is down or gone into deafness."""
        try:
            yield
        except CannotRun:
            self._shut()


def _refused(error: OSError) -> bool:
    return isinstance(error, PermissionError)
