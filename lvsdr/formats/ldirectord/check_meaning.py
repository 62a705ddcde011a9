"""The checks of ldirectord as the health of a profile, as far as lvsdr has their like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lvsdr.formats.ldirectord.conf_sections import File
from lvsdr.formats.ldirectord.table_commands import Virtual
from lvsdr.model.late_dataclasses import dataclass

Fields = dict[str, Any]
# Defaults of ldirectord, whatever its manual says.
INTERVAL, NEGOTIATE, CONNECT = 10, 30, 5
LONGEST, LONGEST_COUNT = 3600, 1000
# By the port of a virtual server, what negotiate asks; of other ports nothing is asked.
BY_PORT = {
    21: "ftp", 25: "smtp", 53: "dns", 80: "http", 110: "pop", 119: "nntp", 143: "imap",
    389: "ldap", 443: "https", 587: "submission", 636: "ldaps", 995: "pops", 993: "imaps",
    1521: "oracle", 1812: "radius", 3128: "http_proxy", 3306: "mysql", 5060: "sip",
    5432: "pgsql",
}  # fmt: skip
PATH = re.compile(r"/[!\"$-~]{0,2047}")
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
# What is no plain text in a regular expression of Perl.
PATTERN = re.compile(r"[\\^$.|?*+()\[\]{}]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a service is checked: the fields of its health, None for not at all, and what is lost.

    `lost` are the option, what it meant, and what to do instead; `http` says whether HTTP is asked,
    `cut` whether its timeout was longer than the interval.
    """

    fields: Fields | None
    lost: tuple[tuple[str, str, str], ...] = ()
    http: bool = False
    cut: bool = False


def checks_of(file: File, virtual: Virtual) -> Meaning:
    """Return what the checks of a service mean; `lost` begins with the option's name."""
    kind = virtual.section.options.get("checktype", "negotiate")
    kind = "combined" if re.search("[0-9]", kind) else re.findall(r"[\w-]+", kind)[0]
    service = _service(virtual)
    if kind in ("on", "off") or (kind in ("negotiate", "combined") and service == "none"):
        return Meaning(None)
    if virtual.marked:
        instead = "add probe_vip and probe_port, and a health of its own"
        meant = f"how mark {virtual.words[1]} is checked is left out: no address has it"
        return Meaning(None, (("checktype", meant, instead),))
    lost = list(_weaker(kind, service, virtual))
    check: Any = "path"
    if kind == "external":
        check = _command(virtual.section.options.get("checkcommand", "/bin/true"), lost)
    elif kind in ("negotiate", "combined") and service == "http" and not lost:
        check = _http(virtual, lost)
    fields = _timing(file, virtual, kind) | {"check": check}
    timeout = fields["timeout"]
    fields["timeout"] = min(timeout, fields["interval"])
    http = isinstance(check, dict) and "http" in check
    return Meaning(fields, tuple(lost), http, timeout > fields["timeout"])


def _service(virtual: Virtual) -> str:
    own = virtual.section.options.get("service")
    return own or ("none" if virtual.marked else BY_PORT.get(virtual.port, "none"))


def _weaker(kind: str, service: str, virtual: Virtual) -> Iterator[tuple[str, str, str]]:
    """Yield what is asked there, and not here: the path is, that clients' packets take."""
    instead = 'write a program, as "check": {"command": [...]}, that asks the same'
    if kind in ("negotiate", "combined") and service != "http":
        yield "checktype", f"{service} is not asked for; its path is checked", instead
    elif kind in ("negotiate", "combined") and virtual.protocol != "tcp":
        # A page is fetched over TCP there, whatever the service is.
        yield "checktype", f"{service} over TCP is not asked for; its path is checked", instead
    elif kind == "external-perl":
        yield "checktype", "the Perl of checkcommand is not run; the path is checked", instead
    elif kind == "combined":
        # Each time what ldirectord asks now and then.
        return
    elif kind == "ping":
        meant = "an echo of the real server was enough; the path is checked"
        yield "checktype", meant, "nothing, where the service is there if the host is"
    if "checkport" in virtual.section.options and kind not in ("ping", "external"):
        yield "checkport", "the service itself is checked, not another port", instead


def _command(word: str, lost: list[tuple[str, str, str]]) -> Any:
    if word.startswith("/") and not re.search(r"[\s\0]", word):
        meant = f"{word} gets VIP, port and RIP as its last arguments, no port of the real server"
        lost.append(("checkcommand", meant, "see that it needs no fourth"))
        return {"command": [word]}
    meant = "a program by its absolute path, without arguments, is what can be run"
    lost.append(("checkcommand", meant, 'write it as "check": {"command": ["/path", ...]}'))
    return "path"


def _http(virtual: Virtual, lost: list[tuple[str, str, str]]) -> Any:
    """Return the check of HTTP that a section asks for, or the path where it cannot be said."""
    options = virtual.section.options
    path = options.get("request", "/")
    path = path if path.startswith("/") else f"/{path}"
    receive = options.get("receive", "")
    own = {(each.request, each.receive) for each in virtual.reals} or {(None, None)}
    if len(own) > 1:
        meant = "real servers have requests of their own; that of the section is for all"
        lost.append(("request", meant, "give the real servers one address that answers for all"))
    elif (only := next(iter(own))) != (None, None):
        path, receive = only[0] or path, only[1] or ""
    entry: Fields = {}
    if not PATH.fullmatch(path):
        lost.append(("request", f"{path} is not asked for", "write a path of printable ASCII"))
        return "path"
    if path != "/":
        entry["path"] = path
    if host := options.get("virtualhost"):
        if HOST.fullmatch(host):
            entry["host"] = host
        else:
            lost.append(("virtualhost", f"{host} is no name of a host", "write one as host"))
    if receive and not PATTERN.search(receive) and len(receive) <= 1024:
        entry["contains"] = receive
    elif receive:
        meant = f"the regular expression {receive} is not looked for in answers"
        lost.append(("receive", meant, "write a text as contains, or a program as command"))
    if options.get("httpmethod", "GET").upper() == "HEAD":
        lost.append(("httpmethod", "the page is fetched, by GET", "nothing, where GET works too"))
    return {"http": entry}


def _timing(file: File, virtual: Virtual, kind: str) -> Fields:
    own, usual = virtual.section.options, file.options
    forked = usual.get("fork") == "yes"
    interval = _number(own.get("checkinterval") if forked else None, usual, "checkinterval")
    fall = _number(own.get("failurecount"), usual, "failurecount") or 1
    asks = kind in ("negotiate", "combined")
    names = ("negotiatetimeout", "checktimeout") if asks else ("checktimeout", "negotiatetimeout")
    # Each is the other's default.
    said = [_number(options.get(name), {}, "") for options in (own, usual) for name in names]
    timeout = next(filter(None, said), NEGOTIATE if asks else CONNECT)
    interval = min(interval or INTERVAL, LONGEST)
    quiescent = own.get("quiescent", usual.get("quiescent", "no"))
    return {
        "interval": interval,
        "timeout": timeout,
        "fall": min(fall, LONGEST_COUNT),
        "rise": 1,
        "action": "weight" if quiescent == "yes" else "remove",
        "when_all_fail": "drop",
    }


def _number(text: str | None, usual: dict[str, str], name: str) -> int:
    """Return a number of a section, or else of the whole file; 0 where neither says it."""
    found = text if text is not None else usual.get(name)
    return 0 if found is None else int(found[:9])
