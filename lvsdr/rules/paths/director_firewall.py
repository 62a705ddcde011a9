"""What clients send to a director and IPVS never gets: its firewall is in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.client_connections import ConnectionsSeen, FirstPacket, Way
from lvsdr.model.counters import Counted, Counters
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.objects import Key, Objects, Sysctl
from lvsdr.model.profile import DirectorProfile
from lvsdr.model.route_lookup import Packet, RouteTo
from lvsdr.model.table_state import TableState
from lvsdr.rules.host.ipvs_table import BACKUP_ONLY
from lvsdr.rules.paths.unanswered_clients import listed

# A packet is on its way into the table for less than this.
_SOON = 0.3
# A connection that was refused at once is kept for ten seconds (CLOSE).
_REFUSED = 8.0
# Of a client that asks again the connection is new each time, and kept for a minute.
_ASKED_AGAIN = 50.0
# Seconds are whole in the table.
_SLACK = 2
# Where the table is read in part, so many of them would be in it.
_EXPECTED = 7
# How many clients have their route looked up.
_LOOKED_UP = 16

DROPS = ("net/ipv4/vs/drop_entry", "net/ipv4/vs/drop_packet")
SETTINGS: tuple[Key, ...] = tuple((Sysctl.kind, path) for path in DROPS)
# IPVS itself drops while they are at one of these: 1 waits until memory is short, and becomes 2.
_DROPPING = {"2", "3"}


@dataclass(frozen=True, slots=True)
class Lost:
    """First packets for one service that came in on one link, and are in no connection."""

    service: Service
    link: str
    packets: tuple[FirstPacket, ...]

    @property
    def routes(self) -> tuple[Packet, ...]:
        """The packets whose routes say whether this host takes in what these clients send."""
        clients = dict.fromkeys(each.conversation.client for each in self.packets)
        assert self.service.vip is not None, "what is lost is for a VIP"
        return tuple(
            Packet(self.service.vip, client, self.link) for client in list(clients)[:_LOOKED_UP]
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What besides a firewall may be why: routes, counters, settings of IPVS, a full table."""

    routes: Mapping[Packet, RouteTo]
    counted: Counted
    settings: Objects
    table: TableState = TableState()


def ripe(
    packets: Sequence[FirstPacket], now: float, lasts: Mapping[str, int]
) -> tuple[FirstPacket, ...]:
    """Return those whose connection would be in the table now.

    `lasts` are the timeouts of IPVS in seconds: after that it is no longer there.
    """
    short = {
        "tcp": min(_REFUSED, *(0.8 * lasts.get(name, _REFUSED) for name in ("tcp", "tcp_fin"))),
        "udp": 0.8 * lasts.get("udp", _REFUSED),
    }
    return tuple(
        each
        for each in packets
        if now - each.first >= _SOON
        and now - each.last
        <= (
            _ASKED_AGAIN
            if each.times > 1 and each.conversation.protocol == "tcp"
            else short[each.conversation.protocol]
        )
    )


def lost(  # noqa: PLR0913 - each is a fact of its own
    profile: DirectorProfile,
    host: Host,
    packets: Sequence[FirstPacket],
    seen: ConnectionsSeen,
    *,
    near: Sequence[IPNetwork],
    now: float,
) -> tuple[Lost, ...]:
    """Return what never became a connection, where nothing of its kind did.

    Clients of the segment and those beyond are told apart: a firewall may let in the former only.
    What passed IPVS by on purpose is none of it: no real server to choose, a standby, a service
    that IPVS does not have.
    """
    if host.number(BACKUP_ONLY) and "backup" in host.sync_daemons:
        return ()
    services, scheduled = _services(profile, host), _scheduled(profile, host)
    groups: dict[tuple[Service, str, bool], list[FirstPacket]] = {}
    passed: set[tuple[Service, str, bool]] = set()
    for each in packets:
        asked = each.conversation
        place = (asked.protocol, asked.vip, asked.port)
        service = services.get(place) or services.get((*place[:2], 0))
        if service not in scheduled or not host.held(asked.vip):
            continue
        beyond = not any(asked.client in network for network in near)
        group = (service, each.link, beyond)
        found = seen.found.get(asked)
        # A connection of UDP may be there from before, and get nothing any more.
        stale = found is not None and found.state == "UDP"
        if found is not None and not (stale and found.age > now - each.first + _SLACK):
            passed.add(group)
        else:
            groups.setdefault(group, []).append(each)
    return tuple(
        Lost(service, link, tuple(some))
        for (service, link, beyond), some in groups.items()
        if (service, link, beyond) not in passed
    )


def _services(
    profile: DirectorProfile, host: Host
) -> dict[tuple[str, IPAddress | None, int], Service]:
    """Return the services that IPVS may know a packet by: that of its port, else that of all."""
    servers = (*profile.virtual_servers, *host.virtual_servers)
    found = (server.service for server in servers if server.service.vip is not None)
    return {(each.protocol, each.vip, each.port): each for each in found}


def _scheduled(profile: DirectorProfile, host: Host) -> set[Service]:
    """Return the services of the profile that IPVS has, with a real server that gets something."""
    wanted = {server.service for server in profile.virtual_servers if not server.one_packet}
    return wanted.intersection(each.service for each in host.real_servers if each.weight > 0)


def findings(
    found: Sequence[Lost], host: Host, seen: ConnectionsSeen, around: Circumstances
) -> Iterator[Finding]:
    """Yield what only a firewall of this host can be the reason of."""
    if around.table.nearly_full or _dropped_by_ipvs(around.settings):
        return
    for each in found:
        taken_in = {
            packet.source
            for packet in each.routes
            if packet in around.routes and around.routes[packet].kind == "local"
        }
        packets = tuple(one for one in each.packets if one.conversation.client in taken_in)
        left = replace(each, packets=packets)
        if (
            packets
            and _has_room(each.service, host, around.counted)
            and _certain(left, seen, around)
        ):
            yield _finding(left, seen)


def _dropped_by_ipvs(settings: Objects) -> bool:
    values = {item.path: item.value for item in settings.values() if isinstance(item, Sysctl)}
    return any(values.get(path) in _DROPPING for path in DROPS)


def _has_room(service: Service, host: Host, counted: Counted) -> bool:
    """Return whether a real server is below its upper threshold: else IPVS refuses all."""
    return any(
        not server.upper_threshold or _connections(server, counted) < server.upper_threshold
        for server in host.real_servers
        if server.service == service and server.weight > 0
    )


def _connections(server: RealServer, counted: Counted) -> int:
    counters = counted.get(server.key, Counters())
    return counters.active + counters.inactive


def _certain(each: Lost, seen: ConnectionsSeen, around: Circumstances) -> bool:
    """Return whether they would have been seen in the table, of which a part may have been read."""
    if seen.complete:
        return True
    counters = around.counted.get((VirtualServer.kind, *each.service.key), Counters())
    there = counters.active + counters.inactive
    read = sum(tally.all for way, tally in seen.tallies.items() if _is_of(way, each.service))
    return not there or len(each.packets) * read >= _EXPECTED * there


def _is_of(way: Way, service: Service) -> bool:
    return way[:2] == (service.protocol, service.vip) and service.port in (0, way.port)


def _finding(each: Lost, seen: ConnectionsSeen) -> Finding:
    service = each.service
    clients = sorted({one.conversation.client for one in each.packets}, key=int)
    others = [
        tally
        for way, tally in seen.tallies.items()
        if _is_of(way, service) and tally.answered and not tally.served.intersection(clients)
    ]
    # Who was banned goes on asking, and the others are served.
    banned = len(clients) == 1 and bool(others)
    who = f"clients ({listed(list(map(str, clients)))})"
    doubt = ", or lets in others only" if banned else ""
    save = "iptables-save" if clients[0].version == 4 else "ip6tables-save"
    return Finding(
        "DIRECTOR-FIREWALL",
        WARNING if banned else ERROR,
        each.link,
        f"{service}: IPVS has none of {len(each.packets)} connections that {who} have just tried to"
        f" make: their first packets come in on {each.link}, and this host drops them before IPVS:"
        f" its firewall refuses the service{doubt}",
        vip=service.vip,
        look=f"nft list ruleset; {save}; what INPUT drops or rejects, by vrrp_strict of keepalived"
        " too",
    )
