"""One real server that is checked: the questions that are sent to it, made once, and its memory."""

from __future__ import annotations

import random

from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import HttpCheck, UdpCheck
from lvsdr.model.late_dataclasses import dataclass, field, replace
from lvsdr.model.path import Path
from lvsdr.wire.checks.next_hop_watch import Hop
from lvsdr.wire.checks.questions_again import (
    SMALL_SEGMENT,
    ConnectionQuestion,
    DatagramQuestion,
    Question,
    Reset,
    question,
)
from lvsdr.wire.frames.ethernet import UNKNOWN
from lvsdr.wire.paths.path_probes import LAST_HOP, ResolvedRoute
from lvsdr.wire.paths.probe import PROTOCOLS, Mark, Probe

# From so many ports one check asks at most, where others may need the rest.
PORTS_EACH = 2
NEVER = -1e9
# In which part of a check its next hop has to be heard to show that the way there was open, first
# where it was asked seldom, then where often: an outage at its beginning, and one at its end, leave
# questions enough on the side that is open.
_MIDST, _MIDST_IN_DOUBT = (0.2, 0.8), (0.35, 0.62)


@dataclass(slots=True, eq=False)
class Questions:
    """What is asked on a path: the service, its VIP, and what closes a connection again."""

    service: Question
    probe: Probe
    label: int
    vip: Question | None = None
    reset: Reset | None = None


@dataclass(slots=True, eq=False)
class WatchedPath:
    """A real server: `hop` is where its packets are sent, `check` what is asked of it just now.

    `why` is what it said last that was wrong, heard at `why_at`; `spared` is when its silence was
    not counted last, because its MAC address had changed. `neighbours` are the paths to its RIP;
    `turn` counts on through our ports.
    """

    item: CheckedPath
    hop: Hop
    hops: int = LAST_HOP
    questions: Questions | None = None
    check: Check | None = None
    why: str = ""
    why_at: float = NEVER
    spared: float = NEVER
    neighbours: int = 1
    turn: int = 0

    @property
    def path(self) -> Path:
        """Return the path as it is asked for."""
        path = self.item.path
        if isinstance(self.item.check, UdpCheck):
            return replace(path, protocol="udp")
        return path if path.transport in PROTOCOLS else replace(path, port=0)

    @property
    def may_be_behind_proxy(self) -> bool:
        """Return whether a proxy of the segment may be before the RIP, and not known yet."""
        return not self.item.route.routed and self.hops == LAST_HOP

    def resolved(self) -> ResolvedRoute:
        """Return the route as probes are made from it; the next hop's MAC is put in later."""
        return ResolvedRoute(self.item.route, UNKNOWN, self.hops)

    def made(self, mac: str) -> Questions:
        """Return the questions from our `mac`, which are made when they are first needed."""
        if self.questions is None:
            route, path = self.resolved(), self.path
            probe = route.service_probe(path)
            mark = Mark(0, random.SystemRandom().getrandbits(64) & ~0xFFFFFFFF)
            check = self.item.check
            payload = check.send if isinstance(check, UdpCheck) else None
            made = question(probe, mac, mark, payload)
            if isinstance(check, HttpCheck):
                # Room for the headers of a tunnel, in whatever it is answered through.
                made = ConnectionQuestion(probe, mac, mark, SMALL_SEGMENT)
            self.questions = Questions(made, probe, mark.label(probe.target.version))
            if probe.protocol == "tcp":
                self.questions.reset = Reset(probe, mac, mark)
            echo = route.vip_echo(path) or route.rip_echo()
            if isinstance(made, DatagramQuestion):
                self.questions.vip = question(echo, mac, mark)
        return self.questions


@dataclass(slots=True, eq=False)
class Check:
    """One check under way: since when, and by which keys its answers are looked up.

    `often` is True where the last check has failed: it is asked more often than others.
    `doubted` is True where a host says that the TTL has expired, and it may be a proxy that does.
    `held` is True where the VIP has answered an echo, `unasked` where there was no port left to ask
    from; `datagrams` are those that were sent, from a port each. `waiting` are the checks that are
    asked again together with it, by number. `midst` is True where the next hop was heard in the
    midst of the check; `looked` is when that was looked at last. `wrong` is what was wrong with an
    answer that anybody may have sent who guesses a port.
    """

    watched: WatchedPath
    since: float
    often: bool = False
    keys: list[bytes] = field(default_factory=list)
    sent: int = 0
    held: bool = False
    unasked: bool = False
    datagrams: list[bytes] = field(default_factory=list)
    doubted: bool = False
    waiting: dict[int, Check] = field(default_factory=dict)
    midst: bool = False
    looked: float = NEVER
    wrong: str = ""

    def look(self, now: float) -> None:
        """Look whether the next hop was heard since this was done last, all of it in the midst."""
        begin, end = _MIDST_IN_DOUBT if self.often else _MIDST
        timeout = self.watched.item.timeout
        inside = self.looked >= self.since + begin * timeout and now <= self.since + end * timeout
        self.midst = self.midst or (inside and self.watched.hop.heard > self.looked)
        self.looked = now
