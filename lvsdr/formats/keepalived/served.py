"""What the virtual_server blocks of keepalived.conf come to, with keepalived's own defaults.

Measured with keepalived 2.2.7: the last of several lines counts, and of each its first word; what
is no word that keepalived knows counts as not said.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.virtual_routers import interface_of
from lvsdr.formats.keepalived.virtual_servers import ServiceLine, services_in
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.scheduler_flags import SCHEDULERS

METHODS = ("NAT", "DR", "TUN")
PROTOCOLS = ("TCP", "UDP", "SCTP")
SCHEDULED, SENT = ("lb_algo", "lvs_sched"), ("lb_kind", "lvs_method")
# Those that speak TCP to the service itself, whatever is said of its protocol.
WEB, OVER_TCP = ("HTTP_GET", "SSL_GET", "SMTP_CHECK"), ("TCP_CHECK",)
CHECKERS = (
    *(*WEB, *OVER_TCP),
    *("DNS_CHECK", "MISC_CHECK", "PING_CHECK", "UDP_CHECK", "BFD_CHECK", "FILE_CHECK"),
)


@dataclass(frozen=True, slots=True)
class ServedBy:
    """A real_server; `port` is "" where none is said, `address` None for what is none."""

    block: Block
    address: IPAddress | None
    port: str
    weight: str
    method: str
    checks: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.address} {self.port}".strip()


@dataclass(frozen=True, slots=True)
class Served:
    """A virtual_server: the services that it names, and how they are spread.

    `protocol` and `method` are None where the file does not say one that keepalived knows;
    `said_method` and `said_scheduler` are what it says in those places.
    """

    block: Block
    lines: tuple[ServiceLine, ...]
    group: str
    protocol: str | None
    method: str | None
    said_method: str
    scheduler: str
    said_scheduler: str
    persistence: str
    real_servers: tuple[ServedBy, ...]
    sorry: str

    @property
    def title(self) -> str:
        return f"virtual_server {self.block.value}"

    @property
    def is_marked(self) -> bool:
        return any(each.fwmark for each in self.lines)


def served_in(root: Block) -> Iterator[Served]:
    """Yield the virtual servers, in the order of the file."""
    groups: dict[str, list[ServiceLine]] = {}
    every = [*services_in(root)]
    for each in every:
        if each.block.name == "virtual_server_group":
            groups.setdefault("".join(each.block.words[1:2]), []).extend(each.lines)
    for each in every:
        block = each.block
        if block.name == "virtual_server":
            group = block.words[2] if block.words[1:2] == ["group"] and block.words[2:] else ""
            lines = tuple(groups.get(group, ())) if group else each.lines
            yield _served(block, lines, group)


def _served(block: Block, lines: tuple[ServiceLine, ...], group: str) -> Served:
    method = _last(block, SENT, METHODS)
    return Served(
        block,
        lines,
        group,
        _last(block, ("protocol",), PROTOCOLS, capitals=True),
        method,
        _said(block, *SENT),
        _last(block, SCHEDULED, SCHEDULERS) or "wlc",
        _said(block, *SCHEDULED),
        _persistence(block),
        tuple(_real_server(each, block, method) for each in block.all("real_server")),
        next((each.value for each in [*block.all("sorry_server")][::-1]), ""),
    )


def _real_server(block: Block, service: Block, method: str | None) -> ServedBy:
    name, port = (*block.words[1:], "", "")[:2]
    address = interface_of(name)
    return ServedBy(
        block,
        None if address is None else address.ip,
        port,
        _said(block, "weight") or _said(service, "weight") or "1",
        _last(block, SENT, METHODS) or method or "NAT",
        tuple(each.name for each in block.all(*CHECKERS)),
    )


def _persistence(block: Block) -> str:
    """Return the seconds; "0" where it is not persistent."""
    lines = [*block.all("persistence_timeout")]
    if lines:
        return lines[-1].words[1] if lines[-1].words[1:] else "360"
    return "360" if block.first("persistence_granularity") else "0"


def _said(block: Block, *names: str) -> str:
    return next((each.words[1] for each in _lines(block, names) if each.words[1:]), "")


def _last(
    block: Block, names: tuple[str, ...], known: tuple[str, ...], *, capitals: bool = False
) -> str | None:
    """Return the last value that keepalived knows."""
    values = (each.words[1] for each in _lines(block, names) if each.words[1:])
    words = (each.upper() if capitals else each for each in values)
    return next((each for each in words if each in known), None)


def _lines(block: Block, names: tuple[str, ...]) -> list[Block]:
    """Return the lines that have one of `names`, the last first."""
    return [*block.all(*names)][::-1]
