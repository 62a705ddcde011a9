"""Profiles held against each other: what each of them says may be right, and yet not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from itertools import chain

from lvsdr.model.address import IPAddress, IPInterface
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.ipvs import RealServer
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.rules.host.tunnel_ends import UnpackingLink, unpacking_link


def disagreements(profiles: Sequence[Profile], dips: Sequence[IPInterface] = ()) -> list[Finding]:
    """Return what does not fit between `profiles`, those of one cluster.

    `dips` are the director's own addresses with their prefixes, one for each link: the segments
    that direct routing reaches. Without them the RIPs are held against none.
    """
    directors = [each for each in profiles if isinstance(each, DirectorProfile)]
    realservers = [each for each in profiles if isinstance(each, RealServerProfile)]
    found = [each for director in directors for each in _off_subnet(director, dips)]
    if directors and realservers:
        known = {vip for director in directors for vip in director.vips}
        known |= {one.vip for director in directors for one in director.probes if one.vip}
        found += [each for held in realservers for each in _undirected(held, directors, known)]
        for director in directors:
            found += _unheld(director, realservers)
            found += _untunnelled(director, realservers)
        found += _strangers(directors, realservers)
    return found


def _subject(profile: Profile) -> str:
    return f"{profile.role} {profile.name}"


def _undirected(
    held: RealServerProfile, directors: Sequence[DirectorProfile], known: Set[IPAddress]
) -> Iterator[Finding]:
    for vip in held.vips:
        if vip not in known and not any(_may_be_marked(vip, director) for director in directors):
            yield Finding(
                "VIP-NO-DIRECTOR",
                ERROR,
                _subject(held),
                f"{_subject(held)} holds {vip}, which no director has",
                look=f"add {vip} to the vips of {_subject(directors[0])}, or remove it here",
                vip=vip,
            )


def _may_be_marked(vip: IPAddress, director: DirectorProfile) -> bool:
    """Return whether a firewall mark may stand for `vip`: one of which no VIP is in the profile."""
    family = "inet" if vip.version == 4 else "inet6"
    marks = any(
        server.service.vip is None and server.service.family == family
        for server in director.virtual_servers
    )
    return marks and not any(each.version == vip.version for each in director.vips)


def _unheld(
    director: DirectorProfile, realservers: Sequence[RealServerProfile]
) -> Iterator[Finding]:
    """Yield the VIPs that arrive where nobody takes them."""
    served: dict[IPAddress | None, set[IPAddress]] = {}
    for server in _unchanged(director):
        served.setdefault(server.service.vip, set()).add(server.rip)
    held = _Held(realservers, frozenset(chain.from_iterable(served.values())))
    for vip in director.vips:
        for each in held.lacking(vip, served.get(vip, set()) | served.get(None, set())):
            yield Finding(
                "VIP-NOT-HELD",
                ERROR,
                _subject(each),
                f"{_subject(each)} does not hold {vip}, for which {_subject(director)} sends"
                " packets",
                look=f"add {vip} to its vips",
                vip=vip,
            )


class _Held:
    """Which real servers hold which VIPs: of thousands of profiles each is looked at once."""

    def __init__(self, realservers: Sequence[RealServerProfile], everybody: Set[IPAddress]) -> None:
        self._realservers = realservers
        self._everybody = everybody
        self._vague = [place for place, each in enumerate(realservers) if not each.rips]
        # And so is each of thousands of VIPs of one profile.
        self._vips = [frozenset(each.vips) for each in realservers]
        self._at: dict[IPAddress, list[int]] = {}
        for place, each in enumerate(realservers):
            for rip in each.rips:
                self._at.setdefault(rip, []).append(place)

    def lacking(self, vip: IPAddress, serving: Set[IPAddress]) -> list[RealServerProfile]:
        """Return the real servers that get packets for `vip`, at a RIP of `serving`, and lack it.

        Where a profile does not say its RIPs, and a VIP is served by some of the real servers only,
        one holder is as much as can be asked for.
        """
        known = sorted({place for rip in serving for place in self._at.get(rip, ())})
        known = [place for place in known if vip not in self._vips[place]]
        lacking = [place for place in self._vague if vip not in self._vips[place]]
        theirs = any(rip not in self._at for rip in serving)
        if theirs and (serving == self._everybody or len(lacking) == len(self._vague)):
            known = sorted({*known, *lacking})
        return [self._realservers[place] for place in known]


def _untunnelled(
    director: DirectorProfile, realservers: Sequence[RealServerProfile]
) -> Iterator[Finding]:
    """Yield the real servers that take nothing out of the tunnels which lead to them.

    Without `rips`, and where only some are reached through a tunnel, one that is open is as much
    as can be asked for.
    """
    at: dict[IPAddress, list[RealServer]] = {}
    for server in _unchanged(director):
        at.setdefault(server.rip, []).append(server)
    for each in realservers:
        servers = [one for rip in each.rips or at for one in at.get(rip, ())]
        links = {link for one in servers if (link := _unpacking(one))}
        needed = {opened.link: opened for opened in sorted(links, key=str)}
        unclear = not each.rips and any(other.holder in needed for other in realservers)
        tunnelled = all(one.forwarding_method == "tunnel" for one in servers)
        if needed and each.holder not in needed and (tunnelled or not unclear):
            yield _closed(director, each, list(needed.values()))
        yield from (_port(each, opened) for opened in links if opened.port)


def _unpacking(server: RealServer) -> UnpackingLink | None:
    if server.forwarding_method != "tunnel":
        return None
    inner = 6 if server.service.family == "inet6" else 4
    return unpacking_link(server.tunnel, inner, server.rip.version)


def _closed(
    director: DirectorProfile, held: RealServerProfile, needed: Sequence[UnpackingLink]
) -> Finding:
    links = " or ".join(each.link for each in needed)
    holders = " or ".join(each.link for each in needed if each.holder)
    mend = f"write {holders} as its holder" if holders else needed[0].by_hand
    return Finding(
        "NO-TUNNEL",
        ERROR if holders else WARNING,
        _subject(held),
        f"{_subject(held)} has no {links}, through which {_subject(director)} sends packets",
        look=f"{mend}, or write dr as the forwarding_method" if holders else mend,
        on="" if holders else "that host",
    )


def _port(held: RealServerProfile, needed: UnpackingLink) -> Finding:
    return Finding(
        "TUNNEL-PORT",
        WARNING,
        _subject(held),
        f"{_subject(held)} does not open the UDP port of GUE: that is for the host to do",
        look=needed.port,
        on="that host",
    )


def _strangers(
    directors: Sequence[DirectorProfile], realservers: Sequence[RealServerProfile]
) -> Iterator[Finding]:
    """Yield the RIPs that one side knows and the other does not, where every profile has `rips`."""
    listed = {server.rip for director in directors for server in director.real_servers}
    profiled = {rip for each in realservers for rip in each.rips}
    all_listed = all(each.rips for each in realservers)
    for director in directors:
        for rip in dict.fromkeys(server.rip for server in _unchanged(director)):
            if rip not in profiled and all_listed:
                yield Finding(
                    "RIP-NOT-PROFILED",
                    ERROR,
                    _subject(director),
                    f"{_subject(director)} sends packets to {rip}, for which there is no profile",
                    look=f"add {rip} to the rips of {_subject(realservers[0])}, or remove it here",
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
                    look=f"add {rip} to the real_servers of {_subject(directors[0])}, or remove it"
                    " here",
                    rip=rip,
                )


def _off_subnet(director: DirectorProfile, dips: Sequence[IPInterface]) -> Iterator[Finding]:
    direct = [each for each in director.real_servers if each.forwarding_method == "dr"]
    for version in (4, 6):
        subnets = [dip.network for dip in dips if dip.version == version]
        servers = [each for each in direct if each.rip.version == version]
        off = [each for each in servers if not any(each.rip in subnet for subnet in subnets)]
        told = " or ".join(map(str, subnets))
        # A director on two segments takes clients on the one and has its real servers on the other.
        clients = any(vip in subnet for vip in director.vips for subnet in subnets)
        if subnets and off and clients and off == servers:
            yield Finding(
                "RIP-OFF-SUBNET",
                WARNING,
                _subject(director),
                f"none of the real servers of {_subject(director)} is in {told}: direct routing"
                " reaches them only through another link of the director, in their subnet",
                look="give --dip ADDRESS/PREFIX for that link too",
            )
        elif subnets:
            yield from (_unreached(director, each, told) for each in off)


def _unreached(director: DirectorProfile, server: RealServer, subnets: str) -> Finding:
    return Finding(
        "RIP-OFF-SUBNET",
        ERROR,
        _subject(director),
        f"{server.title} is not in {subnets}, the subnet of the director: direct routing reaches"
        " hosts of its segment only",
        look="write tunnel as its forwarding_method, or a RIP of that subnet; a director on two"
        " segments has a --dip for each",
        vip=server.service.vip,
        rip=server.rip,
    )


def _unchanged(director: DirectorProfile) -> list[RealServer]:
    """Return the real servers that see packets for the VIP: dr and tunnel do not rewrite them."""
    return [each for each in director.real_servers if each.forwarding_method in ("dr", "tunnel")]
