"""`lvsdr check` and `lvsdr schema`: for where profiles are written, without a kernel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.argument_types import InterfaceType
from lvsdr.cli.options import output_option
from lvsdr.cli.session import Session
from lvsdr.render.results import Checked

if TYPE_CHECKING:
    from lvsdr.model.address import IPInterface


@click.command()
@click.argument(
    "profiles", metavar="PROFILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--dip", metavar="ADDRESS/PREFIX", type=InterfaceType(), help="The director's own address."
)
@output_option(Checked)
@click.pass_obj
def check(session: Session, profiles: tuple[Path, ...], dip: IPInterface | None) -> int:
    """Check profiles, alone and against each other.

    Needs no privilege and asks no kernel: this is for the machine where profiles are written.
    """
    from lvsdr.model.finding import ERROR
    from lvsdr.profile.reader import read
    from lvsdr.rules.profiles.crosscheck import disagreements

    known = {path: read(path) for path in profiles}
    found = disagreements(list(known.values()), dip)
    session.show(Checked(known, found))
    return 1 if any(finding.severity == ERROR for finding in found) else 0


@click.command()
@click.argument("role", type=click.Choice(["director", "realserver"]))
@click.pass_obj
def schema(session: Session, role: str) -> None:
    """Print the JSON Schema (draft-07) of a role's profile."""
    import json

    from lvsdr.profile import schema as schemas

    session.write([json.dumps(schemas.document(role), indent=2)])
