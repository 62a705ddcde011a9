"""A virtual_server block taken line by line, as keepalived reads it: the last of an option counts.

Nothing is judged here; what no profile can say is told of on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lvsdr.formats.keepalived.conf_losses import (
    LOST_OF_A_SERVER,
    NO_MAIL,
    ON_CHANGE,
    Losses,
    shown,
)
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.forwarding_words import forwarding
from lvsdr.formats.keepalived.real_server_lines import RealServerLines, read_real_server
from lvsdr.formats.keepalived.server_words import MOST_WEIGHT, loose_number, number, switch
from lvsdr.formats.keepalived.timing_lines import TIMINGS, Timing
from lvsdr.model.imported import Document
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS, SCHEDULERS

LONGEST_PERSISTENCE = 2678400
USUAL_PERSISTENCE = 360
# Bits that flag-1 to flag-3 stand for, whatever the scheduler is.
NUMBERED = {"flag-1": 0x08, "flag-2": 0x10, "flag-3": 0x20}
PROTOCOLS = ("tcp", "udp", "sctp")


@dataclass(slots=True)
class ServerSettings:
    """What the lines of a virtual_server say; None is what no line says.

    `granularity` is as it is written; `bits` are the flags of the scheduler.
    """

    block: Block
    protocol: str = "udp"
    scheduler: str = "wlc"
    bits: int = 0
    method: Document | None = None
    weight: int = 1
    persistence: int | None = None
    granularity: Block | None = None
    engine: str = ""
    one_packet: bool = False
    inet6: bool | None = None
    inhibit: bool = False
    virtualhost: str = ""
    quorum: int = 1
    sorry: Block | None = None
    sorry_method: Document | None = None
    timing: Timing = field(default_factory=Timing)
    real_servers: list[RealServerLines] = field(default_factory=list)


def read_server(block: Block, losses: Losses) -> ServerSettings:
    """Return what a virtual_server says."""
    read = ServerSettings(block)
    for line in block.inner:
        take = TAKES.get(line.name)
        if take is not None:
            _require_value(line, losses)
            take(read, line, losses)
        elif line.name in TIMINGS:
            read.timing.take(line, losses)
        elif line.name in LOST_OF_A_SERVER:
            meant, instead = LOST_OF_A_SERVER[line.name]
            losses.warning(line, f"{line.name}: {meant}", instead)
        else:
            losses.unknown(line)
    return read


# Without a word behind them keepalived does not start.
VALUED = frozenset({"lvs_sched", "lb_algo", "lvs_method", "lb_kind", "protocol", "weight"})
VALUED |= {"persistence_granularity", "persistence_engine", "virtualhost", "quorum"}


def _require_value(line: Block, losses: Losses) -> None:
    if line.name in VALUED and len(line.words) < 2:
        losses.error(
            line,
            f"nothing stands behind {line.name}: keepalived does not start with that",
            "write what it is to be, or remove the line",
        )


def _scheduler(read: ServerSettings, line: Block, losses: Losses) -> None:
    name = line.word
    if name in SCHEDULERS:
        read.scheduler = name
        return
    losses.warning(
        line,
        f"keepalived knows no scheduler {shown(name)}, and goes on with {read.scheduler}",
        "write the one that was meant, in small letters",
    )


def _flag(read: ServerSettings, line: Block, losses: Losses) -> None:
    scheduler, bit = SCHEDULER_FLAGS.get(line.name, ("", 0))
    if line.name in NUMBERED:
        read.bits |= NUMBERED[line.name]
    elif scheduler == read.scheduler:
        read.bits |= bit
    else:
        losses.warning(
            line,
            f"{line.name} is for {scheduler}, which is not the scheduler up to this line:"
            " keepalived passes it over",
            f'write "scheduler_flags": ["{line.name}"] where it was meant',
        )


def _method(read: ServerSettings, line: Block, losses: Losses) -> None:
    found = forwarding(line.words[1:])
    if found is None and line.words[1:2] in (["DR"], ["NAT"]):
        found = forwarding(line.words[1:2])
    if found is None:
        losses.no_method(line)
    else:
        read.method = found


def _protocol(read: ServerSettings, line: Block, losses: Losses) -> None:
    if line.word.lower() in PROTOCOLS:
        read.protocol = line.word.lower()
    else:
        losses.warning(
            line,
            f"{shown(line.word)} is no protocol, and keepalived goes on with {read.protocol}",
            "write TCP, UDP or SCTP",
        )


def _persistence(read: ServerSettings, line: Block, losses: Losses) -> None:
    if len(line.words) < 2:
        read.persistence = USUAL_PERSISTENCE
        return
    found = number(line.word, 1, LONGEST_PERSISTENCE)
    if found is None:
        losses.warning(
            line,
            f"persistence_timeout {shown(line.word)} is not 1 to {LONGEST_PERSISTENCE}: keepalived"
            " goes on as if the line were not there",
            "write the seconds, or remove the line",
        )
    else:
        read.persistence = found


def _granularity(read: ServerSettings, line: Block, losses: Losses) -> None:
    read.granularity = line
    if read.inet6 is None:
        # Of a mark it says the family, too, where nothing before it has.
        read.inet6 = "." not in line.word


def _weight(read: ServerSettings, line: Block, losses: Losses) -> None:
    found = loose_number(line.word, MOST_WEIGHT)
    read.weight = read.weight if found is None else found


def _quorum(read: ServerSettings, line: Block, losses: Losses) -> None:
    read.quorum = loose_number(line.word, MOST_WEIGHT) or 1


def _family(read: ServerSettings, line: Block, losses: Losses) -> None:
    read.inet6 = line.word == "inet6"


def _sorry_method(read: ServerSettings, line: Block, losses: Losses) -> None:
    read.sorry_method = forwarding(line.words[1:])
    if read.sorry_method is None:
        losses.no_method(line)


def _alert(read: ServerSettings, line: Block, losses: Losses) -> None:
    if switch(line.word):
        losses.warning(line, NO_MAIL, ON_CHANGE)


def _real_server(read: ServerSettings, line: Block, losses: Losses) -> None:
    found = read_real_server(line, read.method, losses)
    if found is None:
        return
    six = found.rip.version == 6
    tunnelled = (found.method or read.method or {}).get("forwarding_method") == "tunnel"
    family = _family_of(read)
    if family is None and not tunnelled:
        read.inet6 = six
    elif family not in (None, six) and not tunnelled:
        losses.warning(
            line,
            f"{found.rip} is of another family than the virtual server, and keepalived leaves it"
            " out: only a tunnel leads there",
            "remove it, or write lvs_method TUN in it",
        )
        return
    read.real_servers.append(found)


def _family_of(read: ServerSettings) -> bool | None:
    """Return whether the service is of IPv6; None where nothing has said so yet."""
    first = "".join(read.block.words[1:2])
    return read.inet6 if first in ("fwmark", "group") else ":" in first


def _put(name: str, value: object) -> Callable[[ServerSettings, Block, Losses], None]:
    return lambda read, line, _: setattr(read, name, value)


TAKES: Mapping[str, Callable[[ServerSettings, Block, Losses], None]] = {
    "real_server": _real_server,
    "lvs_sched": _scheduler,
    "lb_algo": _scheduler,
    **dict.fromkeys((*NUMBERED, *SCHEDULER_FLAGS), _flag),
    "lvs_method": _method,
    "lb_kind": _method,
    "protocol": _protocol,
    "persistence_timeout": _persistence,
    "persistence_granularity": _granularity,
    "persistence_engine": lambda read, line, _: setattr(read, "engine", line.word),
    "ops": _put("one_packet", True),
    "weight": _weight,
    "ip_family": _family,
    "inhibit_on_failure": _put("inhibit", True),
    "virtualhost": lambda read, line, _: setattr(read, "virtualhost", line.word),
    "quorum": _quorum,
    "sorry_server": lambda read, line, _: setattr(read, "sorry", line),
    "sorry_server_lvs_method": _sorry_method,
    "smtp_alert": _alert,
}
