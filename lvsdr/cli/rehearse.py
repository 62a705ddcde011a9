"""`lvsdr rehearse`: the two profiles on a cluster that is thrown away."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import output_option
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.model.step import Step

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("director", type=PATH)
@click.argument("realserver", type=PATH)
@output_option("text", "json")
@click.pass_obj
def rehearse(session: Session, director: Path, realserver: Path) -> int:
    """Try two profiles on a throw-away cluster.

    Builds one host for each RIP, applies the profiles, sends requests, shows who served and who
    answered ARP, withdraws, and shows that every host is as it was. Nothing of this host changes.

    Runs on this host's own kernel for root where it has IPVS, else inside User-Mode Linux.
    """
    from lvsdr.lab import kernel

    if not kernel.fits():
        return _in_a_kernel_of_its_own(session, director, realserver)
    from lvsdr.lab.rehearse import rehearse as steps
    from lvsdr.render import documents, text

    done = []
    for step in steps(director, realserver):
        done.append(step)
        if session.output == "text":
            session.show(text=partial(text.rehearsed, step))
    session.show(text=lambda: [_verdict(done)], json=lambda: documents.rehearsed(done))
    return 0 if all(step.ok for step in done) else 1


def _in_a_kernel_of_its_own(session: Session, director: Path, realserver: Path) -> int:
    from lvsdr.lab import kernel, uml
    from lvsdr.reader import read

    for path, role in ((director, "director"), (realserver, "realserver")):
        read(path, role)
    kernel.require_uml()
    again = [str(director.absolute()), str(realserver.absolute()), "--format", session.output]
    return uml.run([sys.executable, "-m", "lvsdr", "rehearse", *again], environment=os.environ)


def _verdict(done: list[Step]) -> str:
    failed = [step.title for step in done if not step.ok]
    return f"rehearsed: FAILED: {', '.join(failed)}" if failed else "rehearsed: all went well"
