"""A host that asks itself for a VIP: what neither role can spread over the real servers."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.profile import DirectorProfile, Profile


def of_itself(profile: Profile, host: Host) -> Iterator[Finding]:
    """Yield the VIPs to which this host itself has connections, or had a minute ago.

    For the kernel a VIP is an address of this host: the request does not leave it.
    """
    for vip in profile.vips:
        if vip in host.asked_by_itself:
            yield Finding(
                "SELF-CLIENT",
                WARNING,
                str(vip),
                f"a program of this host asks for {vip}: {_leads(profile)}",
                look=f"the program: ss -Htanp dst {vip}",
                vip=vip,
            )


def _leads(profile: Profile) -> str:
    if isinstance(profile, DirectorProfile):
        return "what a real server answers to a VIP arrives nowhere, so that the program waits"
    return "this host answers itself, and the director has no part in it"
