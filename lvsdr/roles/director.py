"""A director: its IPVS table, and the VIPs on the link on which it answers for them."""

from __future__ import annotations

from ipaddress import IPv6Address

from lvsdr.errors import CannotRun
from lvsdr.model.address import host_interface
from lvsdr.model.objects import Address, Objects, keyed
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.model.survey import Survey
from lvsdr.roles.footing import talking_link


def desired(profile: DirectorProfile, survey: Survey) -> Objects:
    """Return the director's objects; raise CannotRun where the host cannot be one."""
    link = talking_link(profile.interface, survey)
    if not link.up:
        raise CannotRun(
            f"cannot use link {link.name}: it is down",
            hints=[f"ip link set {link.name} up"],
        )
    _has_addresses_of_its_own(profile, survey)
    addresses = (_on_the_link(profile.interface, vip) for vip in profile.labelled_vips)
    return keyed(
        (
            *profile.virtual_servers,
            *profile.real_servers,
            *addresses,
            *profile.timeouts,
            *profile.sync_daemons,
            *profile.sysctls,
        )
    )


def _on_the_link(interface: str, vip: LabelledVip) -> Address:
    # A host prefix: in the link's own subnet a wider one is secondary, and dies with the primary.
    ip = host_interface(vip.address)
    # Deprecated keeps an IPv6 VIP from being the source of what the director itself sends.
    return Address(interface, ip, label=vip.label, deprecated=isinstance(ip.ip, IPv6Address))


def _has_addresses_of_its_own(profile: DirectorProfile, survey: Survey) -> None:
    own = [ip for ip in survey.addresses_of(profile.interface) if ip.ip not in profile.vips]
    for version in sorted({vip.version for vip in profile.vips}):
        if not any(ip.version == version for ip in own):
            # "who-has RIP tell VIP" is never answered by a real server: it holds the VIP itself.
            raise CannotRun(
                f"cannot use link {profile.interface}: it has no IPv{version} address of its own"
                " (DIP) beside the VIPs, and no real server answers a VIP",
                hints=[f"ip address add DIP/PREFIX dev {profile.interface}"],
            )
