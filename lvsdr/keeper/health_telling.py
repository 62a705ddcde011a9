"""What people are told of health checks: each change once, and what has come to its end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from lvsdr.core.record import owner_of
from lvsdr.keeper import health_words
from lvsdr.keeper.check_targets import WORDS, Target
from lvsdr.keeper.outages import Outages
from lvsdr.keeper.path_states import Sight
from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.health import Down
from lvsdr.model.health_event import HealthEvent, HealthKind
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile

NOTICE = "notice"
# So many times what is found cannot be carried out, and it is told: another lvsdr is at work for a
# moment.
_PATIENCE = 10


class HealthTelling:
    """Gives each event to `tell`; `profile` is the one that is kept."""

    def __init__(self, tell: Callable[[HealthEvent], None]) -> None:
        self._tell = tell
        self.profile: DirectorProfile | None = None
        self._known: Mapping[Key, RealServer] = {}
        self._down: dict[Key, RealServer] = {}
        self._all_down: set[Service] = set()
        self._unchecked: set[Key] = set()
        self._late = False
        self._in_vain = 0
        self.stuck = ""

    def use(self, profile: DirectorProfile) -> None:
        """Tell of `profile` from now on."""
        self.profile, self._known = profile, {it.key: it for it in profile.real_servers}

    def changes(self, outages: Outages, checked: Collection[Service]) -> None:
        """Tell what was carried out; `checked` are the services that are."""
        for key, down in outages.changes.items():
            if (server := self._known.get(key)) is not None:
                self._change(server, down)
        every = {*outages.held, *outages.empty}
        sorry = () if self.profile is None else self.profile.sorry_servers
        for service in every - self._all_down:
            message = health_words.none_serves(service, sorry, kept=service in outages.held)
            self._say("ALL-DOWN", ERROR, message, service)
        # What has left the profile, or is not checked any more, has come to no good end.
        for service in (self._all_down - every).intersection(checked):
            message = f"{service} has real servers that serve again"
            self._say("ALL-UP", NOTICE, message, service)
        self._all_down = every

    def out_are(self, out: Collection[Key]) -> None:
        """Tell who is down no more, as somebody else has put it back; `out` are those that are."""
        for key in self._down.keys() - out:
            server = self._known.get(key)
            if server is None:
                del self._down[key]
            else:
                self._change(server, None)

    def unchecked(self, targets: Iterable[Target]) -> None:
        """Tell who cannot be asked from this host."""
        for each in targets:
            if each.key not in self._unchecked and isinstance(each.route, str):
                self._unchecked.add(each.key)
                message = f"cannot check {each.server.title}: {WORDS[each.route]}"
                self._say_of(each.server, "UNCHECKED", WARNING, message)

    def sights(self, sights: Iterable[tuple[str, Sight]]) -> None:
        """Tell on which sides we became blind, or see again."""
        for side, sight in sights:
            blind = sight is Sight.BLIND
            kind: HealthKind = "BLIND" if blind else "SEES"
            self._say(kind, WARNING if blind else NOTICE, health_words.sight(side, sight))

    def late(self, late: bool) -> None:
        """Tell that checks are `late`, or in time again."""
        if late == self._late:
            return
        self._late = late
        if late:
            message = "this host was stopped, or is too busy: checks under way count for nothing"
            self._say("LATE", WARNING, message)
        else:
            self._say("IN-TIME", NOTICE, "checks are in time again")

    def failed(self, reason: str) -> None:
        """Tell that what is found cannot be carried out, once: it is the same a moment later."""
        self._in_vain += 1
        if self._in_vain >= _PATIENCE and reason != self.stuck:
            self.stuck = reason
            message = f"{reason}: what checks find is not carried out, and tried again"
            self._say("STUCK", ERROR, message)

    def carried_out(self) -> None:
        """Tell that it can be again, where that was not so."""
        self._in_vain = 0
        if self.stuck:
            self.stuck = ""
            self._say("CARRIED-OUT", NOTICE, "what was found is carried out again")

    def _change(self, server: RealServer, down: Down | None) -> None:
        ours = self.profile is None or self.profile.writes_table
        message = health_words.change(server, down, ours=ours)
        if down is None:
            self._down.pop(server.key, None)
            self._say_of(server, "UP", NOTICE, message)
        else:
            self._down[server.key] = server
            self._say_of(server, "DOWN", ERROR, message, down.why)

    def _say(
        self, kind: HealthKind, severity: str, message: str, service: Service | None = None
    ) -> None:
        self._tell(HealthEvent(kind, severity, self._owner, message, service))

    def _say_of(
        self, server: RealServer, kind: HealthKind, severity: str, message: str, why: str = ""
    ) -> None:
        place = server.service, server.rip, server.port
        self._tell(HealthEvent(kind, severity, self._owner, message, *place, why))

    @property
    def _owner(self) -> str:
        return "" if self.profile is None else owner_of(self.profile)
