"""What a state of keepalived's means for this host: take over as the director, or stand by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import sleep

from lvsdr import signals, workflow
from lvsdr.baseline import Book
from lvsdr.errors import LvsdrError, ProfileError
from lvsdr.keepalived.notice import FAULT, MASTER
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.objects import Address, Key, RealServer, SyncDaemon, Sysctl
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.model.survey import Survey
from lvsdr.situation import Kernel, Situation, consider, consider_standby
from lvsdr.workflow import OpenAnnouncer

BACKUP_ONLY = "net/ipv4/vs/backup_only"
# With keepalived's default interval the other one hears of it after a second at the latest; and
# a program has to start there, if it is no reader of the FIFO.
GRACE = 2.0


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
        if self.realserver is not None and _would_loop(self.director):
            raise ProfileError(
                f"cannot be director and real server with profile {self.director.name}: a synced"
                " standby would schedule what the active director sends it, in a loop",
                hints=[
                    'let lvsdr own the VIPs: "vips_owner": "lvsdr"',
                    'or write "backup_only": 1 in sysctls, and bear that a failover resets some'
                    " connections: keepalived brings the VIPs before the daemons are swapped",
                ],
            )

    @property
    def both_schedule(self) -> bool:
        """Return whether the host is sent what another director of the cluster schedules."""
        return self.realserver is not None and self.director.standby == "synced"


def _would_loop(profile: DirectorProfile) -> bool:
    passed_by = profile.vips_owner == "lvsdr" or Sysctl(BACKUP_ONLY, "1") in profile.sysctls
    return profile.standby == "synced" and not passed_by


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
    """What a transition is done with; the lock of `book` is held.

    `grace`, in seconds, is how long the next director may take until it is heard.
    """

    kernel: Kernel
    book: Book
    announcer: OpenAnnouncer
    grace: float = GRACE


def enter(state: str, roles: Roles, host: Host) -> Report:
    """Make this host what keepalived's `state` asks for; raise where it cannot.

    The director's part comes first: clients wait for it. The real server's part is done even
    where the first one failed.
    """
    report = Report()
    try:
        if state == MASTER:
            _take_over(roles, host, report)
        else:
            _stand_by(roles, host, report, heard=state != FAULT)
    except LvsdrError as failure:
        try:
            _serve(roles, host, report)
        except LvsdrError as another:
            failure.notes.append(another.message)
        raise
    _serve(roles, host, report)
    return report


def _take_over(roles: Roles, host: Host, report: Report) -> None:
    profile = roles.director
    if roles.both_schedule and not host.kernel.observe(_masters(profile)):
        # What arrives meanwhile the other one still serves: not to be chosen by it, in turn.
        sleep(host.grace / 8)
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


def _stand_by(roles: Roles, host: Host, report: Report, *, heard: bool = True) -> None:
    """Give up what a director has; `heard`: another one hears of it, and frames still arrive."""
    profile = roles.director
    # keepalived stops its hooks a second after it was told to stop itself; a standby that is
    # half a director is worse than one that ends late.
    signals.deafen()
    survey = host.kernel.survey()
    if profile.vips_owner == "lvsdr":
        _let_go(profile, survey, host, report)
    if heard and roles.both_schedule:
        _serve_alone(profile, survey, host, report)
    situation = _daemons_first(consider_standby(profile, host.kernel, host.book))
    try:
        workflow.converge(situation, host.kernel, host.book, lambda: None)
    except LvsdrError as failure:
        if profile.standby == "synced":
            # With the table and without the daemon, it would schedule what the other one sends.
            empty = replace(profile, standby="empty")
            _stand_by(replace(roles, director=empty), host, report, heard=False)
            failure.notes.append("the table was emptied in place of that")
        raise
    report.add(situation)


def _let_go(profile: DirectorProfile, survey: Survey, host: Host, report: Report) -> None:
    """Take the VIPs from the link, with whatever prefix length.

    Never undone, whatever fails after it: two directors that answer are worse than none.
    """
    held = [ip for ip in survey.addresses_of(profile.interface) if ip.ip in profile.vips]
    keys = [Address(profile.interface, ip).key for ip in held]
    todo = tuple(Change(item, None) for item in host.kernel.observe(keys).values())
    host.kernel.require(todo)
    host.kernel.execute(todo)
    report.changes += todo


def _serve_alone(profile: DirectorProfile, survey: Survey, host: Host, report: Report) -> None:
    """Let what is new be served here, and nowhere else, until the next director is heard.

    What arrives until then is still to be sent to where its connection is, else this host resets
    it. But while both of them schedule, they must not choose one another for ever.
    """
    own = {ip.ip for _, ip in survey.addresses}
    others = [each.key for each in profile.real_servers if each.rip not in own]
    if len(others) == len(profile.real_servers) or not host.kernel.observe(_masters(profile)):
        return
    todo = tuple(
        Change(seen, replace(seen, weight=0))
        for seen in host.kernel.observe(others).values()
        if isinstance(seen, RealServer) and seen.weight
    )
    try:
        host.kernel.execute(todo)
    except LvsdrError as failure:
        # It stands by all the same.
        report.notes += (failure.message,)
    else:
        sleep(host.grace)


def _masters(profile: DirectorProfile) -> list[Key]:
    return [each.key for each in profile.sync_daemons if each.state == "master"]


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


def _daemons_first(situation: Situation) -> Situation:
    """Return the situation with the daemons swapped before anything else.

    From then on IPVS is passed by, whatever is in its table.
    """
    return replace(situation, todo=tuple(sorted(situation.todo, key=_place_of_standby)))


def _no_stop(change: Change) -> bool:
    return change.after is not None or not _of_a_daemon(change)


def _place_of_standby(change: Change) -> tuple[bool, bool]:
    return not _of_a_daemon(change), _no_stop(change)


def _of_a_daemon(change: Change) -> bool:
    return change.key[0] == SyncDaemon.kind
