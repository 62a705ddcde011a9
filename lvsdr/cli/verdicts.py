"""What a verify of this host finds, as a director or as a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.cli import container, director_state
from lvsdr.cli.session import Session
from lvsdr.render.results import Verified

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
    from lvsdr.proof.verification import Verdict


def director_verdict(
    session: Session, profile: DirectorProfile, standby: str, *, paths: bool = True
) -> Verdict:
    """Return what is found of a director, or of one on `standby`: BACKUP or FAULT, or empty."""
    from lvsdr.proof import verification

    probe = session.probe if paths else None
    with session.kernel() as kernel:
        around = (
            *container.host_side(session, profile, kernel),
            *director_state.vip_gateways(session, profile),
        )
        if standby:
            verdict = verification.standby(profile, kernel, session.book(), session.ask, probe)
        else:
            verdict = verification.director(
                profile, kernel, session.book(), session.ask, probe, hear=session.hear
            )
    verdict = container.typed_here(verdict, session.netns)
    return verdict.with_findings(around)


def segment_verdict(
    session: Session,
    profile: Profile,
    interface: str | None = None,
    dips: tuple[IPAddress, ...] = (),
    *,
    services: bool = True,
) -> Verdict:
    """Return what any host of the segment finds, or one beyond its gateway."""
    from lvsdr.cli.service_client import ServiceClient
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.proof import verification
    from lvsdr.proof.client_place import beyond_gateway
    from lvsdr.proof.host_beyond import host_beyond
    from lvsdr.proof.segment_hosts import packets, segment_of

    client = ServiceClient(session.probe_rate, session.bar)
    with session.kernel() as kernel:
        host = kernel.inspect(lambda seen: packets(profile, seen, interface), table=False)
        asked = services and interface is None
        if asked and beyond_gateway(profile, host, kernel, dips):
            return host_beyond(profile, session.requests, client.connections)
        segment = segment_of(profile, host, interface, dips)
        served = None
        if isinstance(profile, DirectorProfile) and services:
            served = profile, client.first_packets
        verdict = verification.any_host(
            segment, kernel, session.ask, session.follow, served, tell_apart=session.tell_apart
        )
    return container.typed_here(verdict, session.netns)


def verified(verdict: Verdict, standby: str = "") -> Verified:
    """Return a verdict as a result."""
    return Verified(
        verdict.findings,
        verdict.heard,
        verdict.names or {},
        verdict.paths,
        verdict.foreign,
        standby,
        verdict.services,
        verdict.client,
        verdict.notes,
    )


def realserver_verdict(session: Session, profile: RealServerProfile) -> Verdict:
    """Return what is found of a real server."""
    from lvsdr.proof import verification

    with session.kernel() as kernel:
        around = container.host_side(session, profile, kernel)
        verdict = verification.realserver(profile, kernel, session.book(), session.ask_hops)
    verdict = container.typed_here(verdict, session.netns)
    return verdict.with_findings(around)
