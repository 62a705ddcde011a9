"""The commands that a director and a real server have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli import container
from lvsdr.cli.options import (
    lock_option,
    netns_option,
    output_option,
    profile_argument,
    rate_option,
    seconds_option,
    trust_option,
)
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.model.profile import Profile
    from lvsdr.proof.verification import Verdict


def group(role: str, help_text: str) -> click.Group:
    """Return the command group of one role."""
    commands = click.Group(role, help=help_text)
    verify = verify_director if role == "director" else verify_realserver
    shown = () if role == "director" else (status_realserver,)
    for command in (_plan(role), _apply(role), *shown, verify, _withdraw(role)):
        commands.add_command(command)
    return commands


@click.command()
@profile_argument("director")
@output_option("text", "json")
@netns_option
@trust_option
@click.option(
    "--count",
    metavar="TIMES",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How often to tell it.",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=0.1,
    show_default=True,
    help="How long after one another.",
)
@click.pass_obj
def announce(session: Session, profile: Path, count: int, interval: float) -> int:
    """Tell the segment that the VIPs are here.

    Sends gratuitous ARP in both forms, and unsolicited neighbour advertisements: what turns back
    the caches that a real server has poisoned. `apply` does it by itself for a new VIP.
    """
    from lvsdr.core import workflow
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.render import json_documents, text

    wanted = read_profile(session, profile, "director")
    assert isinstance(wanted, DirectorProfile), "read() holds it to its role"
    with session.kernel() as kernel:
        vips = workflow.announce(wanted, kernel, session.announcer, count, interval)
    session.show(text=lambda: text.announced(vips), json=lambda: json_documents.announced(vips))
    return 0


def show_verdict(session: Session, verdict: Verdict) -> int:
    """Print a verdict and return its exit code."""
    from lvsdr.render import json_documents, path_lines, text

    names = dict(verdict.names or {})
    session.show(
        text=lambda: [
            *text.answers(verdict.heard, names),
            *path_lines.lines(verdict.paths),
            *text.findings(verdict.findings),
            *(["verified: no findings"] if not verdict.findings else []),
        ],
        json=lambda: json_documents.verified(verdict.findings, verdict.heard, names, verdict.paths),
    )
    return 0 if verdict.ok else 1


def _plan(role: str) -> click.Command:
    @click.command("plan")
    @profile_argument(role)
    @output_option("text", "json", "commands")
    @netns_option
    @trust_option
    @click.pass_obj
    def plan(session: Session, profile: Path) -> int:
        """Show what apply would change; exit 1 if anything."""
        from lvsdr import render
        from lvsdr.core.situation import plan_apply

        wanted = read_profile(session, profile, role)
        with session.kernel() as kernel:
            around = container.host_side(session, wanted, kernel)
            situation = plan_apply(wanted, kernel, session.book())
        session.tell((*situation.notes, *map(container.noted, around)))
        todo = situation.todo
        session.show(
            text=lambda: [*render.text.plan(todo), *render.text.drift(situation.drift)],
            json=lambda: render.json_documents.plan(todo, situation.drift),
            commands=lambda: render.commands.plan(todo),
        )
        return 1 if todo else 0

    return plan


def _apply(role: str) -> click.Command:
    @click.command("apply")
    @profile_argument(role)
    @output_option("text", "json")
    @netns_option
    @trust_option
    @lock_option
    @click.pass_obj
    def apply(session: Session, profile: Path) -> int:
        """Make this host what the profile says, or leave it as it was."""
        from lvsdr import render
        from lvsdr.core import workflow

        wanted, book = read_profile(session, profile, role), session.book()
        with book.locked(session.lock_timeout), session.kernel() as kernel:
            around = container.host_side(session, wanted, kernel)
            container.refuse_company(around)
            situation = workflow.apply(wanted, kernel, book, session.announcer)
        session.tell((*situation.notes, *map(container.noted, around)))
        done = situation.todo
        announced = workflow.new_vips(done) if role == "director" else ()
        session.show(
            text=lambda: render.text.applied(done, announced),
            json=lambda: render.json_documents.applied(done, announced),
        )
        return 0

    return apply


@click.command("status")
@profile_argument("realserver")
@output_option("text", "json", "commands")
@netns_option
@trust_option
@click.pass_obj
def status_realserver(session: Session, profile: Path) -> int:
    """Show each object as it is; exit 1 if any differs."""
    from lvsdr import render
    from lvsdr.core.situation import plan_apply
    from lvsdr.render import object_rows

    wanted = read_profile(session, profile, "realserver")
    with session.kernel() as kernel:
        situation = plan_apply(wanted, kernel, session.book())
    session.tell(situation.notes)
    rows = list(object_rows.rows(situation.desired, situation.observed))
    session.show(
        text=lambda: [*render.text.status(rows), *render.text.drift(situation.drift)],
        json=lambda: render.json_documents.status(rows, situation.drift),
        commands=lambda: render.commands.status(row.seen for row in rows if row.seen),
    )
    return 1 if situation.todo else 0


@click.command("verify")
@profile_argument("director")
@output_option("text", "json")
@netns_option
@trust_option
@seconds_option
@rate_option
@click.option("--no-paths", is_flag=True, help="Do not probe the real servers.")
@click.pass_obj
def verify_director(session: Session, profile: Path, no_paths: bool) -> int:
    """Prove that this host is the director, and that the real servers serve.

    It must be as the profile says, and it alone may answer for the VIPs: the segment is asked. And
    each real server must serve what the director sends it: a probe takes the way of a request.
    """
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.proof import verification

    wanted = read_profile(session, profile, "director")
    assert isinstance(wanted, DirectorProfile), "read() holds it to its role"
    probe = None if no_paths else session.probe
    with session.kernel() as kernel:
        around = container.host_side(session, wanted, kernel)
        verdict = verification.director(wanted, kernel, session.book(), session.ask, probe)
    return show_verdict(session, verdict.with_findings(around))


@click.command("verify")
@profile_argument("realserver")
@output_option("text", "json")
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
    from lvsdr.proof import verification

    wanted = read_profile(session, profile, "realserver")
    assert isinstance(wanted, RealServerProfile), "read() holds it to its role"
    with session.kernel() as kernel:
        around = container.host_side(session, wanted, kernel)
        verdict = verification.realserver(wanted, kernel, session.book())
    return show_verdict(session, verdict.with_findings(around))


def _withdraw(role: str) -> click.Command:
    @click.command("withdraw")
    @profile_argument(role)
    @output_option("text", "json")
    @netns_option
    @trust_option
    @lock_option
    @click.pass_obj
    def withdraw(session: Session, profile: Path) -> int:
        """Give back exactly what was there before the first apply."""
        from lvsdr import render
        from lvsdr.core import workflow

        wanted, book = read_profile(session, profile, role), session.book()
        with book.locked(session.lock_timeout), session.kernel() as kernel:
            situation = workflow.withdraw(wanted, kernel, book)
        session.tell(situation.notes)
        done = situation.todo
        session.show(
            text=lambda: render.text.applied(done, ()),
            json=lambda: render.json_documents.applied(done, ()),
        )
        return 0

    return withdraw


def read_profile(session: Session, path: Path, role: str) -> Profile:
    """Return the profile of a command; raises ProfileError."""
    from lvsdr.profile.reader import read

    # What root carries out is for root to decide.
    return read(path, role, guarded=os.geteuid() == 0 and not session.allow_insecure_profile)
