"""Verifying on a host that is not of the segment: whether the services answer it."""

from __future__ import annotations

from lvsdr.errors import CannotRun
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.proof.service_requests import Connect, ask_from_beyond
from lvsdr.proof.verification import Verdict
from lvsdr.rules.paths.service_findings import service_findings
from lvsdr.rules.segment.mac_owners import MacOwners


def host_beyond(profile: Profile, times: int, connect: Connect) -> Verdict:
    """Return whether the services answer a host that is not of their segment."""
    if not isinstance(profile, DirectorProfile):
        raise CannotRun(
            "cannot verify a real server from here: no link of this host is on the segment of its"
            " VIPs, and its profile names no services",
            hints=["on a host of the segment, or with a director's PROFILE: lvsdr verify PROFILE"],
        )
    proofs = ask_from_beyond(profile, times, connect)
    found = tuple(service_findings(proofs, MacOwners()))
    return Verdict(found, services=proofs, client="beyond")
