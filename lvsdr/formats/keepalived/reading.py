"""keepalived.conf read from the disk, with the files that it includes: by one host, or by each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lvsdr.formats.keepalived.conf_syntax import Line, parsed
from lvsdr.formats.keepalived.configuration import Configuration, configurations
from lvsdr.formats.keepalived.host_lines import HostReader, own_name
from lvsdr.formats.keepalived.includes import ROOT, Budget, Files
from lvsdr.model.finding import Finding
from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What hosts read, and what was found on the way.

    `unread` says which parts keepalived may have read, and we could not.
    """

    confs: list[Configuration]
    findings: list[Finding]
    unread: list[str]


def read_by(path: Path, host: str, root: Path = ROOT, budget: Budget | None = None) -> Reading:
    """Return what the host with that config-id reads; raise OSError for a file that cannot be.

    Names are as keepalived sees them, which sees `root` as its root. `budget` is of several files
    that are read in one run.
    """
    files = Files(root, budget or Budget())
    lines = list(HostReader(host, files).read(files.first(path)))
    conf = Configuration(str(path), host, parsed(lines))
    return Reading([conf], files.findings, files.unread)


def read_by_all(path: Path, budget: Budget | None = None) -> Reading:
    """Return what each host reads; raise OSError for a file that cannot be read.

    `budget` is of several files that are read in one run.
    """
    by_host: dict[str, Files] = {}

    def read(host: str) -> tuple[list[Line], Iterable[str]]:
        # What another host reads are the same files, as a rule.
        bytes_left = Budget() if by_host or budget is None else budget
        elsewhere = host not in ("", own_name())
        files = by_host[host] = Files(ROOT, bytes_left, elsewhere=elsewhere)
        reader = HostReader(host, files)
        lines = list(reader.read(files.first(path)))
        # Where no host has a name, one that reads files of its own name is this one.
        return lines, reader.named or ([own_name()] if reader.by_its_name else [])

    confs = configurations(str(path), read)
    hosts = {each.host or "" for each in confs}
    kept = [files for host, files in by_host.items() if host in hosts]
    findings = dict.fromkeys(it for each in kept for it in each.findings)
    return Reading(confs, [*findings], [*dict.fromkeys(it for each in kept for it in each.unread)])
