"""keepalived.conf as profiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.host_lines import own_name
from lvsdr.formats.keepalived.reading import read_by
from lvsdr.model.imported import Imported, Unsaid, lost
from lvsdr.model.printable import printable


def imported(files: Sequence[Path], unsaid: Unsaid) -> Imported:
    """Return what one host's files mean, read one after the other as one configuration."""
    findings = []
    for path in files:
        try:
            reading = read_by(path, unsaid.host or own_name())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ProfileError(
                f"cannot read {printable(str(path))}: {reason}", hints=["name a keepalived.conf"]
            ) from error
        findings += reading.findings
        findings += [
            lost(each.file, each.line, f"{each.name} is not taken over", "write it by hand")
            for conf in reading.confs
            for each in conf.root.all("virtual_server")
        ]
    return Imported(None, {}, tuple(findings))
