"""`lvsdr schema`: the JSON Schema of a role's profile."""

from __future__ import annotations

import click

from lvsdr.cli.session import Session


@click.command()
@click.argument("role", type=click.Choice(["director", "realserver"]))
@click.pass_obj
def schema(session: Session, role: str) -> None:
    """Print the JSON Schema (draft-07) of a role's profile."""
    import json

    from lvsdr.profile import schema as schemas

    session.write([json.dumps(schemas.document(role), indent=2)])
