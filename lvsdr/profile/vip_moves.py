"""The commands that take a VIP from a link while it is served: it is held elsewhere first."""

from __future__ import annotations

from shlex import quote

from lvsdr.model.address import IPInterface, host_interface
from lvsdr.model.host import Host
from lvsdr.model.profile import Profile, RealServerProfile, command


def moved(link: str, ip: IPInterface, profile: Profile, host: Host) -> str:
    """Return what holds a VIP where the profile wants it, and then takes it from `link`."""
    return " && ".join((command(profile, "apply"), removal(link, ip, host)))


def removal(link: str, ip: IPInterface, host: Host) -> str:
    """Return what takes an address from a link, and no other one with it."""
    gone = f"ip address del {ip} dev {quote(link)}"
    of_subnet = [
        each
        for each in host.addresses_of(link)
        if each.version == 4 and each.network == ip.network and ip.network.num_addresses > 1
    ]
    if of_subnet[:1] != [ip] or len(of_subnet) == 1:
        return gone
    # The first address of a subnet takes the others along, unless the next one takes its place.
    setting = quote(f"net/ipv4/conf/{link}/promote_secondaries=1")
    return f"sysctl -w {setting} && {gone}"


def moved_to_holder(link: str, ip: IPInterface, profile: RealServerProfile, host: Host) -> str:
    """Return what takes a VIP from a link that speaks for it; a real server holds it all along.

    While the link has it, `apply` is refused: for so long lo holds it.
    """
    places, vip = host.links_with(ip.ip), host_interface(ip.ip)
    steps = [removal(link, ip, host), command(profile, "apply")]
    if all(place == link for place in places):
        steps.insert(0, f"ip address add {vip} dev lo")
        if profile.holder_link != "lo":
            steps.append(f"ip address del {vip} dev lo")
    return " && ".join(steps)
