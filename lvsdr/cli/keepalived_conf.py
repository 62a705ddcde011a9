"""`lvsdr keepalived check`: keepalived.conf judged."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import output_option
from lvsdr.cli.session import Session
from lvsdr.errors import ProfileError
from lvsdr.model.printable import printable
from lvsdr.render.keepalived_results import ConfFindings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lvsdr.formats.keepalived.configuration import Configuration
    from lvsdr.formats.keepalived.includes import Budget
    from lvsdr.formats.keepalived.reading import Reading
    from lvsdr.model.finding import Finding


@click.command()
@click.option(
    "--director",
    "director",
    metavar="PROFILE",
    type=click.Path(path_type=Path),
    help="The director's profile.",
)
@output_option(ConfFindings)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.pass_obj
def check(session: Session, *, director: Path | None, files: tuple[Path, ...]) -> int:
    """Judge keepalived.conf: what will bite beside lvsdr.

    Several files are those of one cluster; what they include is read too. Asks keepalived -t as
    well, where it is installed.
    """
    from lvsdr.formats.keepalived.includes import Budget
    from lvsdr.formats.keepalived.judge import findings
    from lvsdr.formats.keepalived.syntax_check import installed_version, said_by_keepalived
    from lvsdr.formats.keepalived.versions import NEWEST
    from lvsdr.model.finding import ERROR, SEVERITIES
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.profile.reader import read

    profile = None if director is None else read(director, "director")
    assert profile is None or isinstance(profile, DirectorProfile), "read() holds it to its role"
    budget = Budget()
    templates = {path: _template(path) for path in dict.fromkeys(files)}
    filled_in = [path for path, fault in templates.items() if fault is None]
    session.doing = "reading the configuration"
    read_in = [_read(path, budget) for path in filled_in]
    found = [fault for fault in templates.values() if fault is not None]
    if filled_in:
        session.doing = "asking keepalived"
        found += said_by_keepalived(filled_in, _in_use_here())
    session.doing = "judging the configuration"
    found += [each for it in read_in for each in it.findings]
    confs = [each for it in read_in for each in it.confs]
    leaving = _leaving(confs) if profile is None else ()
    found += findings(confs, profile, leaving, installed_version() or NEWEST)
    found.sort(key=lambda each: SEVERITIES.index(each.severity))
    session.show(ConfFindings(found))
    return 1 if any(each.severity == ERROR for each in found) else 0


def _leaving(confs: Sequence[Configuration]) -> set[str]:
    """Return the profiles, of those that hooks name, that leave the table to keepalived."""
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.profile.reader import read

    left = set()
    for name in {name for conf in confs for name in conf.profiles()}:
        # What cannot be read leaves nothing to anybody.
        with suppress(ProfileError):
            profile = read(Path(name), "director")
            if isinstance(profile, DirectorProfile) and not profile.writes_table:
                left.add(name)
    return left


def _in_use_here() -> set[Path]:
    """Return the files that this host's own keepalived runs with, or would at boot."""
    from lvsdr.formats.keepalived.conf_in_use import ROOT, in_use

    return {each.file.resolve() for each in in_use() if each.root == ROOT}


def _template(path: Path) -> Finding | None:
    """Return that a file is a template; None for one that cannot be read, which is told later."""
    from lvsdr.formats.bounded_file import text_of
    from lvsdr.formats.keepalived.templates import template_fault

    with suppress(OSError):
        return template_fault(text_of(path), str(path))
    return None


def _read(path: Path, budget: Budget) -> Reading:
    from lvsdr.formats.keepalived.reading import read_by_all

    try:
        return read_by_all(path, budget)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ProfileError(f"cannot read {printable(str(path))}: {reason}") from error
