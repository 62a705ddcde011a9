"""What a manager of links is to hold for a profile: links with addresses, and guard routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.errors import ProfileError
from lvsdr.formats.plain_names import plain_name
from lvsdr.formats.sysctl_writer import settings_files, unknown_links
from lvsdr.model.exported import Exporting, NewFile, lost
from lvsdr.model.finding import Finding
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Address, Link, Route
from lvsdr.model.profile import DirectorProfile


@dataclass(frozen=True, slots=True)
class Held:
    """A link and the VIPs on it; `holder` is None for a director's interface, which is there."""

    name: str
    addresses: tuple[Address, ...]
    holder: Link | None = None
    routes: tuple[Route, ...] = ()


def held_vips(host: Exporting, program: str) -> list[Held]:
    """Return the links that hold VIPs, holders first; raise ProfileError where none does."""
    addresses = [each for each in host.objects if isinstance(each, Address)]
    holders = {each.name: each for each in host.objects if isinstance(each, Link)}
    routes = [each for each in host.objects if isinstance(each, Route)]
    names = dict.fromkeys([*holders, *(each.link for each in addresses)])
    if not addresses:
        raise ProfileError(
            f"cannot export {host.names} to {program}: no VIP in it is lvsdr's to hold",
            hints=["lvsdr export --help"],
        )
    found = []
    for name in names:
        here = tuple(each for each in addresses if each.link == name)
        guarded = tuple(each for each in routes if _guards(each, here)) if name in holders else ()
        found.append(Held(plain_name(name), here, holders.get(name), guarded))
    return found


def _guards(route: Route, addresses: Iterable[Address]) -> bool:
    return any(each.ip.network == route.destination for each in addresses)


def scope_lost(held: Held, program: str, look: str) -> Iterator[Finding]:
    """Yield that a program knows no scope, where a VIP has one."""
    if any(each.scope == "host" for each in held.addresses):
        yield lost(
            held.name,
            f"{program} knows no scope: the IPv4 VIPs on {held.name} are global, and the source of"
            " what this host sends through a link without an address of its own",
            look,
        )


def silence_first(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield what comes before any VIP, and what a director's link may be lacking."""
    # A real server that holds a VIP and is not silent on ARP takes the director's place.
    yield from settings_files(host)
    yield from unknown_links(host)
    for profile in host.profiles:
        if isinstance(profile, DirectorProfile) and profile.standby == "synced":
            yield lost(
                profile.name,
                "there is a standby, and files that hold the VIPs from boot on do not ask which"
                " director is the active one: with them on both, both answer",
                "leave the VIPs to keepalived: lvsdr export keepalived",
                seen=True,
            )
