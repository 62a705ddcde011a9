"""Commands that belong to no role: check, verify on any host, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.address_types import InterfaceType
from lvsdr.cli.options import (
    dip_option,
    netns_option,
    output_option,
    profile_argument,
    rate_option,
    seconds_option,
)
from lvsdr.cli.role import show_verdict
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress, IPInterface


@click.command()
@click.argument(
    "profiles", metavar="PROFILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--dip", metavar="ADDRESS/PREFIX", type=InterfaceType(), help="The director's own address."
)
@output_option("text", "json")
@click.pass_obj
def check(session: Session, profiles: tuple[Path, ...], dip: IPInterface | None) -> int:
    """Check profiles, alone and against each other.

    Needs no privilege and asks no kernel: this is for the machine where profiles are written.
    """
    from lvsdr.model.finding import ERROR
    from lvsdr.profile.reader import read
    from lvsdr.render import json_documents, text
    from lvsdr.rules.profiles.crosscheck import disagreements

    known = {path: read(path) for path in profiles}
    found = disagreements(list(known.values()), dip)
    session.show(
        text=lambda: [*text.checked(known), *text.findings(found)],
        json=lambda: json_documents.checked(known, found),
    )
    return 1 if any(finding.severity == ERROR for finding in found) else 0


@click.command()
@profile_argument()
@click.option("--interface", metavar="LINK", help="The link to ask on.")
@output_option("text", "json")
@netns_option
@seconds_option
@rate_option
@dip_option
@click.pass_obj
def verify(
    session: Session, profile: Path, interface: str | None, dips: tuple[IPAddress, ...]
) -> int:
    """Ask the segment who answers for the VIPs.

    Runs on any host of the segment, and needs a director's or a real server's PROFILE. A director's
    tells which real server an answer comes from. Where this host itself sends packets for a VIP on
    to a guest or through a tunnel, one is sent, and must not come back.
    """
    from lvsdr.profile.reader import read
    from lvsdr.proof import verification
    from lvsdr.proof.profile_segment import segment_of

    wanted = read(profile)
    with session.kernel() as kernel:
        segment = segment_of(wanted, kernel.read_host(), interface, dips)
        verdict = verification.any_host(segment, kernel, session.ask, session.follow)
    return show_verdict(session, verdict)


@click.command()
@click.argument("role", type=click.Choice(["director", "realserver"]))
@click.pass_obj
def schema(session: Session, role: str) -> None:
    """Print the JSON Schema (draft-07) of a role's profile."""
    import json

    from lvsdr.profile import schema as schemas

    session.show(text=lambda: [json.dumps(schemas.document(role), indent=2)])
