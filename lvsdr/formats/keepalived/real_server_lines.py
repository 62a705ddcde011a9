"""A real_server block taken line by line, as keepalived reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_interface

from lvsdr.formats.keepalived.conf_losses import (
    ALPHA,
    LATER,
    NO_MAIL,
    NO_SNMP,
    NOT_CALLED,
    ON_CHANGE,
    Losses,
    shown,
)
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.forwarding_words import forwarding
from lvsdr.formats.keepalived.server_words import MOST_WEIGHT, loose_number, number, switch
from lvsdr.formats.keepalived.timing_lines import TIMINGS, Timing
from lvsdr.model.address import IPAddress, parsed_address
from lvsdr.model.imported import Document
from lvsdr.model.late_dataclasses import dataclass, field

CHECKERS = frozenset(
    f"{name}_CHECK" for name in ("TCP", "UDP", "SMTP", "DNS", "MISC", "FILE", "BFD", "PING")
) | {"HTTP_GET", "SSL_GET"}
MOST_THRESHOLD = 4294967295


@dataclass(slots=True)
class RealServerLines:
    """What the lines of a real_server say; None is what no line says.

    `port` is None without one; `default` is the method of the virtual server up to here.
    """

    block: Block
    rip: IPAddress
    port: int | None
    default: Document | None
    method: Document | None = None
    weight: int | None = None
    upper: int = 0
    lower: int = 0
    inhibit: bool | None = None
    virtualhost: str = ""
    timing: Timing = field(default_factory=Timing)
    checkers: list[Block] = field(default_factory=list)


def place_of(words: list[str]) -> tuple[IPAddress, int | None] | None:
    """Return the address and port behind real_server; None where keepalived takes it for none.

    Without a port, or with 0, it is None. A prefix behind the address means nothing.
    """
    text, port = (*words[1:3], "", "")[:2]
    if port and (loose := loose_number(port, 65535)) != number(port, 0, 65535):
        return None if loose is None or not loose else _place(text, None)
    return _place(text, number(port, 1, 65535) if port else None)


def _place(text: str, port: int | None) -> tuple[IPAddress, int | None] | None:
    try:
        return (parsed_address(text) if "/" not in text else ip_interface(text).ip), port
    except ValueError:
        return None


def read_real_server(
    block: Block, default: Document | None, losses: Losses
) -> RealServerLines | None:
    """Return what a real_server says; None for one that keepalived leaves out."""
    place = place_of(block.words)
    if place is None:
        losses.warning(
            block,
            f"{shown(block.value)} is no address and port, and keepalived leaves this server out",
            "write them with a blank between: real_server 192.0.2.11 80",
        )
        return None
    read = RealServerLines(block, *place, default)
    for line in block.inner:
        take = TAKES.get(line.name)
        if take is not None:
            take(read, line, losses)
        elif line.name in TIMINGS:
            read.timing.take(line, losses)
        elif line.name in CHECKERS:
            read.checkers.append(line)
        elif line.name in LOST:
            losses.warning(line, f"{line.name}: {LOST[line.name]}", ON_CHANGE)
        else:
            losses.unknown(line)
        if len(line.words) > 2:
            _second(line, losses)
    return read


def _second(line: Block, losses: Losses) -> None:
    """Tell of an option behind another one, which is passed over."""
    behind = line.words[2]
    if behind in TAKES or behind in TIMINGS or behind in CHECKERS:
        losses.warning(
            line,
            f"{behind} stands behind {line.name} on one line: keepalived passes it over, and so"
            " does the profile",
            "write it on a line of its own where it was meant",
        )


def _method(read: RealServerLines, line: Block, losses: Losses) -> None:
    found = forwarding(line.words[1:])
    if found is not None:
        read.method = found
        return
    losses.no_method(line)


def _weight(read: RealServerLines, line: Block, losses: Losses) -> None:
    found = loose_number(line.word, MOST_WEIGHT)
    read.weight = read.weight if found is None else found


def _threshold(name: str) -> Callable[[RealServerLines, Block, Losses], None]:
    def take(read: RealServerLines, line: Block, _: Losses) -> None:
        found = loose_number(line.word, MOST_THRESHOLD)
        if found is not None:
            setattr(read, name, found)

    return take


def _inhibit(read: RealServerLines, line: Block, losses: Losses) -> None:
    found = switch(line.word)
    read.inhibit = read.inhibit if found is None else found


def _alpha(read: RealServerLines, line: Block, losses: Losses) -> None:
    if switch(line.word):
        losses.warning(line, f"alpha: {ALPHA}", LATER)


def _alert(read: RealServerLines, line: Block, losses: Losses) -> None:
    if switch(line.word):
        losses.warning(line, NO_MAIL, ON_CHANGE)


def _virtualhost(read: RealServerLines, line: Block, losses: Losses) -> None:
    read.virtualhost = line.word


TAKES: Mapping[str, Callable[[RealServerLines, Block, Losses], None]] = {
    "weight": _weight,
    "lvs_method": _method,
    "uthreshold": _threshold("upper"),
    "lthreshold": _threshold("lower"),
    "inhibit_on_failure": _inhibit,
    "alpha": _alpha,
    "virtualhost": _virtualhost,
    "smtp_alert": _alert,
}
LOST = {"notify_up": NOT_CALLED, "notify_down": NOT_CALLED, "snmp_name": NO_SNMP}
