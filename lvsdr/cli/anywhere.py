"""Commands that belong to no role: check, verify on any host, schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lvsdr.cli.options import netns_option, output_option, profile_argument, seconds_option
from lvsdr.cli.role import show_verdict
from lvsdr.cli.session import Session


@click.command()
@click.argument("profiles", metavar="PROFILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option("text", "json")
@click.pass_obj
def check(session: Session, profiles: tuple[Path, ...]) -> int:
    """Check profiles, each by itself and several against each other; asks no kernel."""
    from lvsdr.crosscheck import disagreements
    from lvsdr.reader import read
    from lvsdr.render import documents, text

    read_in = [read(path) for path in profiles]
    found = disagreements(read_in)
    session.show(
        text=lambda: [
            *text.disagreements(found),
            *(f"{path}: a {item.role} profile called {item.name}" for path, item in zip(profiles, read_in, strict=True)),
        ],
        json=lambda: documents.checked(profiles, read_in, found),
    )
    return 1 if found else 0


@click.command()
@profile_argument()
@click.option("--interface", metavar="LINK", help="The link to ask on.")
@output_option("text", "json")
@netns_option
@seconds_option
@click.pass_obj
def verify(session: Session, profile: Path, interface: str | None) -> int:
    """Ask the segment, from any host on it, who answers for the VIPs of PROFILE."""
    from lvsdr import verification
    from lvsdr.reader import read

    wanted = read(profile)
    with session.kernel() as kernel:
        verdict = verification.segment(wanted, kernel, session.ask, interface)
    return show_verdict(session, verdict)


@click.command()
@click.argument("role", type=click.Choice(["director", "realserver"]))
def schema(role: str) -> None:
    """Print the JSON Schema (draft-07) of a role's profile."""
    from lvsdr import schema as schemas

    click.echo(json.dumps(schemas.document(role), indent=2))
