"""The table of a director that is keepalived's: where it differs from the profile, and no more.

What differs is for keepalived to mend, whose checks may have found what the profile cannot know: no
remedy here writes the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile

CONF = "the virtual_server of keepalived.conf, and whether keepalived runs and has read it"
CHECKS = "what its checks have found: journalctl -u keepalived; and whether keepalived.conf has it"
WHY = "its checks have taken it out, or it has never been told of it"


def differences(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield what of the profile keepalived has otherwise, or not at all."""
    if profile.writes_table:
        return
    services = {each.service: each for each in host.virtual_servers}
    servers = {each.key: each for each in host.real_servers}
    for wanted in profile.virtual_servers:
        seen = services.get(wanted.service)
        if seen != wanted:
            yield _service(wanted, seen)
    for server in profile.real_servers:
        there = servers.get(server.key)
        if server.service in services and there != server:
            yield _real_server(server, there)


def words_alone(found: Iterable[Finding], profile: DirectorProfile) -> Iterator[Finding]:
    """Yield findings whose remedies leave the table to the one who writes it."""
    for each in found:
        if profile.writes_table or "ipvsadm -d" not in each.hint + each.look:
            yield each
        else:
            yield replace(each, hint="", look=f"keepalived, which owns the table: {CONF}", on="")


def _service(wanted: VirtualServer, seen: VirtualServer | None) -> Finding:
    how = (
        "is not in the table, which the profile leaves to keepalived: nobody is served"
        if seen is None
        else f"is {seen.detail} in keepalived's table, and the profile says {wanted.detail}"
    )
    return Finding(
        "TABLE-DIFFERS",
        ERROR,
        wanted.title,
        f"virtual server {wanted.title} {how}",
        look=CONF,
        vip=wanted.service.vip,
    )


def _real_server(wanted: RealServer, seen: RealServer | None) -> Finding:
    title, vip, rip = wanted.title, wanted.service.vip, wanted.rip
    if seen is None or (not seen.weight and replace(seen, weight=wanted.weight) == wanted):
        how = "is not" if seen is None else "has weight 0"
        message = f"real server {title} {how} in keepalived's table: {WHY}"
        return Finding("TABLE-OUT", WARNING, title, message, look=CHECKS, vip=vip, rip=rip)
    same = replace(seen, weight=wanted.weight) == wanted
    return Finding(
        "TABLE-DIFFERS",
        WARNING if same else ERROR,
        title,
        f"real server {title} is {seen.detail} in keepalived's table, and the profile says"
        f" {wanted.detail}",
        look=CONF,
        vip=vip,
        rip=rip,
    )
