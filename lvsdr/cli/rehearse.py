"""`lvsdr rehearse`: the two profiles on a cluster that is thrown away."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import output_option
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.lab.rehearse import Step

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("director", type=PATH)
@click.argument("realserver", type=PATH)
@output_option("text", "json")
@click.pass_obj
def rehearse(session: Session, director: Path, realserver: Path) -> int:
    """Rehearse two profiles on a throw-away cluster, on a real kernel.

    Builds one host for each RIP, applies the profiles, sends requests, shows who served and who
    answered ARP, withdraws, and shows that every host is as it was. Nothing of this host changes.
    """
    from lvsdr.lab import kernel

    if not kernel.fits():
        return _in_a_kernel_of_its_own(session, director, realserver)
    from lvsdr.lab.rehearse import rehearse as steps
    from lvsdr.render import documents

    done = []
    for step in steps(director, realserver):
        done.append(step)
        if session.output == "text":
            session.show(text=lambda step=step: _lines(step))
    ok = all(step.ok for step in done)
    if session.output == "json":
        session.show(json=lambda: documents.rehearsed(ok, done))
    else:
        click.echo("rehearsed: all went well" if ok else "rehearsed: FAILED")
    return 0 if ok else 1


def _in_a_kernel_of_its_own(session: Session, director: Path, realserver: Path) -> int:
    from lvsdr.lab import kernel, uml
    from lvsdr.reader import read

    for path, role in ((director, "director"), (realserver, "realserver")):
        read(path, role)
    kernel.require_uml()
    again = [str(director.absolute()), str(realserver.absolute()), "--format", session.output]
    return uml.run([sys.executable, "-m", "lvsdr", "rehearse", *again], environment=os.environ)


def _lines(step: Step) -> list[str]:
    return [f"{'ok  ' if step.ok else 'FAIL'} {step.title}", *(f"       {seen}" for seen in step.seen)]
