"""`lvsdr import ipvsadm`, `ldirectord`, `running`: one file, or this host itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvsdr.cli.import_profiles import COMMON, show_imported
from lvsdr.cli.options import netns_option, with_options
from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

    from lvsdr.cli.session import Session
    from lvsdr.model.address import IPAddress
    from lvsdr.model.imported import Labels


@dataclass(frozen=True, slots=True)
class Here:
    """Where a file names no link, this host may know it."""

    session: Session

    def link_of(self, addresses: Collection[IPAddress]) -> str:
        """Return the link of this host with the subnet of most addresses, "" for none."""
        from lvsdr.core.running_host import link_of
        from lvsdr.errors import LvsdrError

        try:
            with self.session.kernel() as kernel:
                return link_of(kernel.read_host(), addresses)
        except LvsdrError:
            # Files are read where there is no such kernel, too.
            return ""

    def labels_of(self, link: str, addresses: Collection[IPAddress]) -> Labels:
        """Return the labels that this host has for those of `addresses` that `link` holds."""
        from lvsdr.core.running_host import labels_of
        from lvsdr.errors import LvsdrError

        try:
            with self.session.kernel() as kernel:
                return labels_of(kernel, link, addresses)
        except LvsdrError:
            return {}


def _from_file(  # noqa: PLR0913 - as many options
    session: Session,
    source: str,
    file: Path,
    *,
    folder: Path | None,
    role: str | None,
    interface: str,
    realserver_interface: str,
) -> int:
    from lvsdr.formats.import_sources import SOURCES
    from lvsdr.model.imported import Unsaid

    session.doing = "reading the files"
    here = Here(session)
    unsaid = Unsaid(interface, realserver_interface, link_of=here.link_of, labels_of=here.labels_of)
    return show_imported(session, SOURCES[source].read((file,), unsaid), role, folder)


ONE_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


def _ipvsadm(session: Session, *, file: Path, **said: Any) -> int:
    """Print the profiles of the table that ipvsadm -R makes of FILE.

    FILE is what ipvsadm-save has written; - is standard input.
    """
    return _from_file(session, "ipvsadm", file, **said)


ipvsadm = click.command("ipvsadm")(with_options(_ipvsadm, *COMMON, ONE_FILE))


def _ldirectord(session: Session, *, file: Path, **said: Any) -> int:
    """Print the profiles of the table that ldirectord makes of FILE."""
    return _from_file(session, "ldirectord", file, **said)


ldirectord = click.command("ldirectord")(with_options(_ldirectord, *COMMON, ONE_FILE))


def _running(
    session: Session,
    *,
    folder: Path | None,
    role: str | None,
    interface: str,
    realserver_interface: str,
) -> int:
    """Print the profiles that this host is already.

    Nothing is changed.
    """
    from lvsdr.core.planned_situations import record_of
    from lvsdr.core.running_host import running as of_host
    from lvsdr.model.imported import Unsaid

    unsaid = Unsaid(interface, realserver_interface)
    with session.kernel() as kernel:
        session.doing = "looking at this host"
        found = of_host(kernel, record_of(kernel, session.book()), role, unsaid)
    return show_imported(session, found, role, folder)


running = click.command("running")(with_options(_running, *COMMON, netns_option))
