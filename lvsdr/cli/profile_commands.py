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
    from lvsdr.model.profile import Profile


@click.command()
@click.argument(
    "profiles", metavar="PROFILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--dip",
    "dips",
    metavar="ADDRESS/PREFIX",
    type=InterfaceType(),
    multiple=True,
    help="The director's own address; once for each of its links.",
)
@output_option(Checked)
@click.pass_obj
def check(session: Session, profiles: tuple[Path, ...], dips: tuple[IPInterface, ...]) -> int:
    """Check profiles, alone and against each other.

    Needs no privilege and asks no kernel: this is for the machine where profiles are written.
    """
    from lvsdr.model.finding import ERROR
    from lvsdr.rules.profiles.crosscheck import disagreements
    from lvsdr.rules.profiles.schedulers import scheduler_findings

    known = _read_all(profiles)
    session.doing = "comparing the profiles"
    found = [
        *scheduler_findings(list(known.values())),
        *disagreements(list(known.values()), dips),
    ]
    session.show(Checked(known, found))
    return 1 if any(finding.severity == ERROR for finding in found) else 0


def _read_all(paths: tuple[Path, ...]) -> dict[Path, Profile]:
    """Return the profiles; raise ProfileError, once all files are read, with every mistake."""
    from lvsdr.errors import ProfileError
    from lvsdr.profile.reader.every_mistake import read_all

    known: dict[Path, Profile] = {}
    wrong: list[ProfileError] = []
    for path in paths:
        try:
            profile, mistakes = read_all(path)
        except ProfileError as error:
            profile, mistakes = None, [error]
        wrong += mistakes
        if profile is not None:
            known[path] = profile
    if wrong:
        first = wrong[0]
        first.others = wrong[1:]
        raise first
    return known


@click.command()
@click.argument("role", type=click.Choice(["director", "realserver"]))
@click.pass_obj
def schema(session: Session, role: str) -> None:
    """Print the JSON Schema (draft-07) of a role's profile."""
    import json

    from lvsdr.profile import schema as schemas

    session.write([json.dumps(schemas.document(role), indent=2)])
