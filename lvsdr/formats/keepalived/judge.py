"""keepalived.conf judged: what will go wrong beside lvsdr."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from lvsdr.formats.keepalived.alike_lines import with_alike_lines
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.host_conf import HostConf
from lvsdr.formats.keepalived.judge_failover import after_a_failover
from lvsdr.formats.keepalived.judge_hooks import (
    hooks_not_run_by_root,
    hooks_without_stop,
    script_faults,
)
from lvsdr.formats.keepalived.judge_instances import instance_faults
from lvsdr.formats.keepalived.judge_lines import line_faults
from lvsdr.formats.keepalived.judge_pairs import two_masters
from lvsdr.formats.keepalived.judge_places import place_faults
from lvsdr.formats.keepalived.judge_routers import router_faults, router_id_clashes
from lvsdr.formats.keepalived.judge_services import service_faults
from lvsdr.formats.keepalived.judge_vips import vip_faults, vips_of_two_routers
from lvsdr.formats.keepalived.templates import undefined_fault
from lvsdr.formats.keepalived.versions import Version
from lvsdr.formats.keepalived.virtual_servers import ServiceBlock
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.printable import printable
from lvsdr.model.profile import DirectorProfile


def findings(
    confs: Sequence[Configuration],
    director: DirectorProfile | None = None,
    leaving: Collection[str] = (),
    version: Version | None = None,
) -> Iterator[Finding]:
    """Yield what is wrong in each configuration, and between those of one cluster; each once.

    `leaving` are the files of the profiles that leave the table to keepalived, `version` that of
    keepalived, where what differs between them is to be told.
    """
    templates = {conf.name: undefined_fault(conf) for conf in confs}
    filled_in = [conf for conf in confs if templates[conf.name] is None]
    yield from map(_legible, with_alike_lines(filter(None, templates.values())))
    yield from map(_legible, with_alike_lines(_all(filled_in, director, leaving, version)))


def _legible(finding: Finding) -> Finding:
    """Return a finding in which words of the file are safe for a terminal and a profile."""
    return replace(finding, message=printable(finding.message), look=printable(finding.look))


def _all(
    confs: Sequence[Configuration],
    director: DirectorProfile | None,
    leaving: Collection[str],
    version: Version | None,
) -> Iterator[Finding]:
    hosts = [HostConf.of(conf) for conf in confs]
    for host in hosts:
        yield from _one(host, director, leaving, version)
    yield from router_id_clashes(confs)
    yield from vips_of_two_routers(confs)
    yield from two_masters(hosts)
    yield from after_a_failover(hosts)


def _one(
    host: HostConf,
    director: DirectorProfile | None,
    leaving: Collection[str],
    version: Version | None,
) -> Iterator[Finding]:
    """Yield what a configuration has wrong by itself, and beside a profile."""
    conf = host.conf
    ours = director is not None or conf.names_lvsdr()
    yield from script_faults(conf, version, certain=director is not None)
    yield from hooks_not_run_by_root(conf, certain=director is not None)
    if not _is_keepaliveds(conf, director, leaving):
        yield from _beside_lvsdr(conf, director)
    yield from hooks_without_stop(conf, ours=ours)
    for router in conf.routers():
        yield from router_faults(conf, router, ours=ours)
    yield from line_faults(conf)
    yield from instance_faults(host)
    yield from service_faults(host)
    yield from place_faults(host, beside=director is not None)
    if director is not None:
        yield from vip_faults(conf, director)


def _is_keepaliveds(
    conf: Configuration, director: DirectorProfile | None, leaving: Collection[str]
) -> bool:
    """Return whether the table is keepalived's, as the profile says, or else those of its hooks."""
    if director is not None:
        return not director.writes_table
    profiles = set(conf.profiles())
    return bool(profiles) and profiles <= set(leaving)


def _beside_lvsdr(conf: Configuration, director: DirectorProfile | None) -> Iterator[Finding]:
    """Yield what takes lvsdr's table away: a profile has one, whatever the hooks are called."""
    called = conf.calls_lvsdr()
    yield from _flushed(conf, ours=director is not None or conf.names_lvsdr())
    if not called and director is None:
        return
    for each in conf.services():
        if called or (director is not None and _serves(each, director)):
            # Who reads a FIFO it does not say, and whose profile then says whose the table is.
            certain = director is not None or conf.names_lvsdr()
            yield Finding(
                "KEEPALIVED-VIRTUAL-SERVER",
                ERROR if certain else WARNING,
                conf.file,
                f"{each.block.where}: keepalived manages {each.block.value}, and lvsdr has a table"
                " as well: keepalived takes its services away when it stops",
                look='write "table_owner": "keepalived" in the profile, or remove the'
                " virtual_server blocks or the hooks of lvsdr"
                if certain
                else 'the profile that lvsdr keepalived fifo has, for "table_owner": "keepalived"',
            )


def _flushed(conf: Configuration, *, ours: bool) -> Iterator[Finding]:
    """Yield what empties the whole table: an error where one in it is lvsdr's."""
    for flush in conf.flushes():
        yield Finding(
            "KEEPALIVED-LVS-FLUSH",
            ERROR if ours else WARNING,
            conf.file,
            f"{flush.where}: {flush.name} empties the whole IPVS table, "
            + ("that of lvsdr too" if ours else "whoever has made it"),
            look=f"remove {flush.name}",
        )


def _serves(block: ServiceBlock, director: DirectorProfile) -> bool:
    """Return whether a virtual_server, or a group, speaks of a service of the profile."""
    services = [each.service for each in director.virtual_servers]
    marks = {str(each.fwmark) for each in services if each.fwmark is not None}
    return any(
        line.fwmark in marks or any(line.has(vip) for vip in director.vips) for line in block.lines
    )
