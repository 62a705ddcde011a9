"""What systemd wants to know of a resident: that it is ready, that it lives, what it is about.

The protocol is that of sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import CLOCK_MONOTONIC, clock_gettime_ns, monotonic

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


class ServiceManager:
    """Tells the service manager that has started this process; nobody, where none has.

    It is a part of the resident's loop: as long as that turns, the watchdog hears of it.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        # Here and not later: abstract names are those of the network namespace we are in now.
        self._wire = None if self._address is None else _datagrams()
        self._every = _half_of_the_limit(environment)
        self._clock = clock
        self._next = clock()
        self._status = ""

    def ready(self) -> None:
        """Tell that the host is as it should be, and is kept so from now on."""
        self._tell(READY)

    def reloading(self) -> None:
        """Tell that the profile is read again; `ready` says when that is done."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Tell that this is the end."""
        self._tell(STOPPING)

    def status(self, line: str) -> None:
        """Tell in one line what the matter is, where that has changed."""
        if line != self._status:
            self._status = line
            self._tell(f"STATUS={line}")

    def filenos(self) -> Sequence[int]:
        """Return nothing: it never answers."""
        return ()

    def due(self) -> float | None:
        """Return when the watchdog has to hear of us next; None where there is none."""
        return self._next if self._every is not None else None

    def turn(self, now: float) -> None:
        """Tell the watchdog that we live, where it is time to."""
        if self._every is not None and now >= self._next:
            self._tell(ALIVE)
            self._next = now + self._every

    def _tell(self, words: str) -> None:
        if self._wire is not None and self._address is not None:
            # A manager that does not listen is no reason to stop.
            with suppress(OSError):
                self._wire.sendto(words.encode(), self._address)


def _datagrams() -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    return socket.socket(socket.AF_UNIX, kind)


def _address(named: str) -> str | None:
    """Return the address of a socket: a path, or a name in the abstract, which begins with @."""
    if named.startswith("@"):
        return "\0" + named[1:]
    return named if named.startswith("/") else None


def _half_of_the_limit(environment: Mapping[str, str]) -> float | None:
    """Return how often the watchdog is told, in seconds; None where it does not watch us."""
    limit, watched = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or (watched and watched != str(os.getpid())):
        return None
    return int(limit) / 2e6 or None
