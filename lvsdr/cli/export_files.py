"""`lvsdr export`: files of other programs from profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import output_option
from lvsdr.cli.session import Session
from lvsdr.errors import ProfileError
from lvsdr.formats.export_formats import EXPORT_FORMATS
from lvsdr.render.exported_files import Exported

if TYPE_CHECKING:
    from lvsdr.model.exported import Beside, Exporting, NewFile
    from lvsdr.model.profile import Profile

# A file that sets up one link has a few hundred bytes.
LARGEST = 1 << 20


@click.command()
@click.argument("format_", metavar="FORMAT", type=click.Choice(list(EXPORT_FORMATS)))
@click.argument(
    "profiles", metavar="PROFILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--beside",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="networkd, networkmanager: the file that sets up a director's interface.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Write the files below this folder, as it were /; never over one that is there.",
)
@output_option(Exported)
@click.pass_obj
def export(
    session: Session,
    *,
    format_: str,
    profiles: tuple[Path, ...],
    beside: Path | None,
    out: Path | None,
) -> int:
    """Write the files of other programs that do what profiles say.

    FORMAT is keepalived, ldirectord or ipvsadm, for the IPVS table of directors; or networkd,
    networkmanager, netplan, ifupdown or sysctl.d, for VIPs and silence on ARP from boot on, without
    lvsdr. Several PROFILEs are those of one host. What a file cannot hold is said (EXPORT-LOST);
    exit 1 where clients would see it. Needs no privilege and asks no kernel.
    """
    from lvsdr.formats.alike_subjects import with_alike_subjects
    from lvsdr.model.exported import NewFile
    from lvsdr.model.finding import ERROR, Finding
    from lvsdr.render.text import findings

    writer, host = EXPORT_FORMATS[format_].writer(), _host(format_, profiles, beside)
    session.doing = "writing the files"
    made = list(writer.written(host))
    files = [each for each in made if isinstance(each, NewFile)]
    found = list(with_alike_subjects(each for each in made if isinstance(each, Finding)))
    result = Exported(files, found, None if out is None else _put(out, files))
    if session.format.for_people:
        said = findings(found)
        session.complain(*(line if line.startswith(" ") else f"lvsdr: {line}" for line in said))
        # As they are: cut to a terminal's width they would say something else.
        session.write(session.format.output().lines(result))
    else:
        session.show(result)
    return 1 if any(each.severity == ERROR for each in found) else 0


def _put(out: Path, files: list[NewFile]) -> list[Path]:
    from lvsdr.core.new_files import new_files

    return new_files(out, files)


def _host(format_: str, paths: tuple[Path, ...], beside: Path | None) -> Exporting:
    from lvsdr.model.exported import Exporting
    from lvsdr.model.objects import keyed
    from lvsdr.profile.reader import read
    from lvsdr.profile.usual_host import usual_objects

    role = "director" if EXPORT_FORMATS[format_].of_the_table else None
    profiles = tuple(read(path, role) for path in dict.fromkeys(paths))
    objects = keyed(each for profile in profiles for each in usual_objects(profile))
    return Exporting(profiles, list(objects.values()), _beside(format_, beside, profiles))


def _beside(format_: str, path: Path | None, profiles: tuple[Profile, ...]) -> Beside | None:
    if path is None:
        return None
    from lvsdr.model.exported import Beside

    if not EXPORT_FORMATS[format_].beside or not any(p.role == "director" for p in profiles):
        raise ProfileError(
            "cannot use --beside: it is for VIPs of a director, in networkd or networkmanager",
            hints=["leave out --beside"],
        )
    # Of networkd it is the name alone that counts; the file may be on another host.
    text = _text(path) if format_ == "networkmanager" else ""
    return Beside(str(path), text)


def _text(path: Path) -> str:
    from lvsdr.model.printable import printable

    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "no UTF-8").lower()
        raise ProfileError(f"cannot read {printable(str(path))}: {reason}") from error
