"""`lvsdr import`: profiles from what is there, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvsdr.cli.options import output_option, with_options
from lvsdr.cli.session import Session
from lvsdr.errors import ProfileError
from lvsdr.render.imported_profiles import ImportedProfiles

if TYPE_CHECKING:
    from lvsdr.model.finding import Finding
    from lvsdr.model.imported import Document, Imported

import_ = click.Group("import", help="Print the profiles that another tool's files mean.")

ROLE_OPTION = click.option(
    "--role",
    type=click.Choice(["director", "realserver"]),
    help="The profile of this role alone, so that what is printed is one.",
)
COMMON = (
    click.option(
        "--out",
        "folder",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Write the profiles into this folder, never over a file.",
    ),
    ROLE_OPTION,
    click.option(
        "--interface", metavar="LINK", default="", help="The director's link, where it is not said."
    ),
    click.option(
        "--rs-interface",
        "realserver_interface",
        metavar="LINK",
        default="",
        help="The real servers' link, of which no file says a word.",
    ),
    output_option(ImportedProfiles),
)


def keepalived(session: Session, *, files: tuple[Path, ...], **said: Any) -> int:
    """Print the profiles that keepalived.conf means.

    What is wrong with it is said too. Several files are read as one, in that order; what they
    include is read as well.
    """
    return from_files(session, "keepalived", files, **said)


import_.command("keepalived")(
    with_options(
        keepalived,
        *COMMON,
        click.option("--host", metavar="ID", default="", help="Read the lines of this host (@ID)."),
        click.argument(
            "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
        ),
    )
)


def from_files(  # noqa: PLR0913 - as many options
    session: Session,
    source: str,
    files: tuple[Path, ...],
    *,
    folder: Path | None,
    role: str | None,
    interface: str,
    realserver_interface: str,
    host: str = "",
) -> int:
    """Import the files of a tool, show what they mean, and return the exit code."""
    from lvsdr.formats.import_sources import SOURCES
    from lvsdr.model.imported import Unsaid

    unsaid = Unsaid(interface, realserver_interface, host)
    session.doing = "reading the files"
    imported = SOURCES[source].read(files, unsaid)
    return show_imported(session, imported, role, folder)


def show_imported(
    session: Session, imported: Imported, role: str | None, folder: Path | None
) -> int:
    """Show or write what was imported once our own reader takes it; return the exit code.

    Raises ProfileError for what it does not take: nothing is shown or written then.
    """
    from lvsdr.core.new_files import new_files
    from lvsdr.model.exported import NewFile
    from lvsdr.model.finding import ERROR
    from lvsdr.render.profile_text import profile_lines

    documents = _of_role(imported, role, alone=folder is None and session.format.for_people)
    session.doing = "checking the profiles"
    findings = [*imported.findings, *_read_again(documents)]
    session.doing = "writing the profiles"
    written: list[Path] = []
    if folder is not None:
        named = documents.items()
        written = new_files(
            folder, [NewFile(it, tuple(profile_lines(each)), 0o640) for it, each in named]
        )
    if session.format.for_people:
        from lvsdr.render.text import findings as finding_lines

        session.complain(*finding_lines(findings))
    session.show(ImportedProfiles(documents, findings, written))
    return 1 if any(each.severity == ERROR for each in findings) else 0


def _of_role(imported: Imported, role: str | None, *, alone: bool) -> dict[str, Document]:
    """Return the profiles that are asked for; where one is to be printed, it has to be `alone`."""
    found = {
        name: each for name, each in imported.documents.items() if role in (None, each["role"])
    }
    if not found and role is not None:
        raise ProfileError(
            f"no profile of a {role} comes of it", hints=["leave out --role to see what does"]
        )
    if role is not None and alone and len(found) > 1:
        raise ProfileError(
            f"it takes {len(found)} profiles of a {role}, and one is printed: {', '.join(found)}",
            hints=["write all of them with --out DIR, or leave out --role"],
        )
    return found


def _read_again(documents: dict[str, Document]) -> list[Finding]:
    """Return what `lvsdr check` finds in the profiles; raise ProfileError as it does."""
    import json

    from lvsdr.profile.reader import profile_in
    from lvsdr.rules.profiles.crosscheck import disagreements
    from lvsdr.rules.profiles.schedulers import scheduler_findings

    profiles = [
        profile_in(json.dumps(each).encode(), Path(name), each["role"])
        for name, each in documents.items()
    ]
    return [*scheduler_findings(profiles), *disagreements(profiles)]
