"""Health checks: what is asked of real servers, how often, and what became of it."""

from __future__ import annotations

import time

from lvsdr.model.late_dataclasses import dataclass

WEIGHT, REMOVE = "weight", "remove"
KEEP, DROP = "keep", "drop"

# How many times a silent path is asked within the timeout, and where its last check failed too. Of
# questions and answers that get lost by 20 % each, 0.36**6 is one check in 460, 0.36**20 none.
TRIES, TRIES_IN_DOUBT = 6, 20


@dataclass(frozen=True, slots=True)
class PathCheck:
    """The probe of verify: the first packet of a request, along the path of a client's request."""


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A request of HTTP/1.1 without TLS, and what its answer has to be.

    `host` is what the header Host says, the VIP where it is None. `statuses` are ranges, both ends
    included. `contains` has to be in the first 64 KiB of the body.
    """

    path: str = "/"
    host: str | None = None
    statuses: tuple[tuple[int, int], ...] = ((200, 399),)
    contains: str | None = None


@dataclass(frozen=True, slots=True)
class UdpCheck:
    """A datagram, and how the answer to it has to begin; any answer will do where that is empty."""

    send: bytes
    expect: bytes = b""


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """An external program: exit code 0 means that the real server serves.

    It gets the VIP, the port and the RIP as its last three arguments.
    """

    words: tuple[str, ...]


Check = PathCheck | HttpCheck | UdpCheck | CommandCheck


@dataclass(frozen=True, slots=True)
class Health:
    """How the real servers of a service are checked, and what becomes of one that fails.

    `interval` and `timeout` are in seconds; `fall` checks in a row have to fail, `rise` to succeed.
    `action` is weight (0, connections stay) or remove (from the table). `when_all_fail` is keep
    (the last ones stay as they are) or drop; a service with a sorry server drops them.
    """

    interval: float = 1.0
    timeout: float = 0.5
    fall: int = 2
    rise: int = 2
    check: Check = PathCheck()
    action: str = WEIGHT
    when_all_fail: str = KEEP


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of one check of the real server `number`, by whom it was asked.

    `why` says in few words what is wrong, empty where it serves. `silent` is True where nothing
    was heard of it at all: then it may be us who are deaf. The check `began` with the first
    question, and at `at` its result was known, both by monotonic(3).
    """

    number: int
    ok: bool
    why: str = ""
    silent: bool = False
    began: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Down:
    """A real server that is out of service: since when (time(2)), why, and who found it so.

    `since` is 0 where nobody knows. `action` is what was done to it: weight or remove.
    """

    since: int
    why: str
    by: str = "lvsdr director keep"
    action: str = WEIGHT

    def __str__(self) -> str:
        since = f" since {moment(self.since)}" if self.since else ""
        return f"down{since} ({self.why}), by {self.by}"

    @property
    def story(self) -> str:
        """Return the same, where it is known already that it is down."""
        since = f"since {moment(self.since)}: " if self.since else ""
        return f"{since}{self.why} ({self.by})"


def moment(seconds: int) -> str:
    """Return a time(2) by ISO 8601, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
