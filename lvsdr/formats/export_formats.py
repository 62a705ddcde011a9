"""The table of what a profile is exported to: one row a format, and a module that writes it.

Each is imported when it is asked for. Its module has a function `written`, which yields files, in
the order in which they are to be put in place, and findings on what they cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from typing import Protocol

    from lvsdr.model.exported import Exporting, NewFile
    from lvsdr.model.finding import Finding

    class Writer(Protocol):
        """A module that writes the files of a format; raises ProfileError for what it cannot."""

        def written(self, host: Exporting) -> Iterator[NewFile | Finding]: ...


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format: the module that writes it, and what it holds of a profile.

    `of_the_table` is one that holds the IPVS table, so of directors alone. `beside` is the suffix
    of the file that sets up a director's interface, which has to be named where its own are none
    without it.
    """

    module: str
    of_the_table: bool = False
    beside: str = ""

    def writer(self) -> Writer:
        """Return the module that writes its files."""
        return cast("Writer", import_module(self.module))


EXPORT_FORMATS: Mapping[str, ExportFormat] = {
    "keepalived": ExportFormat("lvsdr.formats.keepalived.export_writer", of_the_table=True),
    "ldirectord": ExportFormat("lvsdr.formats.ldirectord_writer", of_the_table=True),
    "ipvsadm": ExportFormat("lvsdr.formats.ipvsadm_writer", of_the_table=True),
    "networkd": ExportFormat("lvsdr.formats.networkd_writer", beside=".network"),
    "networkmanager": ExportFormat("lvsdr.formats.networkmanager_writer", beside=".nmconnection"),
    "netplan": ExportFormat("lvsdr.formats.netplan_writer"),
    "ifupdown": ExportFormat("lvsdr.formats.ifupdown_writer"),
    "sysctl.d": ExportFormat("lvsdr.formats.sysctl_writer"),
}
