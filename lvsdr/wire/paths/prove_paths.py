"""Prove paths: send a probe over each of them, as a client's request would go, and judge the reply.

A probe has TTL 1, so that no host without the VIP can forward it; TTL 2 where the RIP is one hop
away, as a container behind proxy ARP of its host. It is sent by a packet socket, so that the
director's own IPVS never sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.path import Path, Proof, RealServerRoute, SharedMac
from lvsdr.wire.packet_filters import probe_reply_filter
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.next_hops import NextHops, next_hops, sources_of, vouching
from lvsdr.wire.paths.path_probes import ResolvedRoute
from lvsdr.wire.paths.path_verdict import PathReplies, path_verdict
from lvsdr.wire.paths.probe_ports import own_ports
from lvsdr.wire.paths.probe_rounds import Pace, ask_paths
from lvsdr.wire.paths.probe_sender import ProbeSender
from lvsdr.wire.paths.shared_macs import shared_macs


def prove_paths(
    paths: Sequence[Path],
    routes: Iterable[RealServerRoute],
    *,
    rate: float = 1000,
    seconds: float = 1.0,
    progress: Callable[[float], None] | None = None,
) -> tuple[Proof, ...]:
    """Return what became of a probe on each of `paths` whose RIP has one of `routes`.

    Sends at most `rate` probes a second, each up to three times, and listens
    `seconds` after the last. `progress` is called with the fraction done, up
    to 1.0. Raises CannotRun.
    """
    by_link: dict[str, dict[IPAddress, RealServerRoute]] = {}
    for route in routes:
        by_link.setdefault(route.link, {})[route.rip] = route
    proofs: list[Proof] = []
    for done, near in enumerate(by_link.values()):
        on_link = [path for path in paths if path.rip in near]
        tell = partial(_tell, progress, done, len(by_link))
        proofs += _prove_on_link(on_link, near, Pace(rate, seconds, tell))
    return tuple(proofs)


def _prove_on_link(
    paths: Sequence[Path], routes: Mapping[IPAddress, RealServerRoute], pace: Pace
) -> list[Proof]:
    link = next(iter(routes.values())).link
    hops = next_hops(link, routes.values())
    macs = hops.macs
    resolved = {
        rip: ResolvedRoute(route, macs[route.next_hop][0])
        for rip, route in routes.items()
        # A router may have several, and each of them will do (VRRP).
        if len(macs[route.next_hop]) == 1 or (route.routed and macs[route.next_hop])
    }
    near = {rip: hops.owned[rip] for rip, route in routes.items() if not route.routed}
    shared = shared_macs(link, near, sources_of(routes.values()))
    reachable = [path for path in paths if path.rip in resolved]
    with own_ports() as ports, PacketSocket(link, only=probe_reply_filter(ports)) as wire:
        wire.wait_for_carrier()
        vouch = vouching(link, routes.values(), macs)
        sender = ProbeSender(wire, ports, pace.rate, hops.same_host(), vouch)
        found = ask_paths(sender, reachable, resolved, pace)
        wire.wait_for_carrier()
    proofs = [_proof(path, routes[path.rip], hops, found.get(path)) for path in paths]
    return [replace(each, shared=_shared(each.path.rip, shared)) for each in proofs]


def _shared(rip: IPAddress, shared: Iterable[SharedMac]) -> tuple[SharedMac, ...]:
    return tuple(each for each in shared if rip in each[1])


def _tell(progress: Callable[[float], None] | None, done: int, links: int, fraction: float) -> None:
    if progress is not None:
        progress((done + fraction) / links)


def _proof(
    path: Path, route: RealServerRoute, hops: NextHops, replies: PathReplies | None
) -> Proof:
    macs = hops.macs[route.next_hop]
    gateway = route.next_hop if route.routed else None
    if replies is not None:
        segment = None if replies.service is None else replies.service.segment
        verdict, detail = path_verdict(path, replies, routed=route.routed)
        stranger = replies.stranger if detail == "other-mac" else None
        return Proof(
            path,
            verdict,
            detail,
            gateway,
            macs,
            segment=segment,
            mtu=route.mtu,
            stranger=stranger,
        )
    if not macs and hops.lost:
        return Proof(path, None, "not-heard", gateway)
    lent = hops.lent[route.next_hop]
    return Proof(path, "duplicate-rip" if macs else "down", "", gateway, macs, lent=lent)
