"""A host that is director and real server: the VIPs that it holds as the director."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.core.record import Record
from lvsdr.model.address import IPInterface
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.survey import Survey


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
    profile: Profile, survey: Survey, record: Record, director: DirectorProfile | None = None
) -> tuple[Survey, tuple[DirectorVip, ...]]:
    """Return the host as a real server's profile sees it, and the VIPs that it does not see.

    The VIPs of `director`, where it is known, are not told; others the record tells.
    """
    if director is not None:
        survey = survey.without(director.interface, director.vips)
    vips = director_vips(profile, survey, record)
    return survey.less([(each.link, each.ip) for each in vips]), vips


def director_vips(profile: Profile, survey: Survey, record: Record) -> tuple[DirectorVip, ...]:
    """Return the VIPs of a real server's profile that this host holds as a director.

    They are no fault of the real server. The record says which they are.
    """
    if isinstance(profile, DirectorProfile):
        return ()
    found = (
        (link, ip, record.director_of(link, ip))
        for link, ip in survey.addresses
        if ip.ip in profile.vips and link != profile.holder_link
    )
    return tuple(DirectorVip(link, ip, owner) for link, ip, owner in found if owner)
