"""Ask services as any client does: ordinary connections by this host's routes, closed at once."""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import monotonic

from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.service_proof import SILENCE, ServiceReply

# The kernel sends a first packet again after one second, and after two more.
PATIENCE = 4.0
_AT_ONCE = 256
# From one connection to a service to the next: a firewall may take a burst for a flood.
_TURN = 0.02
_SLICE = 0.05
_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ENOPROTOOPT: "protocol",
}
# The kernel waited as long as it is told to (tcp_syn_retries), or somebody said that it went round.
_SILENT = (errno.ETIMEDOUT,)
Target = tuple[IPAddress, int]


def connect_often(
    targets: Sequence[Target],
    times: int,
    *,
    patience: float = PATIENCE,
    progress: Callable[[float], None] | None = None,
) -> list[tuple[ServiceReply, ...]]:
    """Connect to each of `targets` over TCP so many `times`, and return the replies to each.

    Waits `patience` seconds for each, of which at most 256 are under way at once. `progress` is
    called with the fraction done, up to 1.0. Raises CannotRun where this host has no more sockets.
    """
    found: list[list[ServiceReply]] = [[] for _ in targets]
    due = deque((turn * _TURN, place) for turn in range(times) for place in range(len(targets)))
    total, start, tell = len(due), monotonic(), progress or (lambda _: None)
    with selectors.DefaultSelector() as waiting, ExitStack() as stack:
        stack.callback(lambda: [each.data.close() for each in list(waiting.get_map().values())])
        while due or waiting.get_map():
            while due and len(waiting.get_map()) < _AT_ONCE and monotonic() >= start + due[0][0]:
                place = due.popleft()[1]
                attempt = _begun(place, targets[place])
                if attempt.reply is None:
                    waiting.register(attempt.socket, selectors.EVENT_WRITE, attempt)
                else:
                    found[place].append(attempt.reply)
            pause = max(0.0, start + due[0][0] - monotonic()) if due else _SLICE
            for attempt in _ended(waiting, patience, min(_SLICE, pause)):
                waiting.unregister(attempt.socket)
                attempt.close()
                found[attempt.place].append(attempt.reply or SILENCE)
            tell(1 - (len(due) + len(waiting.get_map())) / total)
    return [tuple(replies) for replies in found]


@dataclass(slots=True, eq=False)
class _Attempt:
    """One connection that is being opened."""

    place: int
    socket: socket.socket
    since: float
    reply: ServiceReply | None = None

    def close(self) -> None:
        """Close it as a client does that has nothing to say."""
        self.socket.close()


def _begun(place: int, target: Target) -> _Attempt:
    address, port = target
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    attempt: _Attempt | None = None
    try:
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        attempt = _Attempt(place, made, monotonic())
        made.connect((str(address), port))
    except BlockingIOError:
        pass
    except OSError as error:
        if attempt is None or error.errno not in _REASONS:
            raise _cannot(target, error) from error
        attempt.reply = ServiceReply("refused", reason=_REASONS[error.errno])
        attempt.close()
    assert attempt is not None, "what could not be made was raised"
    return attempt


def _ended(waiting: selectors.BaseSelector, patience: float, pause: float) -> list[_Attempt]:
    """Return the attempts that are answered or refused, and those that have waited for too long."""
    ended: list[_Attempt] = []
    for key, _ in waiting.select(pause):
        attempt = key.data
        number = attempt.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        seconds = monotonic() - attempt.since
        if number == 0:
            attempt.reply = ServiceReply("answered", seconds=seconds)
        elif number in _SILENT:
            attempt.reply = SILENCE
        else:
            reason = _REASONS.get(number, errno.errorcode.get(number, str(number)))
            attempt.reply = ServiceReply("refused", reason=reason, seconds=seconds)
        ended.append(attempt)
    now = monotonic()
    waited = (key.data for key in waiting.get_map().values())
    ended += [each for each in waited if each.reply is None and now - each.since > patience]
    return ended


def _cannot(target: Target, error: OSError) -> CannotRun:
    reason = os.strerror(error.errno or 0).lower()
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    return CannotRun(f"cannot connect to {target[0]}, port {target[1]}: {reason} ({name})")
