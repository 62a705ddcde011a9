"""`lvsdr rehearse`: the two profiles on a cluster that is thrown away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import output_option
from lvsdr.cli.session import Session
from lvsdr.render.results import Rehearsed, Scenarios, StepDone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lvsdr.model.rehearsal_step import Step

PATH = click.Path(path_type=Path)
USAGE = "give a director's and a real server's profile, or --scenario NAME, or --list"


@click.command()
@click.argument("director", type=PATH, required=False)
@click.argument("realserver", type=PATH, required=False)
@click.option("--list", "listed", is_flag=True, help="Print the scenarios that --scenario takes.")
@click.option("--scenario", metavar="NAME", help="Rehearse this scenario instead of profiles.")
@output_option(Rehearsed)
@click.pass_obj
def rehearse(
    session: Session,
    director: Path | None,
    realserver: Path | None,
    *,
    listed: bool,
    scenario: str | None,
) -> int:
    """Try two profiles on a throw-away cluster.

    Builds one host for each RIP, applies the profiles, sends requests, shows who served and who
    answered ARP, withdraws, and shows that every host is as it was. Nothing of this host changes.

    With --scenario, shows a machine that the ARP problem lives on: the trouble without lvsdr, and
    that it is gone with it.

    Runs on this host's own kernel for root where it has IPVS, else inside User-Mode Linux.
    """
    if [listed, scenario is not None, director is not None].count(True) != 1:
        raise click.UsageError(USAGE)
    if listed:
        return _list(session)
    if scenario is not None:
        return _scenario(session, scenario)
    if director is None or realserver is None:
        raise click.UsageError(USAGE)
    return _profiles(session, director, realserver)


def _list(session: Session) -> int:
    from lvsdr.lab.scenarios import SCENARIOS

    session.show(Scenarios({name: item.summary for name, item in SCENARIOS.items()}))
    return 0


def _scenario(session: Session, name: str) -> int:
    from lvsdr.lab import kernel_choice
    from lvsdr.lab.scenarios import SCENARIOS

    if name not in SCENARIOS:
        raise click.UsageError(f"no scenario {name!r}; lvsdr rehearse --list shows those there are")
    if not kernel_choice.this_kernel_fits():
        return _in_a_kernel_of_its_own(session, "--scenario", name)
    from lvsdr.lab.scenario_play import play
    from lvsdr.lab.scenario_stage import build_stage

    with build_stage(SCENARIOS[name]) as built:
        return _told(session, play(built))


def _profiles(session: Session, director: Path, realserver: Path) -> int:
    from lvsdr.lab import kernel_choice
    from lvsdr.profile.reader import read

    if not kernel_choice.this_kernel_fits():
        for path, role in ((director, "director"), (realserver, "realserver")):
            read(path, role)
        return _in_a_kernel_of_its_own(
            session, str(director.absolute()), str(realserver.absolute())
        )
    from lvsdr.lab.rehearsal import rehearse as steps

    return _told(session, steps(director, realserver))


def _told(session: Session, steps: Iterator[Step]) -> int:
    done = []
    for step in steps:
        done.append(step)
        session.show_progress(StepDone(step))
    session.show(Rehearsed(done))
    return 0 if all(step.ok for step in done) else 1


def _in_a_kernel_of_its_own(session: Session, *arguments: str) -> int:
    from lvsdr.lab import kernel_choice, uml
    from lvsdr.lab.lvsdr_command import lvsdr_command

    kernel_choice.require_uml()
    again = [*arguments, "--format", session.output]
    session.doing = "starting a kernel of its own"
    command = lvsdr_command("rehearse", *again)
    return uml.run(command, environment=os.environ, heard=session.at_rest)
