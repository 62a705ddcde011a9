"""What ldirectord asks of ipvsadm for each section of its file."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from ipaddress import ip_address

from lvsdr.errors import ProfileError
from lvsdr.formats.ipvsadm.option_values import ipv4_of, port_number
from lvsdr.formats.ipvsadm.option_words import Ends
from lvsdr.formats.ldirectord.conf_sections import File, Section, mark_of, refuse, service_place
from lvsdr.formats.looked_up import LookedUp
from lvsdr.formats.taken_table import TakenReal
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass, field

HOST = r"[0-9A-Za-z.-]+|\[[0-9A-Fa-f:]+\]"
FROM_TO = re.compile(rf"({HOST.replace('.-]+', '.-]+?')})(?:->({HOST}))?(?::([0-9A-Za-z_-]+))?")
FALLBACK = re.compile(rf"({HOST})(?::([0-9A-Za-z_-]+))?")
METHODS = {"gate": ("-g", "dr"), "masq": ("-m", "masquerade"), "ipip": ("-i", "tunnel")}
CHECKED = re.compile(r"\s\"([^\"]*)\"[, ]\s*\"(.*)\"(.*)")
# A few bytes may mean any number of real servers: more are a slip of the pen, or malice.
MOST_OF_A_RANGE, MOST_OF_A_FILE = 4096, 100_000


@dataclass(slots=True)
class Real:
    """A real server of a section; `request` and `receive` are its own, None where it has none."""

    line: int
    host: str
    port: int
    method: str
    weight: str = "1"
    lower: str = "0"
    upper: str = "0"
    request: str | None = None
    receive: str | None = None

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class Virtual:
    """A section with its names resolved; `words` are how ipvsadm is told which service it is."""

    section: Section
    protocol: str
    words: list[str]
    port: int = 0
    reals: list[Real] = field(default_factory=list)
    fallback: TakenReal | None = None

    @property
    def marked(self) -> bool:
        return self.protocol == "fwm"


class Resolving:
    """The names of a file resolved, section by section; raises ProfileError as ldirectord ends."""

    def __init__(self, file: File, names: LookedUp) -> None:
        self._file = file
        self._names = names
        self._seen: set[tuple[str, ...]] = set()
        self._count = 0

    def virtuals(self) -> Iterator[Virtual]:
        """Yield each virtual server."""
        for section in self._file.sections:
            made = self._virtual(section)
            key = (made.protocol, *made.words)
            if key in self._seen:
                raise self._refuse(section.line, "this virtual server is there already")
            self._seen.add(key)
            for line, text in section.reals:
                made.reals += self._reals(section, line, text)
                if self._count + len(made.reals) > MOST_OF_A_FILE:
                    raise self._too_many(line, f"more than {MOST_OF_A_FILE} real servers in all")
            self._count += len(made.reals)
            made.fallback = self._fallback(made)
            yield made

    def _refuse(self, line: int, reason: str) -> Exception:
        return refuse(self._file.name, line, reason, "mend the line")

    def _too_many(self, line: int, what: str) -> ProfileError:
        hints = ["split the file into several, and import each of them"]
        return ProfileError(f"{self._file.name}:{line}: {what}: that is too many", hints=hints)

    def _virtual(self, section: Section) -> Virtual:
        place = service_place(section)
        if place is None:
            mark = mark_of(section)
            if mark is None:
                raise self._refuse(section.line, "virtual is neither ADDRESS:PORT nor a mark")
            return Virtual(section, "fwm", ["-f", str(mark), *(["-6"] if section.ipv6 else [])])
        host, port = place
        usual = "udp" if port in ("53", "domain") else "tcp"
        protocol = section.options.get("protocol", usual)
        number = self._port(section.line, port, protocol)
        address = self._host(section, section.line, host)
        return Virtual(section, protocol, [f"-{protocol[0]}", f"{address}:{number}"], number)

    def _host(self, section: Section, line: int, text: str) -> str:
        """Return an address as it is written, in brackets for IPv6."""
        version = 6 if section.ipv6 else 4
        try:
            return _written(text, version, self._names)
        except (OSError, ValueError):
            raise self._refuse(line, f"{text} has no address of IPv{version}") from None

    def _port(self, line: int, text: str, protocol: str) -> int:
        try:
            if protocol:
                return port_number(text, protocol, text, "this")
            return int(text[:9]) if text.isdecimal() else socket.getservbyname(text)
        except (Ends, OSError, ValueError):
            raise self._refuse(line, f"port {text} is not known") from None

    def _reals(self, section: Section, line: int, text: str) -> Iterator[Real]:
        where, _, rest = text.lstrip().partition(" ")
        found = FROM_TO.fullmatch(where)
        if found is None:
            raise self._refuse(line, f"{where} is no address of a real server")
        port = self._port(line, found[3] or "0", "")
        if port > 65535:
            raise self._refuse(line, f"port {port} is not known")
        settings = self._settings(line, rest)
        first = self._host(section, line, found[1])
        if found[2] is None:
            yield Real(line, first, port, **settings)
            return
        last = self._host(section, line, found[2])
        if section.ipv6:
            raise self._refuse(line, "a range is for IPv4")
        low, high = int(ip_address(first)), int(ip_address(last))
        if low > high:
            raise self._refuse(line, f"{first}->{last} is no range of real servers")
        if high - low >= MOST_OF_A_RANGE:
            raise self._too_many(line, f"more than {MOST_OF_A_RANGE} real servers in one range")
        for each in range(low, high + 1):
            yield Real(line, str(ip_address(each)), port, **settings)

    def _settings(self, line: int, text: str) -> dict[str, str]:
        """Return the forwarding method of a real server, and what stands behind it."""
        word = re.search(r"\w+", text)
        if word is None or word[0] not in METHODS:
            raise self._refuse(line, "a real server has gate, masq or ipip behind it")
        settings, rest = {"method": word[0]}, text[word.end() :]
        if found := re.search(r"\s([0-9]+)(.*)", rest):
            settings["weight"], rest = found[1], found[2]
        if found := CHECKED.search(rest):
            settings["request"] = found[1] if found[1].startswith("/") else f"/{found[1]}"
            settings["receive"], rest = found[2], found[3]
        for name, letter in (("lower", "l"), ("upper", "u")):
            if found := re.search(rf"\s{letter}:([0-9]+)(.*)", rest):
                settings[name], rest = found[1], found[2]
        if rest.strip():
            raise self._refuse(line, f"{rest.strip()[:60]} is nothing of a real server")
        return settings

    def _fallback(self, virtual: Virtual) -> TakenReal | None:
        """Return who serves while no real server does: the section's own, or the file's."""
        section, own = virtual.section, "fallback"
        if own in section.options:
            return self._sorry(virtual, section.options[own], section.lines[own])
        name = "fallback6" if section.ipv6 else "fallback"
        if name not in self._file.options or virtual.marked:
            # Of a mark ldirectord loses the address of the file's own.
            return None
        return self._sorry(virtual, self._file.options[name], self._file.lines[name])

    def _sorry(self, virtual: Virtual, text: str, line: int) -> TakenReal:
        where, *behind = text.split() or [""]
        found = FALLBACK.fullmatch(where)
        method = behind[0] if behind else "gate"
        if found is None or method not in METHODS or len(behind) > 1:
            raise self._refuse(line, f"{text} is no fallback server")
        port = virtual.port
        if found[2] is not None:
            port = self._port(line, found[2], "tcp" if virtual.marked else virtual.protocol)
        host: IPAddress = ip_address(self._host(virtual.section, line, found[1]).strip("[]"))
        if method != "masq":
            port = virtual.port
        return TakenReal(host, port, line, method=METHODS[method][1])


def _written(text: str, version: int, names: LookedUp) -> str:
    bare = text.strip("[]")
    if version == 4:
        return str(ipv4_of(bare) or ip_address(names.address(bare, 4)))
    try:
        return f"[{ip_address(bare)}]"
    except ValueError:
        return f"[{ip_address(names.address(bare, 6))}]"


def service_words(virtual: Virtual) -> list[str]:
    """Return the options of ipvsadm by which ldirectord makes a service."""
    options = virtual.section.options
    words = list(virtual.words)
    if virtual.protocol == "udp" and options.get("ops") == "yes":
        words.append("-o")
    words += ["-s", options.get("scheduler", "wrr")]
    if "persistent" in options:
        words += ["-p", options["persistent"]]
        words += ["-M", options["netmask"]] if "netmask" in options else []
    return words + (["-b", options["schedflags"]] if "schedflags" in options else [])


def real_words(virtual: Virtual, real: Real) -> list[str]:
    """Return those by which it enters a real server."""
    limits = ["-x", real.upper, "-y", real.lower]
    method, _ = METHODS[real.method]
    return [*virtual.words, *limits, "-r", real.place, method, "-w", real.weight]
