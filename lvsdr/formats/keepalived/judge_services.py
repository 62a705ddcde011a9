"""The virtual servers of keepalived.conf judged: what keepalived makes of them, and of no other.

What a virtual_server does without, and what it says in vain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.host_conf import HostConf
from lvsdr.formats.keepalived.served import METHODS, OVER_TCP, PROTOCOLS, WEB, Served
from lvsdr.formats.keepalived.virtual_servers import ServiceLine
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.scheduler_flags import SCHEDULERS


def service_faults(host: HostConf) -> Iterator[Finding]:
    """Yield what is wrong with the virtual servers of a file, each by itself, and in pairs."""
    conf = host.conf
    groups = {block.value for block in conf.root.all("virtual_server_group")}
    for each in host.services:
        yield from _named(conf, each, groups)
        if each.lines or each.group:
            yield from _protocol(conf, each)
            yield from _method(conf, each)
            yield from _scheduler(conf, each)
            yield from _checked(conf, each)
    yield from _twice(conf, host.services)


def _named(conf: Configuration, each: Served, groups: set[str]) -> Iterator[Finding]:
    """Yield what keepalived leaves out whole."""
    if not each.lines and not each.group:
        text = f"{each.title} is no ADDRESS PORT: keepalived leaves it out, and nobody serves it"
        yield _unread(conf, each.block, text, "write: virtual_server 192.0.2.1 80 {")
    elif each.group and each.group not in groups:
        text = f"there is no virtual_server_group {each.group}: nobody serves {each.title}"
        yield _unread(conf, each.block, text, "write the group, or its name as it stands there")
    if (each.lines or each.group) and not each.real_servers:
        text = f"{each.title} has no real_server: keepalived leaves it out, and nobody serves it"
        yield _unread(conf, each.block, text, "add its real servers, or remove it")
    for server in each.real_servers:
        if server.address is None or (server.port and not server.port.isdigit()):
            text = f"{server.block.name} {server.block.value} is no ADDRESS PORT: keepalived"
            text += " leaves it out"
            alone = all(other.address is None for other in each.real_servers)
            yield _unread(
                conf,
                server.block,
                text,
                "write: real_server 192.0.2.11 80 {",
                severity=ERROR if alone else WARNING,
            )


def _protocol(conf: Configuration, each: Served) -> Iterator[Finding]:
    if each.is_marked or each.protocol is not None:
        return
    checks = {name for server in each.real_servers for name in server.checks}
    said = [line.word for line in each.block.all("protocol")]
    what = f"protocol {said[-1]} is none" if said else "it says no protocol"
    text = f"{each.title}: {what}: keepalived serves UDP"
    lost = bool(checks & set(WEB))
    if lost or checks & set(OVER_TCP):
        text += f", and checks TCP ({', '.join(sorted(checks & {*WEB, *OVER_TCP}))})"
    look = f"add to it: protocol {PROTOCOLS[0]}"
    yield Finding(
        "KEEPALIVED-PROTOCOL", ERROR if lost else WARNING, conf.file,
        f"{each.block.where}: {text}", look=look,
    )  # fmt: skip


def _method(conf: Configuration, each: Served) -> Iterator[Finding]:
    if each.method is not None:
        return
    said = each.said_method
    # Capitals alone are known: what was meant is not what is set up.
    meant = said.upper() if said.upper() in METHODS else ""
    what = f"lb_kind {said} is none" if said else "it says no lb_kind"
    text = f"{each.block.where}: {each.title}: {what}: keepalived sets up NAT"
    lost = meant not in ("", "NAT")
    if lost:
        text += f", for which real servers that are set up for {meant} do not answer"
    look = f"write: lb_kind {meant or 'DR'}" + ("" if meant else ", or NAT where it is meant")
    yield Finding("KEEPALIVED-METHOD", ERROR if lost else WARNING, conf.file, text, look=look)


def _scheduler(conf: Configuration, each: Served) -> Iterator[Finding]:
    said = each.said_scheduler
    if not said or said in SCHEDULERS:
        return
    text = f"{each.block.where}: {each.title}: no scheduler is called {said}: keepalived takes"
    look = f"write: lb_algo wlc, or another of {', '.join(SCHEDULERS)}"
    yield Finding("KEEPALIVED-SCHEDULER", WARNING, conf.file, f"{text} {each.scheduler}", look=look)


def _checked(conf: Configuration, each: Served) -> Iterator[Finding]:
    without = [server for server in each.real_servers if server.address and not server.checks]
    if not without:
        return
    names = ", ".join(server.title for server in without[:3])
    names += f" and {len(without) - 3} more" if without[3:] else ""
    text = f"{without[0].block.where}: {each.title}: nobody checks {names}: what is dead"
    yield Finding(
        "KEEPALIVED-NO-CHECK", WARNING, conf.file, f"{text} still gets requests",
        look="add a check to each real_server: TCP_CHECK, HTTP_GET, ...",
    )  # fmt: skip


def _twice(conf: Configuration, every: Sequence[Served]) -> Iterator[Finding]:
    """Yield the services that two blocks have: keepalived makes one of them, silently."""
    seen: dict[tuple[str, ServiceLine], Served] = {}
    for each in every:
        for line in each.lines:
            key = ("" if line.fwmark else each.protocol or "UDP", _bare(line))
            other = seen.setdefault(key, each)
            if other is not each:
                text = f"{each.block.where}: {each.title} is at {other.block.where} too: keepalived"
                text += " makes one of both, with the real servers of both"
                look = "write one block"
                yield Finding("KEEPALIVED-SERVICE-TWICE", WARNING, conf.file, text, look=look)
                break


def _bare(line: ServiceLine) -> ServiceLine:
    """Return a line as that of any other place."""
    return ServiceLine(line.port, "", line.first, line.last, line.fwmark)


def _unread(
    conf: Configuration, block: Block, text: str, look: str, severity: str = ERROR
) -> Finding:
    return Finding("KEEPALIVED-UNREAD", severity, conf.file, f"{block.where}: {text}", look=look)
