"""ldirectord.cf as ldirectord takes it, line by line: its settings, and a section for each service.

Whatever it does not know, or would not take, ends it before anything is set up; so it ends us.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lvsdr.errors import ProfileError
from lvsdr.formats.ldirectord.conf_options import (
    ANYWHERE,
    CHECKTYPES,
    DIGITS,
    GLOBAL,
    OWN,
    SERVICES,
    STRICT,
)
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.printable import printable

# Longer ones are no lines of a person; some patterns would take long for them.
LONGEST = 2000
SETTING = re.compile(r"([a-z0-9]+)\s*=\s*(.*)", re.DOTALL)
VIRTUAL = re.compile(r"virtual(6)?\s*=\s*(.*)", re.DOTALL)


@dataclass(slots=True)
class Section:
    """A virtual server: what stands behind `virtual=`, and its options, the last of each."""

    line: int
    ipv6: bool
    place: str
    options: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    reals: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class File:
    """A whole file: its global options, the last of each, and its sections."""

    name: str
    options: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)


def refuse(file: str, line: int, reason: str, hint: str) -> ProfileError:
    """Return what is told of a line for which ldirectord sets up nothing at all."""
    place = f"{file}:{line}"
    return ProfileError(
        f"{place}: {printable(reason)}: ldirectord does not start with it", hints=[hint]
    )


def read_sections(text: str, name: str) -> File:
    """Return what a file says; raise ProfileError at the first line that ldirectord refuses."""
    file = File(name)
    section: Section | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST:
            raise refuse(name, number, f"it has more than {LONGEST} characters", "cut it short")
        if section is not None:
            if line.lstrip(" \t\r\f\v").startswith("#"):
                continue
            option = _indented(line)
            if option is not None:
                _own(file, section, number, option)
                continue
        # What is not indented ends a section, an empty line too.
        section = None
        if found := VIRTUAL.match(line):
            section = Section(number, found[1] is not None, found[2])
            file.sections.append(section)
        elif line.strip() and not line.lstrip().startswith("#"):
            _global(file, number, line)
    return file


def _indented(line: str) -> str | None:
    """Return an option of a section: behind a tab or four blanks, and before its comment."""
    text = line.partition("#")[0].replace("\t", "    ")
    bare = text.lstrip(" ")
    if bare:
        return bare if len(text) - len(bare) >= 4 else None
    # A line of blanks alone is an option of one blank, if there are more than four.
    return " " if len(text) > 4 else None


def _own(file: File, section: Section, number: int, option: str) -> None:
    name, value = _setting(file, number, option, OWN)
    if name.removesuffix("6") in ("real", "fallback"):
        if name.endswith("6") != section.ipv6:
            right = name.removesuffix("6") + ("6" if section.ipv6 else "")
            reason = f"{name} does not go with this virtual server"
            raise refuse(file.name, number, reason, f"write {right}")
        name = name.removesuffix("6")
    if name == "real":
        section.reals.append((number, value))
        return
    wrong = WRONG[name](value, section) if name in WRONG else ""
    if wrong:
        raise refuse(file.name, number, f"{name} {wrong}", f"look up {name} in ldirectord(8)")
    section.options[name] = value
    section.lines[name] = number


def _global(file: File, number: int, line: str) -> None:
    if line.strip() == "supervised":
        return
    name, value = _setting(file, number, line, GLOBAL)
    file.options[name] = value
    file.lines[name] = number


def _setting(
    file: File, number: int, text: str, known: dict[str, re.Pattern[str]]
) -> tuple[str, str]:
    found = SETTING.match(text)
    if found is None or found[1] not in known:
        what = printable(text.strip()[:60])
        hint = "options of a virtual server stand behind a tab; an empty line ends it"
        raise refuse(file.name, number, f"{what} is no option here", hint)
    pattern = known[found[1]]
    value = (pattern.search if pattern in ANYWHERE else pattern.match)(found[2])
    if value is None:
        what = printable(found[2].strip()[:60])
        hint = "yes and no stand alone: no blank, comment or carriage return behind them"
        if pattern is not STRICT:
            hint = f"look up {found[1]} in ldirectord(8)"
        raise refuse(file.name, number, f"{found[1]} is not {what or 'empty'}", hint)
    return found[1], next(each for each in value.groups() if each is not None)


def _checktype(value: str, _: Section) -> str:
    if DIGITS.search(value):
        return ""
    found = re.search(r"([\w-]+)", value)
    return "" if found is not None and found[1] in CHECKTYPES else "is none that it knows"


def _protocol(value: str, section: Section) -> str:
    marked = service_place(section) is None
    return "" if value in (("fwm",) if marked else ("tcp", "udp")) else "is not of this service"


def _netmask(value: str, section: Section) -> str:
    if section.ipv6:
        return "" if re.fullmatch(r"[0-9]{1,9}", value) and 1 <= int(value) <= 128 else "is none"
    return "" if re.fullmatch(r"(?:[0-9]+\.){3}[0-9]+", value) else "is not dotted"


WRONG: Mapping[str, Callable[[str, Section], str]] = {
    "checktype": _checktype,
    "protocol": _protocol,
    "netmask": _netmask,
    "service": lambda value, _: "" if value in SERVICES else "is none that it knows",
    "httpmethod": lambda value, _: "" if value.upper() in ("GET", "HEAD") else "is GET or HEAD",
    "checkport": lambda value, _: "" if 0 < int(value[:9]) < 65536 else "is from 1 to 65535",
}
# An address or a name, with a port or the name of one.
PLACES = (
    re.compile(r"([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[0-9A-Za-z._+-]+):([0-9A-Za-z_-]+)"),
    re.compile(r"(\[[0-9A-Fa-f:]+\]):([0-9A-Za-z_-]+)"),
)


def service_place(section: Section) -> tuple[str, str] | None:
    """Return the host and port of a virtual server as they are written; None for a mark."""
    for pattern, ipv6 in zip(PLACES, (None, True), strict=True):
        found = pattern.match(section.place)
        if found is not None and ipv6 in (None, section.ipv6):
            return found[1], found[2]
    return None


def mark_of(section: Section) -> int | None:
    """Return the firewall mark of one without a port: of 192.0.2.5 it is 192."""
    found = re.match(r"[0-9]{1,20}", section.place)
    return None if found is None else int(found[0])
