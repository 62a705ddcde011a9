"""What of a director is no part of the IPVS table, for files that hold the table alone."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.change import Change
from lvsdr.model.exported import Exporting, lost
from lvsdr.model.finding import Finding
from lvsdr.model.ipvs import Service
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.objects import Object, Sysctl
from lvsdr.model.profile import DirectorProfile
from lvsdr.render.shell_commands import plan

LINKS = "lvsdr export networkd, ifupdown, netplan or networkmanager"


def directors(host: Exporting) -> Iterator[DirectorProfile]:
    """Yield the profiles, which are directors' where a format holds the table."""
    for each in host.profiles:
        assert isinstance(each, DirectorProfile), "the command refuses others"
        yield each


def not_of_the_table(
    host: Exporting, program: str, *, holds_vips: bool = False
) -> Iterator[Finding]:
    """Yield what a file of `program` does not hold beside the table."""
    for profile in directors(host):
        if profile.labelled_vips and not holds_vips:
            yield lost(profile.name, f"{program} does not hold the VIPs", LINKS)
        if profile.on_change:
            yield lost(
                profile.name,
                f"{program} calls no on_change when a real server goes or comes back",
            )
    if any(isinstance(each, Sysctl) for each in host.objects):
        yield lost("net/ipv4/vs", f"{program} sets no sysctl of IPVS", "lvsdr export sysctl.d")


def settings_typed(
    objects: list[Timeout] | list[SyncDaemon], program: str, what: str
) -> Iterator[Finding]:
    """Yield settings that a file cannot hold, with the commands that set them."""
    if objects:
        commands = "; ".join(plan(tuple(_new(each) for each in objects)))
        yield lost("ipvs", f"{program} sets no {what}", f"typed after it has started: {commands}")


def checks_lost(profile: DirectorProfile, program: str) -> Iterator[Finding]:
    """Yield each service whose checks, or whose sorry server, a program without checks loses."""
    for server in profile.virtual_servers:
        service = server.service
        if profile.health_of(service) is not None:
            yield lost(
                str(service),
                f"{program} checks no real server: one that dies goes on to be sent connections",
                seen=True,
            )
    for each in profile.sorry_servers:
        yield lost(
            str(each.service),
            f"{program} has no sorry server: {each.place} would never be sent a connection",
            seen=True,
        )


def unsayable(service: Service, program: str, what: str) -> Finding:
    """Return the finding that a service would be spread in another way, or is left out."""
    return lost(str(service), f"{program} cannot say it: {what}", seen=True)


def _new(item: Object) -> Change:
    return Change(None, item)
