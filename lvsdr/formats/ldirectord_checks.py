"""The checks of a virtual server in ldirectord's words, and what they leave out of its health."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil

from lvsdr.model.exported import lost
from lvsdr.model.finding import Finding
from lvsdr.model.health import KEEP, CommandCheck, Health, HttpCheck, UdpCheck
from lvsdr.model.ipvs import Service
from lvsdr.model.profile import ProbeTarget

# A comment begins with the one, whatever it stands in, and the other ends a value.
TAKEN = re.compile(r"[#\"]")
# What of a program's name it would cut.
CUT = re.compile(r"[#\"\s]")
SUCCESS = ((200, 299),)
TCP, UNKNOWN = "tcp", "unknown"


def check_lines(service: Service, health: Health, target: ProbeTarget | None) -> Iterator[str]:
    """Yield the lines of a section that say how its real servers are checked."""
    check = health.check
    port = 0 if service.port else _port(target)
    yield f"checktimeout={_whole(health.timeout)}"
    yield f"negotiatetimeout={_whole(health.timeout)}"
    if isinstance(check, HttpCheck):
        yield from ("checktype=negotiate", "service=http")
        yield f'request="{_without(check.path)}"'
        yield f'virtualhost="{check.host or _host(service, target)}"'
        if check.contains:
            yield f'receive="{_literally(check.contains)}"'
    elif isinstance(check, CommandCheck):
        simple = _is_simple(check)
        yield from (
            ("checktype=external", f'checkcommand="{check.words[0]}"')
            if simple
            else ("checktype=on",)
        )
    elif _connects(service, target) and not isinstance(check, UdpCheck):
        yield "checktype=connect"
    else:
        yield "checktype=ping"
    if port:
        yield f"checkport={port}"


def check_losses(
    service: Service, health: Health, target: ProbeTarget | None, *, sorry: bool
) -> Iterator[Finding]:
    """Yield what of the health of a service ldirectord does otherwise."""
    subject, check = str(service), health.check
    if health.rise > 1:
        message = f"rise {health.rise}: ldirectord takes a real server back at the first success"
        yield lost(subject, message)
    if health.when_all_fail == KEEP and not sorry:
        yield lost(subject, "when_all_fail keep: ldirectord takes the last real server out, too")
    if health.interval % 1 or health.timeout % 1:
        message = "ldirectord counts whole seconds: interval and timeout are rounded up"
        yield lost(subject, message)
    if isinstance(check, HttpCheck) and check.statuses != SUCCESS:
        message = "statuses: ldirectord takes 200 to 299 for a success, and follows redirections"
        yield lost(subject, message, seen=not _redirected(check))
    if isinstance(check, CommandCheck) and not _is_simple(check):
        message = (
            "ldirectord calls a command without words of its own: its real servers go unchecked"
        )
        yield lost(subject, message, "a program of your own that calls it", seen=True)
    elif isinstance(check, CommandCheck):
        message = f"{check.words[0]} gets VIP, port, RIP and the real server's port, or mark and 0"
        yield lost(subject, message)
    if isinstance(check, UdpCheck) or not (
        isinstance(check, HttpCheck | CommandCheck) or _connects(service, target)
    ):
        message = "ldirectord asks no such service: it pings the host, whatever the service does"
        yield lost(subject, message, seen=True)


def _connects(service: Service, target: ProbeTarget | None) -> bool:
    if service.port:
        return service.protocol == TCP
    return bool(_port(target)) and target is not None and target.protocol == TCP


def _port(target: ProbeTarget | None) -> int:
    return target.port if target is not None else 0


def _redirected(check: HttpCheck) -> bool:
    """Return whether what it takes is a success, or leads to one."""
    least, most = (min(low for low, _ in check.statuses), max(high for _, high in check.statuses))
    return len(check.statuses) == 1 and least == 200 and 299 <= most < 400


def _is_simple(check: CommandCheck) -> bool:
    return len(check.words) == 1 and not CUT.search(check.words[0])


def _host(service: Service, target: ProbeTarget | None) -> str:
    vip = service.vip or (target.vip if target is not None else None)
    text = "" if vip is None else str(vip)
    return f"[{text}]" if ":" in text else text


def _without(path: str) -> str:
    # The same to a server.
    return TAKEN.sub(lambda found: f"%{ord(found[0]):02X}", path)


def _literally(text: str) -> str:
    """Return a regular expression of Perl's that finds just this text, byte by byte."""
    return "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{{{byte:02x}}}"
        for byte in text.encode()
    )


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))
