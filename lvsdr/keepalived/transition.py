"""What a state of keepalived's means for this host: take over as the director, or stand by."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lvsdr.core import signals, workflow
from lvsdr.core.situation import Kernel, Situation, consider, consider_standby
from lvsdr.errors import LvsdrError
from lvsdr.keepalived import rivals
from lvsdr.keepalived.announcing import announce, speaking
from lvsdr.keepalived.host_roles import Host, Report, Roles
from lvsdr.keepalived.notice import FAULT, MASTER
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change
from lvsdr.model.host import Host as ThisHost
from lvsdr.model.ipvs import SyncDaemon
from lvsdr.model.objects import Address
from lvsdr.model.profile import DirectorProfile


def enter(state: str, roles: Roles, host: Host) -> Report:
    """Make this host what keepalived's `state` asks for; raise where it cannot.

    The director's part comes first: clients wait for it. The real server's part is done even
    where the first one failed.
    """
    report = Report()
    try:
        _directed(state, roles, host, report)
        _serve(roles, host, report)
    except LvsdrError as failure:
        if report.changes:
            failure.notes.append(f"what was done for {state} before that stays:")
            failure.notes += [f"{each.sign} {each.subject}" for each in report.changes]
        raise
    return report


def _directed(state: str, roles: Roles, host: Host, report: Report) -> None:
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


def _take_over(roles: Roles, host: Host, report: Report) -> None:
    profile = roles.director
    seen = host.kernel.read_host()
    others = rivals.spared(profile, seen, host.book) if roles.realserver is not None else ()
    if not others:
        _lead(profile, host, report)
        _tell(profile, host, report)
        return
    if not _leads(profile, seen, host.kernel):
        host.silence.since = None
        _lead(rivals.resting(profile, others), host, report)
        _tell(profile, host, report)
    alone_before = host.silence.since is not None
    held = rivals.held_back(profile, others, host, report)
    _lead(rivals.resting(profile, held), host, report)
    if host.silence.since is not None and not alone_before:
        # Whoever has been silent since may have led somebody astray before.
        announce(profile, host)


def _lead(profile: DirectorProfile, host: Host, report: Report) -> None:
    situation = _without_a_loop(consider(profile, host.kernel, host.book))
    said: list[IPAddress] = []
    announcer = partial(speaking, host, said)
    workflow.carry_out(profile, situation, host.kernel, host.book, announcer)
    report.add(situation)
    report.announced += tuple(said)


def _leads(profile: DirectorProfile, seen: ThisHost, kernel: Kernel) -> bool:
    """Return whether this host is the director already, but perhaps for a weight."""
    keys = [each.key for each in profile.virtual_servers] + rivals.masters(profile)
    here = all(profile.interface in seen.links_with(vip) for vip in profile.vips)
    return here and len(kernel.observe(keys)) == len(keys)


def _tell(profile: DirectorProfile, host: Host, report: Report) -> None:
    """Announce what keepalived has brought: since it did, somebody may have been led astray."""
    if profile.vips_owner == "keepalived":
        report.announced += announce(profile, host)


def _stand_by(roles: Roles, host: Host, report: Report, *, heard: bool = True) -> None:
    """Give up what a director has; `heard`: another one hears of it, and frames still arrive."""
    profile = roles.director
    # keepalived stops its hooks a second after it was told to stop itself; a standby that is
    # half a director is worse than one that ends late.
    signals.deafen()
    host.silence.since = None
    seen = host.kernel.read_host()
    if profile.vips_owner == "lvsdr":
        _let_go(profile, seen, host, report)
    if heard and roles.both_schedule:
        rivals.serve(profile, seen, host, report)
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


def _let_go(profile: DirectorProfile, seen: ThisHost, host: Host, report: Report) -> None:
    """Take the VIPs from the link, with whatever prefix length.

    Never undone, whatever fails after it: two directors that answer are worse than none.
    """
    held = [ip for ip in seen.addresses_of(profile.interface) if ip.ip in profile.vips]
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


def _without_a_loop(situation: Situation) -> Situation:
    """Return the situation with others spared first, and then daemons stopped: never both."""
    return replace(situation, todo=tuple(sorted(situation.todo, key=_place_of_leading)))


def _daemons_first(situation: Situation) -> Situation:
    """Return the situation with the daemons swapped before anything else.

    From then on IPVS is passed by, whatever is in its table.
    """
    return replace(situation, todo=tuple(sorted(situation.todo, key=_place_of_standby)))


def _place_of_leading(change: Change) -> tuple[bool, bool]:
    return not rivals.rests(change), _no_stop(change)


def _no_stop(change: Change) -> bool:
    return change.after is not None or not _of_a_daemon(change)


def _place_of_standby(change: Change) -> tuple[bool, bool]:
    return not _of_a_daemon(change), _no_stop(change)


def _of_a_daemon(change: Change) -> bool:
    return change.key[0] == SyncDaemon.kind
