"""A host as it comes: what a profile is asked about where the host itself is not at hand."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Object
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile import roles

# For documentation (RFC 5737, RFC 3849): nobody has them.
DIPS = (ip_network("198.51.100.0/24"), ip_network("2001:db8:ffff:ffff::/64"))


def usual_objects(profile: Profile) -> tuple[Object, ...]:
    """Return what `apply` makes on a host that has its interface, and the kernel's own settings.

    A director's table is among it whoever writes that on the host.
    """
    wanted: Profile = profile
    if isinstance(profile, DirectorProfile):
        wanted = replace(profile, table_owner="lvsdr")
    return tuple(roles.desired(wanted, _usual_host(profile)).values())


def _usual_host(profile: Profile) -> Host:
    links = (HostLink("lo", loopback=True), HostLink(profile.interface))
    own = [*_meant(profile), *(_free(each.network_address, profile) for each in DIPS)]
    held = tuple(HeldAddress(profile.interface, host_interface(each)) for each in own)
    return Host({each.name: each for each in links}, held)


def _meant(profile: Profile) -> tuple[IPAddress, ...]:
    return () if isinstance(profile, DirectorProfile) else profile.rips


def _free(first: IPAddress, profile: Profile) -> IPAddress:
    """Return the first address from `first` on that is no VIP."""
    number = int(first) + 1
    while (found := ip_address(number)) in profile.vips:
        number += 1
    return found
