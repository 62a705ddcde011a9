"""`verify`: of a director, of a real server, and of a segment on any host of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli import director_state
from lvsdr.cli.director_verbs import director_profile
from lvsdr.cli.options import (
    dip_option,
    nagios_option,
    netns_option,
    output_option,
    profile_argument,
    rate_option,
    requests_option,
    seconds_option,
    trust_option,
)
from lvsdr.cli.role_verbs import read_profile
from lvsdr.cli.session import Session
from lvsdr.cli.verdicts import director_verdict, realserver_verdict, segment_verdict, verified
from lvsdr.render.results import Verified

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.proof.verification import Verdict


@click.command("verify")
@profile_argument("director")
@output_option(Verified)
@nagios_option
@netns_option
@trust_option
@seconds_option
@rate_option
@click.option("--no-paths", is_flag=True, help="Do not probe the real servers.")
@click.pass_obj
def verify_director(session: Session, profile: Path, no_paths: bool) -> int:
    """Prove that this is the director, and that real servers serve.

    It must be as the profile says, and it alone may answer for the VIPs: the segment is asked. And
    each real server must serve what the director sends it: a probe takes the way of a request. What
    clients send meanwhile must reach IPVS, and answers must reach them, as connections show.

    Where keepalived says BACKUP or FAULT it must be as a standby is, and another host the director.
    """
    wanted = director_profile(session, profile)
    state = director_state.standby(session, profile, wanted)
    verdict = director_verdict(session, wanted, state, paths=not no_paths)
    return _show(session, verdict, state)


@click.command("verify")
@profile_argument("realserver")
@output_option(Verified)
@nagios_option
@netns_option
@trust_option
@click.pass_obj
def verify_realserver(session: Session, profile: Path) -> int:
    """Prove that this host is silent.

    It must be as the profile says, and its effective ARP settings must keep it from answering for
    the VIPs, and from asking in their name.

    With --netns, the host of that container must not answer for it, nor lose its packets.
    """
    from lvsdr.model.profile import RealServerProfile

    wanted = read_profile(session, profile, "realserver")
    assert isinstance(wanted, RealServerProfile), "read() holds it to its role"
    return _show(session, realserver_verdict(session, wanted))


@click.command("verify")
@profile_argument()
@click.option("--interface", metavar="LINK", help="The link to ask on.")
@output_option(Verified)
@nagios_option
@netns_option
@seconds_option
@rate_option
@dip_option
@requests_option
@click.option("--no-services", is_flag=True, help="Do not ask the services.")
@click.pass_obj
def verify_segment(
    session: Session,
    profile: Path,
    interface: str | None,
    dips: tuple[IPAddress, ...],
    no_services: bool,
) -> int:
    """Ask the segment who answers for the VIPs, and who serves.

    Runs on any host of the segment, and needs a director's or a real server's PROFILE. A director's
    tells which real server an answer comes from. Where this host itself sends packets for a VIP on
    to a guest or through a tunnel, one is sent, and must not come back.

    A director's services are asked as a client does: on a third host by first packets that open no
    connection, beyond the gateway by connections alone.
    """
    from lvsdr.profile.reader import read

    verdict = segment_verdict(session, read(profile), interface, dips, services=not no_services)
    return _show(session, verdict)


def _show(session: Session, verdict: Verdict, standby: str = "") -> int:
    """Print a verdict and return its exit code."""
    result = verified(verdict, standby)
    if session.nagios:
        from lvsdr.render import nagios_output

        session.write(nagios_output.verified(result))
        return nagios_output.code_of(result)
    session.show(result)
    return 0 if verdict.ok else 1
