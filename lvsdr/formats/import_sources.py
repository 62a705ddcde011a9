"""The table of what profiles are imported from: one row a tool whose files are read.

What runs on this host is no file, and has its place where the kernel is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from lvsdr.model.imported import Imported, Unsaid
from lvsdr.model.late_dataclasses import dataclass

Read = Callable[[Sequence[Path], Unsaid], Imported]


@dataclass(frozen=True, slots=True)
class Source:
    """A tool: the module whose `imported` reads its files, and whether it takes several of them.

    `imported` raises ProfileError, with file, line and remedy, for what cannot be read.
    """

    module: str
    several: bool = False

    def read(self, files: Sequence[Path], unsaid: Unsaid) -> Imported:
        """Return what the files mean."""
        read: Read = import_module(self.module).imported
        return read(files, unsaid)


SOURCES = {
    "keepalived": Source("lvsdr.formats.keepalived.imported_conf", several=True),
    "ipvsadm": Source("lvsdr.formats.ipvsadm.ipvsadm_import"),
    "ldirectord": Source("lvsdr.formats.ldirectord.ldirectord_import"),
}
