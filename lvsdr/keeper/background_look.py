"""A look that takes long, in a thread of its own: it finds out whether there is anything to do.

Of thousands of services a look takes a good part of a second, in which nobody would be checked.
Nothing is changed in that thread, nor told: where there is anything to do, or nothing can be said,
it is looked again, as always.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from threading import Thread

from lvsdr.core.kernel_interface import Kernel
from lvsdr.errors import LvsdrError
from lvsdr.keeper.gentle_pace import GentlePace
from lvsdr.model.closed_on_exit import Closing

# What tells by a kernel whether all is as it should be.
AsKept = Callable[[Kernel], bool]
# A look that takes so many seconds is one that takes long.
LONG = 0.05


class BackgroundLook(Closing):
    """One look at a time, by a kernel of its own that `open_kernel` opens in the thread.

    It is given what is to be called before each request, so that the look is made at a gentle pace.
    """

    def __init__(
        self, open_kernel: Callable[[Callable[[], None]], AbstractContextManager[Kernel]]
    ) -> None:
        self._open = open_kernel
        self._pace = GentlePace()
        self._done = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread: Thread | None = None
        self._well = False

    def fileno(self) -> int:
        """Return the descriptor that can be read once a look has come to its end."""
        return self._done

    @property
    def is_under_way(self) -> bool:
        return self._thread is not None

    def begin(self, looks: Sequence[AsKept]) -> None:
        """Look, one after the other, until one is not well; none may be under way."""
        assert self._thread is None, "its answer would be taken for that of another look"
        self._well = False
        # It holds nothing that has to be given back: it does not keep the process from its end.
        self._thread = Thread(target=self._look, args=(looks,), name="look", daemon=True)
        self._thread.start()

    def ended(self) -> bool | None:
        """Return whether all was well; None where no look has come to its end since."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._done)
            assert self._thread is not None, "who has ended was begun"
            self._thread.join()
            self._thread = None
            return self._well
        return None

    def close(self) -> None:
        """Wait for the end of the look that is under way."""
        self._pace.hurry()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        os.close(self._done)

    def _look(self, looks: Sequence[AsKept]) -> None:
        try:
            self._pace.begin()
            with suppress(LvsdrError), self._open(self._pace) as kernel:
                # Why it cannot be looked at is told by the look that follows.
                self._well = all(look(kernel) for look in looks)
        finally:
            os.eventfd_write(self._done, 1)
