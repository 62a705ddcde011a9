"""What differs from the profile, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.change import Change, Plan
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address
from lvsdr.model.profile import DirectorProfile, Profile, command


def drift(profile: Profile, todo: Plan) -> Iterator[Finding]:
    """Yield a finding for each change that the profile would need."""
    for change in todo:
        yield Finding(
            "DRIFT",
            ERROR,
            str(change.subject),
            f"{change.subject.noun} {change.subject} {_how(change)}",
            command(profile, "apply"),
            vip=change.subject.ip.ip if isinstance(change.subject, Address) else None,
            rip=change.subject.rip if isinstance(change.subject, RealServer) else None,
        )


def standby_drift(profile: DirectorProfile, todo: Plan) -> Iterator[Finding]:
    """Yield a finding for each change that a director that stands by would need.

    A VIP goes from it last: until the director has announced the VIP, packets still come here.
    """
    stand_by = command(profile, "apply --standby")
    for found in drift(profile, todo):
        if found.vip is None:
            yield replace(found, hint=stand_by)
        else:
            first = "lvsdr director announce"
            yield replace(found, hint=first, on="the director", look=f"then here: {stand_by}")


def _how(change: Change) -> str:
    if change.sign == "+" or change.before is None:
        return "is missing"
    if change.sign == "-":
        return "is there, and the profile no longer wants it"
    return f"differs: it is {change.before.detail}"
