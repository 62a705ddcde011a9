"""Profiles held against each other: what each of them says may be right, and yet not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.model.address import IPInterface
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.objects import RealServer
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile


def disagreements(profiles: Sequence[Profile], dip: IPInterface | None = None) -> list[Finding]:
    """Return what does not fit between `profiles`, those of one cluster.

    `dip` is the director's own address with its prefix: the segment that direct routing reaches.
    """
    directors = [each for each in profiles if isinstance(each, DirectorProfile)]
    realservers = [each for each in profiles if isinstance(each, RealServerProfile)]
    found = [each for director in directors for each in _off_subnet(director, dip)]
    if directors and realservers:
        found += [each for held in realservers for each in _undirected(held, directors)]
        for director in directors:
            found += _unheld(director, realservers)
            found += _untunnelled(director, realservers)
        found += _strangers(directors, realservers)
    return found


def _subject(profile: Profile) -> str:
    return f"{profile.role} {profile.name}"


def _undirected(held: RealServerProfile, directors: Sequence[DirectorProfile]) -> Iterator[Finding]:
    known = {vip for director in directors for vip in director.vips}
    for vip in held.vips:
        if vip not in known:
            yield Finding(
                "VIP-NO-DIRECTOR",
                ERROR,
                _subject(held),
                f"{_subject(held)} holds {vip}, which no director has",
                f"add {vip} to the vips of {_subject(directors[0])}, or remove it here",
                vip=vip,
            )


def _unheld(
    director: DirectorProfile, realservers: Sequence[RealServerProfile]
) -> Iterator[Finding]:
    """Yield the VIPs that arrive where nobody takes them.

    A profile of a real server does not say its RIP: where a VIP is served by some of the real
    servers only, one holder is as much as can be asked for.
    """
    everybody = {server.rip for server in _unchanged(director)}
    for vip in director.vips:
        serving = {
            server.rip for server in _unchanged(director) if server.service.vip in (vip, None)
        }
        lacking = [each for each in realservers if vip not in each.vips]
        if serving and (serving == everybody or len(lacking) == len(realservers)):
            for each in lacking:
                yield Finding(
                    "VIP-NOT-HELD",
                    ERROR,
                    _subject(each),
                    f"{_subject(each)} does not hold {vip}, for which {_subject(director)} sends"
                    " packets",
                    f"add {vip} to its vips",
                    vip=vip,
                )


def _untunnelled(
    director: DirectorProfile, realservers: Sequence[RealServerProfile]
) -> Iterator[Finding]:
    methods = {server.forwarding_method for server in _unchanged(director)}
    closed = [each for each in realservers if each.holder != "tunl0"]
    if "tunnel" in methods and (methods == {"tunnel"} or len(closed) == len(realservers)):
        for each in closed:
            yield Finding(
                "NO-TUNNEL",
                ERROR,
                _subject(each),
                f"{_subject(each)} has no tunl0, through which {_subject(director)} sends packets",
                "write tunl0 as its holder, or dr as the forwarding_method",
            )


def _strangers(
    directors: Sequence[DirectorProfile], realservers: Sequence[RealServerProfile]
) -> Iterator[Finding]:
    """Yield the RIPs that one side knows and the other does not, where every profile has `rips`."""
    listed = {server.rip for director in directors for server in director.real_servers}
    profiled = {rip for each in realservers for rip in each.rips}
    for director in directors:
        for rip in dict.fromkeys(server.rip for server in _unchanged(director)):
            if rip not in profiled and all(each.rips for each in realservers):
                yield Finding(
                    "RIP-NOT-PROFILED",
                    ERROR,
                    _subject(director),
                    f"{_subject(director)} sends packets to {rip}, for which there is no profile",
                    f"add {rip} to the rips of {_subject(realservers[0])}, or remove it here",
                    rip=rip,
                )
    for each in realservers:
        for rip in each.rips:
            if rip not in listed:
                yield Finding(
                    "RIP-NO-DIRECTOR",
                    WARNING,
                    _subject(each),
                    f"{_subject(each)} is for {rip}, to which no director sends anything",
                    f"add {rip} to the real_servers of {_subject(directors[0])}, or remove it here",
                    rip=rip,
                )


def _off_subnet(director: DirectorProfile, dip: IPInterface | None) -> Iterator[Finding]:
    for server in director.real_servers:
        near = dip is None or server.rip.version != dip.version or server.rip in dip.network
        if server.forwarding_method == "dr" and not near and dip is not None:
            yield Finding(
                "RIP-OFF-SUBNET",
                ERROR,
                _subject(director),
                f"{server.title} is not in {dip.network}, the subnet of the director: direct"
                " routing reaches hosts of its segment only",
                "write tunnel as its forwarding_method, or a RIP of that subnet",
                vip=server.service.vip,
                rip=server.rip,
            )


def _unchanged(director: DirectorProfile) -> list[RealServer]:
    """Return the real servers that see packets for the VIP: dr and tunnel do not rewrite them."""
    return [each for each in director.real_servers if each.forwarding_method in ("dr", "tunnel")]
