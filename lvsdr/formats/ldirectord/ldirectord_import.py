"""ldirectord.cf as profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lvsdr.errors import ProfileError
from lvsdr.formats.bounded_file import read_source
from lvsdr.formats.ipvsadm.option_words import Ends, Skips
from lvsdr.formats.ipvsadm.restored_table import Restored
from lvsdr.formats.ldirectord.check_meaning import Meaning, checks_of
from lvsdr.formats.ldirectord.conf_sections import File, read_sections
from lvsdr.formats.ldirectord.table_commands import (
    Real,
    Resolving,
    Virtual,
    real_words,
    service_words,
)
from lvsdr.formats.looked_up import LookedUp
from lvsdr.formats.table_documents import imported_table
from lvsdr.formats.taken_table import TakenService
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.imported import Imported, Unsaid, lost, refused
from lvsdr.model.printable import printable

# The fields of health as lvsdr has them where nobody says any.
USUAL: dict[str, Any] = {
    "interval": 1,
    "timeout": 0.5,
    "fall": 2,
    "rise": 2,
    "check": "path",
    "action": "weight",
    "when_all_fail": "keep",
}
TOLD = "use on_change, a program that lvsdr director keep runs for each change"
# Options that say what happens besides, with what to do instead.
BESIDE = {
    "emailalert": ("a mail for each change", TOLD),
    "fallbackcommand": ("a command when the fallback comes and goes", TOLD),
    "callback": ("a command when the file changes", "run it when you apply a profile"),
    "monitorfile": ("a line in a file for each check", "lvsdr metrics, and on_change"),
    "maintenancedir": ("files that take real servers out", "lvsdr director drain"),
    "execute": ("another ldirectord with a file of its own", "import that file too"),
}


def imported(files: Sequence[Path], unsaid: Unsaid) -> Imported:
    """Return what the one file of `files` means; `-` is standard input."""
    (path,) = files
    name, text = read_source(path, "name a ldirectord.cf")
    return of_text(text, name, unsaid)


def of_text(text: str, name: str, unsaid: Unsaid) -> Imported:
    """Return what a text means, which is from `name`; raise ProfileError as ldirectord ends."""
    file, names = read_sections(text, name), LookedUp()
    taking = _Taking(file, Restored(name, names.ipv4))
    for virtual in Resolving(file, names).virtuals():
        taking.take(virtual)
    if not file.sections:
        raise ProfileError(f"{name} has no virtual server", hints=["name a ldirectord.cf"])
    taking.finish()
    findings = [*taking.findings, *names.findings(name)]
    return imported_table(taking.table, unsaid, findings)


class _Taking:
    """The table that ldirectord makes, section by section, once every real server is alive."""

    def __init__(self, file: File, restored: Restored) -> None:
        self._file = file
        self._restored = restored
        self.table = restored.table
        self.findings: list[Finding] = []
        self._checked: list[tuple[TakenService, Meaning]] = []

    def take(self, virtual: Virtual) -> None:
        """Enter a section: its service, its real servers, its checks."""
        section = virtual.section
        try:
            made = self._restored.run(["-A", *service_words(virtual)], section.line)
        except (Ends, Skips) as reason:
            self._refused(section.line, f"the virtual server is not made: {reason}", ERROR)
            return
        taken = self.table.services[made.service]
        kind = section.options.get("checktype", "")
        if kind == "off" and virtual.reals:
            meant = f"real servers of {taken.service} are left out: checktype off never enters them"
            self._lost(section.lines["checktype"], meant, "add them, if others enter them there")
        else:
            self._enter(virtual, taken)
        taken.sorry = virtual.fallback
        meaning = checks_of(self._file, virtual)
        for option, meant, instead in meaning.lost:
            line = section.lines.get(option, section.line)
            self._lost(line, f"{taken.service}: {meant}", instead)
        for option in section.lines.keys() & BESIDE.keys():
            meant, instead = BESIDE[option]
            self._lost(section.lines[option], f"{option}: {meant}", instead)
        self._checked.append((taken, meaning))

    def _refused(self, line: int, message: str, severity: str = WARNING) -> None:
        self.findings.append(refused(self._file.name, line, message, severity))

    def _lost(self, line: int, meant: str, instead: str) -> None:
        self.findings.append(lost(self._file.name, line, printable(meant), instead, WARNING))

    def _enter(self, virtual: Virtual, taken: TakenService) -> None:
        entered: dict[str, Real] = {}
        for real in virtual.reals:
            # It knows one that is there by its place as it is written.
            there = real.place in entered and (virtual.marked or real.method == "masq")
            there = there or (real.place in entered and real.port == virtual.port)
            verb = "-e" if there else "-a"
            try:
                self._restored.run([verb, *real_words(virtual, real)], real.line)
            except (Ends, Skips) as reason:
                self._refused(real.line, str(reason))
                continue
            entered[real.place] = real

    def finish(self) -> None:
        """Give the table its checks: the commonest are the profile's, others a service's own."""
        for option in self._file.lines.keys() & BESIDE.keys():
            meant, instead = BESIDE[option]
            self._lost(self._file.lines[option], f"{option}: {meant}", instead)
        if any(meaning.http for _, meaning in self._checked):
            meant = (
                "HTTP follows redirects there, and its Host is the RIP where there is no"
                " virtualhost; here 300 to 399 are right, and it is the VIP"
            )
            self._lost(0, meant, "write status and host, if your servers tell them apart")
        if any(meaning.cut for _, meaning in self._checked):
            meant = "a timeout longer than the interval is cut to it: checks do not wait here"
            self._lost(0, meant, "nothing, where real servers answer within the interval")
        texts = Counter(repr(it.fields) for _, it in self._checked if it.fields is not None)
        if not texts:
            return
        common = texts.most_common(1)[0][0]
        base = next(it.fields for _, it in self._checked if repr(it.fields) == common)
        assert base is not None, "those without checks are not counted"
        self.table.checks = _said(base, USUAL)
        for taken, meaning in self._checked:
            taken.own_checks = meaning.fields != base
            if meaning.fields is not None:
                taken.checks = _said(meaning.fields, base)


def _said(fields: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that have to be written beside `base`, in the schema's order."""
    return {name: fields[name] for name in USUAL if fields[name] != base[name]}
