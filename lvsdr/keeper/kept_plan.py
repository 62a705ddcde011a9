"""What is between a host and the profile that is kept on it."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.planned_situations import plan_apply, plan_standby
from lvsdr.core.situation import Situation
from lvsdr.keeper.kept_profile import State
from lvsdr.model.address import IPInterface
from lvsdr.model.host import Host
from lvsdr.model.profile import DirectorProfile, Profile


def planned(  # noqa: PLR0913, PLR0917 - what is wanted where, and what is known of it already
    profile: Profile,
    state: State,
    kernel: Kernel,
    book: Book,
    beside: DirectorProfile | None,
    host: Host | None = None,
) -> Situation:
    """Return what is between this host and what is kept of `profile`; touch nothing.

    `beside` is the director's profile on a host that is both; with `host`, what was read of this
    host, it is not read again. Raises CannotRun and ProfileError.
    """
    if state is State.STANDBY:
        assert isinstance(profile, DirectorProfile), "of others nobody says so"
        return plan_standby(profile, kernel, book)
    return plan_apply(profile, kernel, book, beside, host=host)


def stray_vips(profile: Profile, host: Host) -> list[tuple[str, IPInterface]]:
    """Return the VIPs of a real server that are on a link which answers for them."""
    return [] if isinstance(profile, DirectorProfile) else list(_on_speaking_links(profile, host))


def _on_speaking_links(profile: Profile, host: Host) -> Iterator[tuple[str, IPInterface]]:
    for each in host.addresses:
        if each.ip.ip in profile.vips and host.speaks_arp(each.link):
            yield each.link, each.ip
