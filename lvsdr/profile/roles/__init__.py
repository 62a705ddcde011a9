"""Profile → desired objects, for a director and for a real server."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.host import Host
from lvsdr.model.objects import Key, Objects
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile.roles import director, realserver
from lvsdr.profile.roles.director import standby

__all__ = ["desired", "footprint", "must_be_absent", "standby"]


def desired(profile: Profile, host: Host) -> Objects:
    """Return what `profile` asks for on the host that `host` describes.

    Raises CannotRun where the host cannot be what the profile says.
    """
    if isinstance(profile, DirectorProfile):
        return director.desired(profile, host)
    return realserver.desired(profile, host)


def footprint(profile: Profile) -> Objects:
    """Return what a profile leaves on any host, whatever it is like: all but settings."""
    if isinstance(profile, DirectorProfile):
        return director.footprint(profile)
    return realserver.footprint(profile)


def must_be_absent(profile: Profile, wanted: Objects) -> Iterator[Key]:
    """Yield the keys of what must not be there beside `wanted`, whoever has put it there."""
    if isinstance(profile, DirectorProfile):
        yield from director.must_be_absent(profile, wanted)
