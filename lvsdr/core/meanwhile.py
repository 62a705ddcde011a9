"""Something that waits for others, done while something else is."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, Self, TypeVar

Result = TypeVar("Result")


class Meanwhile(Generic[Result]):
    """Does `work` in a thread of its own; a context manager that ends with it.

    The thread is in the network namespace that the one is in which enters the block. No signal
    interrupts the work, so that it has to come to an end by itself, and soon.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._done: list[Result] = []
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def result(self) -> Result:
        """Wait for the end of the work, and return what it has returned, or raise what it has."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._done[0]

    def _run(self) -> None:
        try:
            self._done.append(self._work())
        except BaseException as failure:  # noqa: BLE001 - whoever wants the result is told
            self._failure = failure
