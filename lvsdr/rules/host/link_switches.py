"""The commands that set what one link does, and what else they do there."""

from __future__ import annotations

from collections.abc import Collection
from shlex import quote

from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host


def switched(link: str, name: str, value: int) -> str:
    """Return the command that sets a setting of IPv4 of one link."""
    # The name of a link may have all but blanks and slashes.
    return f"sysctl -w {quote(f'net/ipv4/conf/{link}/{name}={value}')}"


def quiet(link: str) -> str:
    """Return what makes a link answer for its own addresses alone, and ask from them alone."""
    # Of this link only: whatever else the host answers for on others goes on.
    return " && ".join((switched(link, "arp_ignore", 1), switched(link, "arp_announce", 2)))


def silenced_by_ignoring(
    link: str, vips: Collection[IPAddress], host: Host
) -> tuple[IPAddress, ...]:
    """Return the other addresses of the host for which a link no longer answers once it is quiet.

    Those that its neighbours may ask for: of its own subnets.
    """
    own = host.addresses_of(link)
    here = {ip.ip for ip in own}
    return tuple(
        each.ip.ip
        for each in host.addresses
        if each.ip.version == 4
        and each.ip.ip not in here
        and each.ip.ip not in vips
        and any(each.ip.ip in ip.network for ip in own)
    )


def loosened(link: str, host: Host) -> str:
    """Return what lets the packets of a link pass its reverse-path filter."""
    if any(ip.version == 4 for ip in host.addresses_of(link)):
        return switched(link, "rp_filter", 2)
    # On a link without an address a loose filter is strict (net/ipv4/fib_frontend.c).
    every, _ = host.pair("rp_filter", link)
    off = [switched(scope, "rp_filter", 0) for scope in ("all", link)]
    if not every:
        return off[1]
    # The larger of the two counts: the other links keep what they had by `all`.
    others = (each.name for each in host.links.values() if each.name != link and not each.loopback)
    kept = (each for each in others if host.pair("rp_filter", each)[1] < every)
    return "; ".join((*(switched(each, "rp_filter", every) for each in kept), *off))
