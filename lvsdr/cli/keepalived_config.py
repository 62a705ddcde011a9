"""`lvsdr keepalived config`: keepalived.conf written for a profile."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.keepalived import director_option, realserver_option
from lvsdr.cli.keepalived_hook import roles_of
from lvsdr.cli.options import address_of, trust_option
from lvsdr.cli.program_folders import checked_from_their_folders, in_its_folder
from lvsdr.cli.session import Session
from lvsdr.errors import CannotRun, ProfileError
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.printable import printable

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress


def _address(_: object, __: object, text: str | None) -> IPAddress | None:
    return None if text is None else address_of(text)


def _addresses(_: object, __: object, texts: tuple[str, ...]) -> tuple[IPAddress, ...]:
    return tuple(map(address_of, texts))


@click.command()
@director_option
@realserver_option
@trust_option
@click.option(
    "--name", "instance", metavar="NAME", default="VI_1", show_default=True, help="The instance."
)
@click.option(
    "--router-id",
    "router",
    metavar="NUMBER",
    type=click.IntRange(1, 255),
    default=51,
    show_default=True,
    help="The virtual_router_id, the same on each director.",
)
@click.option(
    "--priority",
    metavar="NUMBER",
    type=click.IntRange(1, 254),
    default=100,
    show_default=True,
    help="Of VRRP: the director with the highest is the master.",
)
@click.option(
    "--advertise",
    metavar="SECONDS",
    type=NumberRange(0.01, 40),
    default=1.0,
    show_default=True,
    help="How often the master says that it is there.",
)
@click.option(
    "--vrrp-version",
    "version",
    type=click.Choice(["2", "3"]),
    default="3",
    show_default=True,
    callback=lambda _, __, value: int(value),
    help="The version of VRRP.",
)
@click.option(
    "--nopreempt", is_flag=True, help="A master stays master when one of more comes back."
)
@click.option(
    "--unicast-source",
    "source",
    metavar="ADDRESS",
    callback=_address,
    help="This director's address, where it speaks to its peers alone.",
)
@click.option(
    "--unicast-peer",
    "peers",
    metavar="ADDRESS",
    multiple=True,
    callback=_addresses,
    help="The other director's address; may be given several times.",
)
@click.option("--sync-group", "group", metavar="NAME", help="Let all instances have one state.")
@click.option(
    "--sync-link",
    "links",
    metavar="LINK",
    multiple=True,
    help="Another link that the director needs, with an instance of its own.",
)
@click.option(
    "--auth-file",
    "password",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    callback=lambda _, __, path: None if path is None else _first_line(path),
    help="The password of VRRP version 2: its first line.",
)
@click.option(
    "--garp-repeat",
    metavar="TIMES",
    type=click.IntRange(1, 1000),
    help="How often keepalived announces VIPs of its own.",
)
@click.option(
    "--garp-refresh",
    metavar="NUMBER",
    type=click.IntRange(1, 86400),
    help="After so many seconds it does so again.",
)
@click.option(
    "--like",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Say to the other director what this host's FILE says, so that one stays master.",
)
@click.option("--fifo", metavar="FIFO", type=click.Path(path_type=Path), help="Use notify_fifo.")
@click.option("--virtual-servers", is_flag=True, help="Write virtual_server blocks too.")
@click.option(
    "--track-files",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="With those: files by which lvsdr director keep says who serves.",
)
@click.pass_obj
def config(  # noqa: PLR0913 - as many options
    session: Session,
    /,
    *,
    director: Path,
    realserver: Path | None,
    fifo: Path | None,
    virtual_servers: bool,
    track_files: Path | None,
    like: Path | None,
    **vrrp: Any,
) -> None:
    """Print keepalived.conf for a director's profile.

    It calls this lvsdr with these profiles. Virtual servers are printed for a profile that leaves
    the table to keepalived, with checks from its health.
    """
    from lvsdr.formats.keepalived.conf_writer import Vrrp, conf_lines, plain

    if track_files is not None and not virtual_servers:
        raise ProfileError(
            "cannot write track files: they are for virtual servers of keepalived's",
            hints=["add --virtual-servers, or leave out --track-files"],
        )
    roles = roles_of(session, director, realserver)
    roles = replace(roles, director=checked_from_their_folders(roles.director))
    program, notes = _program()
    words = [*program, "keepalived", "notify", "--director", str(director.absolute())]
    words += ["--realserver", str(realserver.absolute())] if realserver else []
    pipe = None if fifo is None else str(fifo.absolute())
    made = Vrrp(hook=" ".join(map(plain, words)), fifo=pipe, host=os.uname().nodename, **vrrp)
    folder = None if track_files is None else str(track_files.absolute())
    how: dict[str, Any] = {"virtual_servers": virtual_servers, "track_files": folder}
    if like is None:
        lines = conf_lines(roles.director, made, **how)
    else:
        from lvsdr.cli.keepalived_like import lines_like

        lines = lines_like(like, roles.director, made, **how)
    session.write([*([] if fifo else notes), *lines])


def _program() -> tuple[list[str], list[str]]:
    """Return how keepalived is to call this program, and what is to be said of that."""
    found = shutil.which("lvsdr")
    if found is not None:
        return [in_its_folder(found)], []
    own = Path(sys.argv[0]).absolute()
    if own.name == "lvsdr" and own.is_file() and os.access(own, os.X_OK):
        return [in_its_folder(own)], []
    if not os.access(sys.executable, os.X_OK):
        raise CannotRun(
            "cannot write the hook: no program lvsdr is on PATH",
            hints=["install it where root finds it, as in /usr/local/bin"],
        )
    note = "# There is no program lvsdr on PATH: the hook calls the Python that runs this one."
    return [in_its_folder(sys.executable), "-I", "-m", "lvsdr"], [note]


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return file.readline(1024).rstrip("\n")
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ProfileError(f"cannot read {printable(str(path))}: {reason}") from error
