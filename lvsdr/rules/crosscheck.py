"""Profiles held against each other: what each of them says may be right, and yet not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.objects import RealServer
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile


def disagreements(profiles: Sequence[Profile]) -> list[Finding]:
    """Return what does not fit between `profiles`, those of one cluster."""
    directors = [each for each in profiles if isinstance(each, DirectorProfile)]
    realservers = [each for each in profiles if isinstance(each, RealServerProfile)]
    found: list[Finding] = []
    if directors and realservers:
        found += [each for held in realservers for each in _undirected(held, directors)]
        for director in directors:
            found += _unheld(director, realservers)
            found += _untunnelled(director, realservers)
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


def _unchanged(director: DirectorProfile) -> list[RealServer]:
    """Return the real servers that see packets for the VIP: dr and tunnel do not rewrite them."""
    return [each for each in director.real_servers if each.forwarding_method in ("dr", "tunnel")]
