"""Profile → desired objects, for a director and for a real server."""

from __future__ import annotations

from lvsdr.model.objects import Objects
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.survey import Survey
from lvsdr.roles import director, realserver


def desired(profile: Profile, survey: Survey) -> Objects:
    """Return what `profile` asks for on the host that `survey` describes.

    Raises CannotRun where the host cannot be what the profile says.
    """
    if isinstance(profile, DirectorProfile):
        return director.desired(profile, survey)
    return realserver.desired(profile, survey)
