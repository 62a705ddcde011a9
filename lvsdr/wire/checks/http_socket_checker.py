"""Check real servers of a masquerade by HTTP: ordinary connections to their RIPs.

There the director's kernel connects by itself, by the same routes as IPVS sends; and what a packet
socket would open it would reset, for the answer is to an address of its own alone.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Collection, Iterable, Sequence

from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult, HttpCheck
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.wire.checks.answer_meaning import Meaning
from lvsdr.wire.checks.http_answer import MOST, judged, request

_WHY = {
    errno.ECONNREFUSED: "refuses the connection",
    errno.ECONNRESET: "resets the connection",
    errno.EHOSTUNREACH: "is not reachable",
    errno.ENETUNREACH: "is not reachable",
    errno.EACCES: "a firewall rejects it",
    errno.EPERM: "a firewall rejects it",
}
# Nobody has said that: the kernel itself has found no neighbour, or has no route now.
_OUR_WORD = (errno.EHOSTUNREACH, errno.ENETUNREACH)


@dataclass(slots=True, eq=False)
class _Asked:
    """One connection that `began`: what is still to be said, and what has come."""

    item: CheckedPath
    socket: socket.socket
    began: float
    deadline: float
    request: bytes
    came: bytearray = field(default_factory=bytearray)
    connected: bool = False


class HttpSocketChecker(Closing):
    """Check whether each real server answers a request at its RIP; by no link in particular."""

    def __init__(self, checked: Iterable[CheckedPath]) -> None:
        self._items = {item.number: item for item in checked}
        self._poll = select.epoll()
        self._asked: dict[int, _Asked] = {}
        self._under_way: set[int] = set()
        self._results: list[CheckResult] = []

    def close(self) -> None:
        """Give back what was opened."""
        self.void()
        self._poll.close()

    def void(self) -> None:
        """Drop the checks under way: they have no result."""
        for asked in self._asked.values():
            asked.socket.close()
        self._asked.clear()
        self._under_way.clear()
        self._results.clear()

    def filenos(self) -> Sequence[int]:
        """Return what becomes readable when there is something to do."""
        return (self._poll.fileno(),)

    def due(self) -> float | None:
        """Return when results have to be asked for at the latest, by monotonic(3)."""
        if self._results:
            return 0.0
        return min((asked.deadline for asked in self._asked.values()), default=None)

    def begin(self, numbers: Iterable[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        """Start a check of each real server of `numbers`, but for those with one under way."""
        del doubtful
        for number in numbers:
            if number not in self._under_way:
                self._begin(self._items[number], now)

    def results(self, now: float) -> Sequence[CheckResult]:
        """Return the results of checks that are known by now."""
        for number, _ in self._poll.poll(0):
            if (asked := self._asked.get(number)) is not None:
                self._go_on(asked, now)
        for asked in [each for each in self._asked.values() if each.deadline <= now]:
            if asked.connected:
                self._end(asked, Meaning("does not answer the request"), now)
            else:
                self._end(asked, Meaning("does not answer", silent=True), now)
        found, self._results = self._results, []
        return found

    def _begin(self, item: CheckedPath, now: float) -> None:
        path, check = item.path, item.check
        assert isinstance(check, HttpCheck), "no other check is by HTTP"
        family = socket.AF_INET6 if path.rip.version == 6 else socket.AF_INET
        words = request(check, path.vip or path.rip, path.port)
        try:
            made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError:
            # No more sockets: that is ours, and no fault of theirs.
            return
        asked = _Asked(item, made, now, now + item.timeout, words)
        self._asked[made.fileno()] = asked
        self._under_way.add(item.number)
        self._poll.register(made, select.EPOLLIN | select.EPOLLOUT)
        number = made.connect_ex((str(path.rip), path.port))
        if number not in (0, errno.EINPROGRESS):
            self._fail(asked, number, now)

    def _go_on(self, asked: _Asked, now: float) -> None:
        try:
            number = asked.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._fail(asked, number, now)
                return
            asked.connected = True
            if asked.request:
                asked.request = asked.request[asked.socket.send(asked.request) :]
                if not asked.request:
                    self._poll.modify(asked.socket, select.EPOLLIN)
            self._read(asked, now)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(asked, error.errno or 0, now)

    def _read(self, asked: _Asked, now: float) -> None:
        data = asked.socket.recv(MOST)
        asked.came += data
        check = asked.item.check
        assert isinstance(check, HttpCheck), "no other check is by HTTP"
        found = judged(check, bytes(asked.came), ended=not data)
        if found is not None:
            self._end(asked, found, now)

    def _fail(self, asked: _Asked, number: int, now: float) -> None:
        why = _WHY.get(number, errno.errorcode.get(number, "does not answer"))
        self._end(asked, Meaning(why, silent=number in _OUR_WORD), now)

    def _end(self, asked: _Asked, found: Meaning, now: float) -> None:
        del self._asked[asked.socket.fileno()]
        asked.socket.close()
        number = asked.item.number
        self._under_way.discard(number)
        self._results.append(
            CheckResult(number, not found.why, found.why, found.silent, asked.began, now)
        )
