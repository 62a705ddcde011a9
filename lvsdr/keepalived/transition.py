"""What a state of keepalived's means for this host: take over as the director, or stand by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lvsdr import signals, workflow
from lvsdr.baseline import Book
from lvsdr.errors import LvsdrError, ProfileError
from lvsdr.keepalived.notice import MASTER
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.objects import Address, SyncDaemon
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.situation import Kernel, Situation, consider, consider_standby
from lvsdr.workflow import OpenAnnouncer


@dataclass(frozen=True, slots=True)
class Roles:
    """What the host is: a director of a cluster, and perhaps one of its real servers too."""

    director: DirectorProfile
    realserver: RealServerProfile | None = None

    def __post_init__(self) -> None:
        if self.realserver is not None and self.realserver.arp_ignore == 8:
            raise ProfileError(
                f"cannot be director and real server with profile {self.realserver.name}:"
                " with arp_ignore 8 nobody answers for the VIP, not even its director",
                hints=["write 1 as arp_ignore, or leave it out"],
            )


@dataclass(slots=True)
class Report:
    """What a transition has done so far."""

    changes: Plan = ()
    announced: tuple[IPAddress, ...] = ()
    notes: tuple[str, ...] = ()

    def add(self, situation: Situation) -> None:
        """Count in what a situation wanted, and has been carried out."""
        self.changes += situation.todo
        self.notes += situation.notes


@dataclass(frozen=True, slots=True)
class Host:
    """What a transition is done with; the lock of `book` is held."""

    kernel: Kernel
    book: Book
    announcer: OpenAnnouncer


def enter(state: str, roles: Roles, host: Host) -> Report:
    """Make this host what keepalived's `state` asks for; raise where it cannot.

    The director's part comes first: clients wait for it. The real server's part is done even
    where the first one failed.
    """
    report = Report()
    act = _take_over if state == MASTER else _stand_by
    try:
        act(roles.director, host, report)
    except LvsdrError as failure:
        try:
            _serve(roles, host, report)
        except LvsdrError as another:
            failure.notes.append(another.message)
        raise
    _serve(roles, host, report)
    return report


def _take_over(profile: DirectorProfile, host: Host, report: Report) -> None:
    situation = _stopping_first(consider(profile, host.kernel, host.book))
    workflow.carry_out(profile, situation, host.kernel, host.book, host.announcer)
    report.add(situation)
    report.announced = workflow.new_vips(situation.todo)
    if profile.vips_owner == "keepalived":
        # Somebody may have been led astray since keepalived said so itself; a VIP that is not
        # here is not ours to speak of.
        survey = host.kernel.survey()
        here = [vip for vip in profile.vips if profile.interface in survey.links_with(vip)]
        with host.announcer(profile.interface) as announcer:
            announcer.announce(here, count=1)
        report.announced = tuple(here)


def _stand_by(profile: DirectorProfile, host: Host, report: Report) -> None:
    # keepalived stops its hooks a second after it was told to stop itself; a standby that is
    # half a director is worse than one that ends late.
    signals.deafen()
    if profile.vips_owner == "lvsdr":
        _let_go(profile, host, report)
    situation = _stopping_first(consider_standby(profile, host.kernel, host.book))
    try:
        workflow.converge(situation, host.kernel, host.book, lambda: None)
    except LvsdrError as failure:
        if profile.standby == "synced":
            # With the table and without the daemon, it would schedule what the other one sends.
            _stand_by(replace(profile, standby="empty"), host, report)
            failure.notes.append("the table was emptied in place of that")
        raise
    report.add(situation)


def _let_go(profile: DirectorProfile, host: Host, report: Report) -> None:
    """Take the VIPs from the link, with whatever prefix length.

    Never undone, whatever fails after it: two directors that answer are worse than none.
    """
    survey = host.kernel.survey()
    held = [ip for ip in survey.addresses_of(profile.interface) if ip.ip in profile.vips]
    keys = [Address(profile.interface, ip).key for ip in held]
    todo = tuple(Change(item, None) for item in host.kernel.observe(keys).values())
    host.kernel.require(todo)
    host.kernel.execute(todo)
    report.changes += todo


def _serve(roles: Roles, host: Host, report: Report) -> None:
    """Let the host be silent, and hold the VIPs on the holder, in whichever state.

    On the active director too: IPVS delivers to its own host whatever link the VIP is on, and
    when another takes over, the VIP is where it has to be without a moment between.
    """
    if roles.realserver is not None:
        situation = consider(roles.realserver, host.kernel, host.book, beside=roles.director)
        workflow.converge(situation, host.kernel, host.book, lambda: None)
        report.add(situation)


def _stopping_first(situation: Situation) -> Situation:
    """Return the situation with daemons stopped before others are started: never both."""
    return replace(situation, todo=tuple(sorted(situation.todo, key=_no_stop)))


def _no_stop(change: Change) -> bool:
    return change.after is not None or change.key[0] != SyncDaemon.kind
