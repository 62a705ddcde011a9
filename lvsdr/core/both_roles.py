"""A host that is director and real server: the VIPs that it holds as the director."""

from __future__ import annotations

from lvsdr.core.record import Record, owner_of
from lvsdr.model.address import IPAddress, IPInterface
from lvsdr.model.host import Host
from lvsdr.model.ipvs import VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Address, Objects
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile


@dataclass(frozen=True, slots=True)
class DirectorVip:
    """A VIP of a real server's profile on a link that answers ARP, put there for a director's."""

    link: str
    ip: IPInterface
    owner: str

    def __str__(self) -> str:
        return (
            f"{self.link} holds {self.ip.ip} for {self.owner}: this host is the director now, and"
            " answers for it"
        )


def left_to_director(
    profile: Profile, host: Host, record: Record, director: DirectorProfile | None = None
) -> tuple[Host, tuple[DirectorVip, ...]]:
    """Return the host as a real server's profile sees it, and the VIPs that it does not see.

    The VIPs of `director`, where it is known, are not told; others the record tells.
    """
    if director is not None:
        for link in (director.interface, *host.on_one_wire(director.interface)):
            host = host.without(link, director.vips)
    vips = _director_vips(profile, host, record)
    return host.without_held([(each.link, each.ip) for each in vips]), vips


def _director_vips(profile: Profile, host: Host, record: Record) -> tuple[DirectorVip, ...]:
    """Return the VIPs of a real server's profile that this host holds as a director.

    They are no fault of the real server. The record says which they are.
    """
    if isinstance(profile, DirectorProfile):
        return ()
    found = (
        (each.link, each.ip, director_of(record, each.link, each.ip))
        for each in host.addresses
        if each.ip.ip in profile.vips and each.link != profile.holder_link
    )
    return tuple(DirectorVip(link, ip, owner) for link, ip, owner in found if owner)


def held_for_other_profiles(
    profile: Profile, host: Host, record: Record
) -> list[tuple[str, IPInterface]]:
    """Return the VIPs that another profile of this host holds silently: a real server's."""
    claimed = record.claimed_by_others(owner_of(profile))
    own = profile.holder_link if isinstance(profile, RealServerProfile) else profile.interface
    return [
        (each.link, each.ip)
        for each in host.addresses
        if each.ip.ip in profile.vips
        and each.link != own
        and Address(each.link, each.ip).key in claimed
        and not host.speaks_arp(each.link)
    ]


def director_of(record: Record, link: str, ip: IPInterface) -> str | None:
    """Return the director's profile that has `ip` on `link`, as far as lvsdr has made it so.

    A standby has given it up. A VIP that keepalived brings is no object of ours: the table
    tells then.
    """
    for owner, objects in record.claims.items():
        if not owner.startswith("director:"):
            continue
        held = [each for each in objects.values() if isinstance(each, Address)]
        mine = any((each.link, each.ip) == (link, ip) for each in held)
        theirs = not held and not _backs_up(objects) and _serves(objects, ip.ip)
        if mine or theirs:
            return owner
    return None


def _backs_up(objects: Objects) -> bool:
    daemons = {each.state for each in objects.values() if isinstance(each, SyncDaemon)}
    return daemons == {"backup"}


def _serves(objects: Objects, vip: IPAddress) -> bool:
    servers = (each for each in objects.values() if isinstance(each, VirtualServer))
    return any(each.service.vip == vip for each in servers)
