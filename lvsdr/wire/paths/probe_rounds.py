"""Which probes to send after which replies, until each path has a verdict.

The service is asked first. Where its reply does not say enough, the VIP, the RIP and the tunnel
are asked; where an ICMP rate limit may have kept a reply back, the service is asked again, slowly;
where the RIP's TTL expires on the way, all is asked again with room for one more hop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic, sleep

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs_tunnel import Tunnel
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.path import Path
from lvsdr.wire.paths.path_probes import LAST_HOP, ResolvedRoute
from lvsdr.wire.paths.path_verdict import PathReplies
from lvsdr.wire.paths.probe import Probe, ProbeReply
from lvsdr.wire.paths.probe_sender import ProbeSender

Routes = Mapping[IPAddress, ResolvedRoute]
Replies = dict[Probe, ProbeReply]
Pair = tuple[IPAddress | None, IPAddress, str, Tunnel]
"""A VIP and a real server, and how its packets are forwarded there."""

# Linux sends a host one error a second, after the first six (icmp_ratelimit in icmp(7)).
_LIMIT = 1.1
_LIMITED_ROUNDS = 10
# How much of the work is asking the service; the rest is done where that does not say enough.
_MOST = 0.8


@dataclass(frozen=True, slots=True)
class Pace:
    """Probes a second, seconds to listen after the last, and a callback for the fraction done."""

    rate: float
    seconds: float
    tell: Callable[[float], None]


def ask_paths(
    sender: ProbeSender, paths: Sequence[Path], routes: Routes, pace: Pace
) -> dict[Path, PathReplies]:
    """Send the probes of each path, and return the replies to them; raises CannotRun."""
    service = {path: routes[path.rip].service_probe(path) for path in paths}
    replies = sender.replies_to(
        service.values(), seconds=pace.seconds, progress=lambda sent: pace.tell(sent * _MOST)
    )
    limited = _ask_limited(sender, service, replies)
    replies |= sender.replies_to(_follow_ups(service, replies, routes), seconds=pace.seconds)
    # A host that answers no echo may still answer at the port.
    mute = (path for path in service if service[path] not in replies)
    mute = (path for path in mute if routes[path.rip].rip_echo() not in replies)
    ports = _some(routes[path.rip].rip_port_probe(path) for path in mute)
    replies |= sender.replies_to(ports, seconds=pace.seconds)
    pace.tell(1.0)
    missing = _missing_vips(service, replies)
    found = {
        path: replace(
            _path_replies(path, routes[path.rip], replies, missing, limited=probe in limited),
            stranger=sender.stranger(probe),
            guessed=sender.guessed(probe),
        )
        for path, probe in service.items()
    }
    behind = [path for path in paths if _behind_proxy(routes[path.rip], found[path])]
    again = ask_paths(sender, behind, _one_hop_more(behind, routes), pace) if behind else {}
    return found | again


def _behind_proxy(route: ResolvedRoute, replies: PathReplies) -> bool:
    """Return whether another host, a proxy for the RIP, forwards what is for the real server."""
    near = route.hops == LAST_HOP and not route.route.routed
    return near and replies.rip is not None and replies.rip.kind == "expired"


def _one_hop_more(paths: Iterable[Path], routes: Routes) -> Routes:
    """Return the routes with a TTL for one host in between, such as that of a container."""
    return {path.rip: replace(routes[path.rip], hops=LAST_HOP + 1) for path in paths}


def _ask_limited(
    sender: ProbeSender, service: Mapping[Path, Probe], replies: Replies
) -> frozenset[Probe]:
    """Ask again, slowly, the hosts that have sent errors and whose rate limit may hide more.

    Add their replies to `replies`, and return the probes whose silence still says nothing.
    """
    erring = {path.rip for path, probe in service.items() if _is_error(replies.get(probe))}
    missing = _missing_vips(service, replies)
    queues: dict[IPAddress, dict[object, Probe]] = {}
    for path, probe in service.items():
        if path.rip in erring and probe not in replies and _pair(path) not in missing:
            # A port is closed by itself, a VIP is missing for all of them.
            each = path if path.transport == "udp" else _pair(path)
            queues.setdefault(path.rip, {}).setdefault(each, probe)
    waiting = [list(queue.values()) for queue in queues.values()]
    for _ in range(_LIMITED_ROUNDS):
        batch = [queue.pop(0) for queue in waiting if queue]
        if not batch:
            break
        start = monotonic()
        replies |= sender.replies_to(batch, seconds=_LIMIT, rounds=1)
        sleep(max(0.0, start + _LIMIT - monotonic()))
    return frozenset(probe for queue in waiting for probe in queue)


def _follow_ups(service: Mapping[Path, Probe], replies: Replies, routes: Routes) -> Iterator[Probe]:
    """Yield the probes to send where the reply about the service does not say enough."""
    for path, probe in service.items():
        route, reply = routes[path.rip], replies.get(probe)
        if reply is None:
            yield from _some((route.vip_echo(path), route.rip_echo(), route.tunnel_echo(path)))
        elif reply.kind in ("closed", "port", "protocol"):
            yield from _some((route.rip_port_probe(path),))
        elif reply.kind == "expired":
            # From the real server itself, or from a host before it, where the RIP is no nearer.
            yield route.rip_echo()


def _path_replies(
    path: Path,
    route: ResolvedRoute,
    replies: Replies,
    missing: Mapping[Pair, ProbeReply],
    *,
    limited: bool,
) -> PathReplies:
    def reply(probe: Probe | None) -> ProbeReply | None:
        return None if probe is None else replies.get(probe)

    return PathReplies(
        service=reply(route.service_probe(path)),
        vip=reply(route.vip_echo(path)) or missing.get(_pair(path)),
        rip=reply(route.rip_echo()),
        port=reply(route.rip_port_probe(path)),
        tunnel=reply(route.tunnel_echo(path)),
        limited=limited,
    )


def _missing_vips(service: Mapping[Path, Probe], replies: Replies) -> dict[Pair, ProbeReply]:
    """Return the replies that say that a real server does not hold a VIP."""
    found = ((path, replies.get(probe)) for path, probe in service.items())
    return {
        _pair(path): reply
        for path, reply in found
        if reply is not None and reply.kind in ("expired", "unreachable")
    }


def _pair(path: Path) -> Pair:
    return path.vip, path.rip, path.method, path.tunnel


def _is_error(reply: ProbeReply | None) -> bool:
    return reply is not None and reply.kind not in ("open", "closed")


def _some(probes: Iterable[Probe | None]) -> Iterator[Probe]:
    return (probe for probe in probes if probe is not None)
