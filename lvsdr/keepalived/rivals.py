"""Serving alone: of two boxes that are both director and real server, none chooses the other.

Where both schedule, and each chooses the other, a packet goes to and fro until its TTL ends. So
the one that takes over chooses itself, until nobody else answers for a VIP any more: whoever does
may schedule still, because its keepalived was killed, or nobody has told it to stand by.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from time import monotonic, sleep

from lvsdr.core.book import Book
from lvsdr.core.out_of_service import out_of_service
from lvsdr.core.plan_order import EXPIRE_NODEST_CONN
from lvsdr.core.record import owner_of
from lvsdr.core.workflow import without_undo
from lvsdr.errors import LvsdrError
from lvsdr.keepalived.host_roles import HostAccess, Report
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile

# How often it is asked who else is there, against loss.
ROUNDS = 2
# How often it is asked, in seconds, whether this host is to be the director again.
LOOK_EVERY = 0.02
# How many addresses a second can be asked for in both forms, with room to spare.
SPEED = 2000.0
# How many times as long as another director goes on, after it was told, nobody may be heard.
OUTLAST = 1.25


def spared(profile: DirectorProfile, host: Host, book: Book) -> tuple[RealServer, ...]:
    """Return the real servers that this host can do without, since it serves the same itself.

    Where it does not, nobody who is sent something by this host can choose it in turn. None where
    the weights are not lvsdr's to write.
    """
    if not profile.writes_table:
        return ()
    own = host.ips
    out = out_of_service(owner_of(profile), book.load())
    weighty = [each for each in profile.real_servers if each.weight and not out.has(each.key)]
    served = {each.service for each in weighty if each.rip in own}
    return tuple(each for each in weighty if each.service in served and each.rip not in own)


def resting(profile: DirectorProfile, servers: Collection[RealServer]) -> DirectorProfile:
    """Return the profile with weight 0 for `servers`: connections stay, and no new one comes.

    Not even one from a port of which a connection to them is known still.
    """
    if not servers:
        return profile
    keys = {each.key for each in servers}
    weighed = (replace(s, weight=0) if s.key in keys else s for s in profile.real_servers)
    rested = replace(profile, real_servers=tuple(weighed))
    if profile.standby != "synced":
        return rested
    others = (each for each in profile.sysctls if each.path != EXPIRE_NODEST_CONN.path)
    return replace(rested, sysctls=(*others, EXPIRE_NODEST_CONN))


def serve(profile: DirectorProfile, host: Host, access: HostAccess, report: Report) -> None:
    """Let what is new be served here, and nowhere else, until the next director is heard.

    What arrives until then is still to be sent to where its connection is, else this host resets
    it. But while both of them schedule, they must not choose one another for ever.
    """
    if not access.kernel.observe(master_daemons(profile)):
        return
    try:
        spare(profile, host, access)
    except LvsdrError as failure:
        # It stands by all the same.
        report.notes += (failure.message,)
    else:
        until = monotonic() + access.grace
        while monotonic() < until and not access.overtaken():
            sleep(LOOK_EVERY)


def spare(profile: DirectorProfile, host: Host, access: HostAccess) -> Plan:
    """Take what is new from all real servers that this host can do without; return the changes."""
    others = [each.key for each in spared(profile, host, access.book)]
    todo = tuple(
        Change(seen, replace(seen, weight=0))
        for seen in access.kernel.observe(others).values()
        if isinstance(seen, RealServer) and seen.weight
    )
    return without_undo(todo, access.kernel)


def master_daemons(profile: DirectorProfile) -> list[Key]:
    """Return the keys of the sync daemons that an active director runs."""
    return [each.key for each in profile.sync_daemons if each.state == "master"]


def held_back(
    profile: DirectorProfile, others: Iterable[RealServer], access: HostAccess, report: Report
) -> list[RealServer]:
    """Return those of `others` that get nothing new yet; `report` says so.

    Those who speak for a VIP; and those at rest, until nobody has done so for longer than a
    director that gives way goes on.
    """
    try:
        rivals = _rivals(profile, others, access)
    except LvsdrError as failure:
        # Clients wait: rather a packet that goes to and fro than real servers that do nothing.
        report.notes += (failure.message,)
        return []
    if rivals:
        report.silent_since = None
        held = [each for each in others if each.rip in rivals]
    else:
        report.silent_since = report.silent_since or monotonic()
        # With an empty standby, whoever has let go of the VIPs has no table: unless it was
        # keepalived that took them.
        at_once = profile.standby == "empty" and profile.vips_owner == "lvsdr"
        goes_on = 0.0 if at_once else OUTLAST * access.grace
        early = monotonic() < report.silent_since + goes_on
        held = _at_rest(others, access) if early else []
    report.waits = bool(held)
    report.notes += tuple(
        f"{rip} still answers for a VIP: it gets no new connections until it is silent"
        for rip in sorted(rivals, key=str)
    )
    return held


def _at_rest(others: Iterable[RealServer], access: HostAccess) -> list[RealServer]:
    seen = access.kernel.observe([each.key for each in others])
    resting = {
        each.key for each in seen.values() if isinstance(each, RealServer) and not each.weight
    }
    return [each for each in others if each.key in resting]


def _rivals(
    profile: DirectorProfile, others: Iterable[RealServer], access: HostAccess
) -> frozenset[IPAddress]:
    """Return the RIPs of those of `others` that answer for a VIP, and nobody else for theirs."""
    macs = {mac for _, mac in _answers(profile, profile.vips, access)}
    if not macs:
        return frozenset()
    behind: dict[IPAddress, set[str]] = {}
    for rip, mac in _answers(profile, dict.fromkeys(each.rip for each in others), access):
        behind.setdefault(rip, set()).add(mac)
    # A router that answers for everybody (proxy ARP) is none of them.
    return frozenset(rip for rip, found in behind.items() if found <= macs)


def _answers(
    profile: DirectorProfile, addresses: Collection[IPAddress], access: HostAccess
) -> Iterator[tuple[IPAddress, str]]:
    """Ask on the profile's link for `addresses`; yield who says to have which, by its MAC.

    That is the frame's: who says of another that it has a VIP must not make that one a rival. Who
    asks in the name of one does not say that it would answer.
    """
    link = profile.interface
    speakers = access.kernel.read_host().askers(link, profile.vips)
    patience = access.grace / (10 * ROUNDS) + len(addresses) / SPEED
    with access.ears(link, tuple(addresses)) as ears:
        for _ in range(ROUNDS):
            ears.ask(*speakers)
            for each in ears.hear(monotonic() + patience):
                if each.form != "request":
                    yield each.address, each.sender or each.mac
