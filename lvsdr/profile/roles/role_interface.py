"""What both roles need of the link they talk on, refused before anything is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host, HostLink
from lvsdr.profile.noarp_links import speaking_again


def usable_interface(
    interface: str, host: Host, silent_for: Collection[IPAddress] = ()
) -> HostLink:
    """Return the link `interface`; raise CannotRun where no VIP traffic can arrive on it.

    A real server is to be silent for its VIPs before it can be found there.
    """
    link = host.links.get(interface)
    if link is None:
        raise CannotRun(
            f"cannot use link {interface}: no such link",
            hints=[f"the links of this host: {', '.join(sorted(host.links))}"],
        )
    if link.enslaved:
        *between, speaker = _masters(link, host)
        parts = "".join(f"{name}, which is a part of " for name in between)
        raise CannotRun(
            f"cannot use link {interface}: it is a part of {parts}{speaker}, which speaks for it",
            hints=[f'write "interface": "{speaker}" in the profile'],
        )
    if not link.arp:
        raise CannotRun(
            f"cannot use link {interface}: it has NOARP, nobody can find this host through it",
            hints=["".join(speaking_again(interface, silent_for, host))],
        )
    return link


def _masters(link: HostLink, host: Host) -> Iterator[str]:
    """Yield the master of `link`, its master, and so on: the last one speaks for all."""
    above: HostLink | None = link
    while above is not None and above.enslaved:
        yield str(above.master)
        above = host.links.get(str(above.master))
