"""Watch the claims on VIPs, frame by frame, and report hosts that must not make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from lvsdr.model.address import IPAddress, resolution_protocol
from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.neighbour_claim import NeighbourClaim
from lvsdr.model.watch_event import Event
from lvsdr.rules.segment import lent_names
from lvsdr.rules.segment.mac_owners import MacOwners, of_virtual_router
from lvsdr.rules.segment.who_answers import PROGRAM, SILENCE, WITHDRAW

# Within so many seconds of one change of director, another is no failover: two claim the VIP.
SETTLED = 10.0
# A host that takes over may be asked before it announces itself; it does so at once.
GRACE = 2.0
PENDING = 1000
SAYS = {"request": "asks in the name of", "reply": "answers for", "announcement": "announces"}
TELL = "lvsdr watch --director-mac MAC, or --dip DIP"
LOOK = "lvsdr verify PROFILE"


class ClaimMonitor:
    """Know the MACs of each VIP's director, and report every other host that claims the VIP.

    `answered` has, for each VIP, the MACs of each host that answers for it as a director does.
    `told` are MACs that the user says are the director's, `dips` those that answer for its own
    address; `holds` says whether this host holds a VIP. A virtual router of VRRP has a MAC that is
    no host's own, so that `dips` say nothing against it.

    An unknown host that announces a VIP, or sends a request from it, is taken for the new director
    and reported once, if it is certain that it is not a real server. A host that only answers has
    to announce the VIP within `GRACE` seconds to count as such. All others are intruders.
    """

    def __init__(  # noqa: PLR0913 - as many facts
        self,
        speakers: MacOwners,
        answered: Mapping[IPAddress, tuple[frozenset[str], ...]],
        *,
        rips: Iterable[IPAddress] = (),
        told: frozenset[str] = frozenset(),
        dips: frozenset[str] = frozenset(),
        holds: Callable[[IPAddress], bool] = lambda _: False,
    ) -> None:
        self._speakers = speakers
        self._certain, told = bool(told), told | dips
        self._rips = {mac: rip for mac, rip in speakers.rips.items() if mac not in told}
        self._wanted = frozenset(rips)
        self._answered = answered
        self._directors = {
            vip: hosts[0] if len(hosts) == 1 else frozenset() for vip, hosts in answered.items()
        }
        self._told = told
        self._holds = holds
        self._changed: dict[IPAddress, float] = {}
        self._pending: dict[tuple[IPAddress, str], tuple[float, NeighbourClaim]] = {}

    def hear(self, spoken: NeighbourClaim, now: float) -> Event | None:
        """Return the event that a claim causes, None if it is right; `now` is in seconds."""
        if spoken.address not in self._directors:
            self._learn(spoken)
            return None
        holds = self._holds(spoken.address)
        if self._right(spoken, holds):
            return None
        if spoken.sender and lent_names.speaks_of_another(spoken, self._owners):
            return self._lends(spoken)
        return self._judged(spoken, holds, now)

    def _right(self, spoken: NeighbourClaim, holds: bool) -> bool:
        """Return whether a claim is on a MAC that is told, or on this host's that holds the VIP."""
        return spoken.mac in self._told or (spoken.mac in self._speakers.mine and holds)

    def _judged(self, spoken: NeighbourClaim, holds: bool, now: float) -> Event | None:
        vip, mac = spoken.address, spoken.mac
        if mac in self._rips:
            look = SILENCE if spoken.form == "reply" else PROGRAM
            on = str(self._rips[mac])
            return self._event("SPEAKS", ERROR, spoken, self._named(spoken), look, on)
        if holds:
            return self._intrudes(spoken, "this host holds it")
        if self._certain or (self._told and not of_virtual_router(mac)):
            return self._intrudes(spoken, "it is not the director's MAC")
        return None if mac in self._directors[vip] else self._stranger(spoken, now)

    def missed(self, now: float) -> None:
        """Note that frames were lost: who has answered may have announced itself in one of them."""
        for key, (_, spoken) in self._pending.items():
            self._pending[key] = (now + GRACE, spoken)

    def due(self, now: float) -> Iterator[Event]:
        """Yield an event for each host that answered, but did not announce the VIP in time."""
        for key, (deadline, spoken) in list(self._pending.items()):
            if now >= deadline:
                del self._pending[key]
                yield self._intrudes(spoken, "it has not announced itself as new directors do")

    def doubts(self) -> Iterator[Event]:
        """Yield an event for each VIP whose director is not known: nobody answers, or several."""
        for vip, hosts in self._answered.items():
            if len(hosts) == 1 or self._told or self._holds(vip):
                continue
            if hosts:
                message = f"{len(hosts)} hosts answer for {vip}: which is the director is not known"
                yield Event(
                    f"{resolution_protocol(vip)}-TWO-DIRECTORS", ERROR, message, look=TELL, vip=vip
                )
            else:
                message = f"nobody answers for {vip}: who announces it is taken for the director"
                yield Event(
                    f"{resolution_protocol(vip)}-NOBODY", WARNING, message, look=LOOK, vip=vip
                )

    def _learn(self, spoken: NeighbourClaim) -> None:
        """Take the sender of a request from a RIP for its owner; proxies send none."""
        leads = any(spoken.mac in macs for macs in self._directors.values())
        own = spoken.form != "reply" and not spoken.sender
        if own and not leads and spoken.address in self._unheard:
            self._rips[spoken.mac] = spoken.address

    @property
    def _owners(self) -> MacOwners:
        return replace(self._speakers, rips=self._rips)

    @property
    def _unheard(self) -> frozenset[IPAddress]:
        return self._wanted.difference(self._rips.values())

    def _stranger(self, spoken: NeighbourClaim, now: float) -> Event | None:
        vip = spoken.address
        reason = self._objection(vip, now - self._changed.get(vip, now - SETTLED))
        if reason:
            return self._intrudes(spoken, reason, TELL)
        if spoken.form == "reply" and len(self._pending) < PENDING:
            self._pending.setdefault((vip, spoken.mac), (now + GRACE, spoken))
            return None
        self._pending.pop((vip, spoken.mac), None)
        was = ", ".join(sorted(self._directors[vip])) or "nobody"
        self._directors[vip] = frozenset({spoken.mac})
        self._changed[vip] = now
        message = f"{self._named(spoken)}: the director has changed, it was {was}"
        return self._event("NEW-DIRECTOR", WARNING, spoken, message, LOOK)

    def _objection(self, vip: IPAddress, since: float) -> str:
        """Return why an unknown host cannot be the new director, "" if it can.

        `since` is the seconds since the director last changed.
        """
        if len(self._answered[vip]) > 1:
            return "several hosts answer for it"
        if not self._wanted:
            return "without a director's profile it may be a real server"
        if self._unheard:
            unheard = ", ".join(sorted(map(str, self._unheard))[:3])
            return f"it may be real server {unheard}, not heard so far"
        if since < SETTLED:
            return f"the director has changed {since:.0f} s before"
        return ""

    def _intrudes(self, spoken: NeighbourClaim, reason: str, look: str = WITHDRAW) -> Event:
        message = f"{self._named(spoken)}: {reason}"
        return self._event("TWO-DIRECTORS", ERROR, spoken, message, look)

    def _lends(self, spoken: NeighbourClaim) -> Event | None:
        """Return the event that a host claims a VIP for another's MAC, if that is not a director's.

        A known director's MAC leads nothing astray, whoever says it.
        """
        vip, mac, sender = spoken.address, spoken.mac, spoken.sender
        if mac in self._directors[vip] and not self._holds(vip):
            return None
        message = lent_names.words(vip, sender, mac, self._owners)
        look, on = lent_names.LOOK.format(sender=sender), str(self._rips.get(sender, sender))
        return self._event("SENDER", ERROR, replace(spoken, mac=sender), message, look, on)

    def _named(self, spoken: NeighbourClaim) -> str:
        host = f"{self._host(spoken.mac)} ({spoken.mac})"
        return f"{host} {SAYS[spoken.form]} {spoken.address}"

    def _host(self, mac: str) -> str:
        rip = self._rips.get(mac)
        return f"real server {rip}" if rip else self._speakers.host(mac)

    def _event(  # noqa: PLR0913, PLR0917 - what it is, and the remedy
        self,
        rule: str,
        severity: str,
        spoken: NeighbourClaim,
        message: str,
        look: str,
        on: str = "",
    ) -> Event:
        return Event(
            f"{resolution_protocol(spoken.address)}-{rule}",
            severity,
            message,
            vip=spoken.address,
            mac=spoken.mac,
            host=self._host(spoken.mac),
            rip=self._rips.get(spoken.mac),
            form=spoken.form,
            look=look,
            on=on,
        )
