"""keepalived's FIFO as a part of the resident's loop: what `lvsdr keepalived fifo` does alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from lvsdr.errors import CannotRun
from lvsdr.keepalived.fifo import LOOK_EVERY, Fifo
from lvsdr.keepalived.following import Following


class FifoReader:
    """Carries out what keepalived writes into `fifo`, by `following`; then `done` is called."""

    def __init__(
        self,
        fifo: Fifo,
        following: Following,
        done: Callable[[], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._fifo = fifo
        self._following = following
        self._done = done
        self._clock = clock
        self._next = clock()
        self._deaf = False

    def filenos(self) -> Sequence[int]:
        """Return the descriptor of the FIFO, which is another one after its writer has gone."""
        # One without a writer can be read for ever.
        return () if self._deaf else (self._fifo.fileno(),)

    def due(self) -> float | None:
        """Return when it has to be looked for a writer, and for what waits to be tried again."""
        return self._next

    def turn(self, now: float) -> None:
        """Carry out what has come."""
        try:
            lines = self._fifo.look(readable=now < self._next)
        except CannotRun as failure:
            # Somebody has put something else in its place: the rest is kept all the same.
            self._deaf, self._next = True, self._clock() + LOOK_EVERY
            self._following.telling.failed(failure)
            self._following.telling.tell_all((), ())
            return
        self._deaf = False
        self._following.take(lines, has_writer=self._fifo.has_writer)
        self._next = self._clock() + LOOK_EVERY
        if lines:
            self._done()

    def overtaken(self) -> bool:
        """Return whether keepalived has said the opposite of what was carried out last."""
        return self._following.access.overtaken()

    def rests(self) -> str:
        """Return why the keeper is to leave the host alone; nothing where it need not.

        A host that is both serves alone once keepalived has gone: the weights are not to go back.
        """
        known = self._following.known
        both = known.roles is not None and known.roles.realserver is not None
        if both and known.presence.has_gone:
            return "keepalived has gone: this host serves alone until it is back"
        return ""
