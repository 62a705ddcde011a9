"""The commands that a director and a real server have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import (
    lock_option,
    netns_option,
    output_option,
    profile_argument,
    seconds_option,
)
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.model.profile import Profile
    from lvsdr.verification import Verdict


def group(role: str, help_text: str) -> click.Group:
    """Return the command group of one role."""
    commands = click.Group(role, help=help_text)
    for command in (_plan(role), _apply(role), _status(role), _verify(role), _withdraw(role)):
        commands.add_command(command)
    return commands


@click.command()
@profile_argument("director")
@output_option("text", "json")
@netns_option
@click.pass_obj
def announce(session: Session, profile: Path) -> int:
    """Tell the segment that the VIPs are here.

    Sends gratuitous ARP in both forms, and unsolicited neighbour advertisements: what turns back
    the caches that a real server has poisoned. `apply` does it by itself for a new VIP.
    """
    from lvsdr import workflow
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.render import documents, text

    wanted = _read(profile, "director")
    assert isinstance(wanted, DirectorProfile), "read() holds it to its role"
    with session.kernel() as kernel:
        vips = workflow.announce(wanted, kernel, session.announcer)
    session.show(text=lambda: text.announced(vips), json=lambda: documents.announced(vips))
    return 0


def show_verdict(session: Session, verdict: Verdict) -> int:
    """Print a verdict and return its exit code."""
    from lvsdr.render import documents, text

    names = dict(verdict.names or {})
    session.show(
        text=lambda: [
            *text.answers(verdict.heard, names),
            *text.findings(verdict.findings),
            *(["verified: no findings"] if not verdict.findings else []),
        ],
        json=lambda: documents.verified(verdict.findings, verdict.heard, names),
    )
    return 0 if verdict.ok else 1


def _plan(role: str) -> click.Command:
    @click.command("plan")
    @profile_argument(role)
    @output_option("text", "json", "commands")
    @netns_option
    @click.pass_obj
    def plan(session: Session, profile: Path) -> int:
        """Show what apply would change; exit 1 if anything."""
        from lvsdr import workflow
        from lvsdr.render import commands, documents, text

        wanted = _read(profile, role)
        with session.kernel() as kernel:
            situation = workflow.consider(wanted, kernel, session.book())
        session.tell(situation.record.notes)
        todo = situation.todo
        session.show(
            text=lambda: text.plan(todo),
            json=lambda: documents.plan(todo),
            commands=lambda: commands.plan(todo),
        )
        return 1 if todo else 0

    return plan


def _apply(role: str) -> click.Command:
    @click.command("apply")
    @profile_argument(role)
    @output_option("text", "json")
    @netns_option
    @lock_option
    @click.pass_obj
    def apply(session: Session, profile: Path) -> int:
        """Make this host what the profile says, or leave it as it was."""
        from lvsdr import workflow
        from lvsdr.render import documents, text

        wanted, book = _read(profile, role), session.book()
        with book.locked(session.lock_timeout), session.kernel() as kernel:
            situation = workflow.apply(wanted, kernel, book, session.announcer)
        session.tell(situation.record.notes)
        done = situation.todo
        announced = workflow.new_vips(done) if role == "director" else ()
        session.show(
            text=lambda: text.applied(done, announced),
            json=lambda: documents.applied(done, announced),
        )
        return 0

    return apply


def _status(role: str) -> click.Command:
    @click.command("status")
    @profile_argument(role)
    @output_option("text", "json", "commands")
    @netns_option
    @click.pass_obj
    def status(session: Session, profile: Path) -> int:
        """Show each object as it is; exit 1 if any differs."""
        from lvsdr import workflow
        from lvsdr.render import commands, documents, state, text

        wanted = _read(profile, role)
        with session.kernel() as kernel:
            situation = workflow.consider(wanted, kernel, session.book())
        session.tell(situation.record.notes)
        rows = list(state.rows(situation.desired, situation.observed))
        session.show(
            text=lambda: text.status(rows),
            json=lambda: documents.status(rows),
            commands=lambda: commands.status(row.seen for row in rows if row.seen),
        )
        return 1 if situation.todo else 0

    return status


def _verify(role: str) -> click.Command:
    @click.command("verify")
    @profile_argument(role)
    @output_option("text", "json")
    @netns_option
    # A real server looks at itself, and asks nobody.
    @(seconds_option if role == "director" else lambda command: command)
    @click.pass_obj
    def verify(session: Session, profile: Path) -> int:
        """Prove that this host is right.

        It must be as the profile says. A director asks the segment as well: it alone may answer
        for the VIPs. A real server's effective ARP settings must keep it silent.
        """
        from lvsdr import verification
        from lvsdr.model.profile import DirectorProfile

        wanted, book = _read(profile, role), session.book()
        with session.kernel() as kernel:
            if isinstance(wanted, DirectorProfile):
                verdict = verification.director(wanted, kernel, book, session.ask)
            else:
                verdict = verification.realserver(wanted, kernel, book)
        return show_verdict(session, verdict)

    return verify


def _withdraw(role: str) -> click.Command:
    @click.command("withdraw")
    @profile_argument(role)
    @output_option("text", "json")
    @netns_option
    @lock_option
    @click.pass_obj
    def withdraw(session: Session, profile: Path) -> int:
        """Give back exactly what was there before the first apply."""
        from lvsdr import workflow
        from lvsdr.render import documents, text

        wanted, book = _read(profile, role), session.book()
        with book.locked(session.lock_timeout), session.kernel() as kernel:
            situation = workflow.withdraw(wanted, kernel, book)
        session.tell(situation.record.notes)
        done = situation.todo
        session.show(text=lambda: text.applied(done, ()), json=lambda: documents.applied(done, ()))
        return 0

    return withdraw


def _read(path: Path, role: str) -> Profile:
    from lvsdr.reader import read

    return read(path, role)
