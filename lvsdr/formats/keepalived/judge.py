"""keepalived.conf judged: what will bite beside lvsdr."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.formats.keepalived.conditions import Reading
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.judge_hooks import calls_lvsdr, of_scripts, of_stops, of_users
from lvsdr.formats.keepalived.judge_routers import interface_of, of_instance, of_routers
from lvsdr.formats.keepalived.judge_vips import of_masters, of_owners
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.profile import DirectorProfile


def findings(
    readings: Sequence[Reading], director: DirectorProfile | None = None
) -> Iterator[Finding]:
    """Yield what is wrong in each reading, and between those of one cluster; each once."""
    yield from dict.fromkeys(_all(readings, director))


def _all(readings: Sequence[Reading], director: DirectorProfile | None) -> Iterator[Finding]:
    for reading in readings:
        yield from of_scripts(reading)
        yield from of_users(reading, certain=director is not None)
        yield from _beside_lvsdr(reading, director)
        yield from of_stops(reading)
        for instance in reading.root.all("vrrp_instance"):
            yield from of_instance(reading, instance)
        if director is not None:
            yield from of_owners(reading, director)
    yield from of_routers(readings)
    yield from of_masters(readings)


def _beside_lvsdr(reading: Reading, director: DirectorProfile | None) -> Iterator[Finding]:
    """Yield what takes lvsdr's table away: a profile has one, whatever the hooks are called."""
    root = reading.root
    called = calls_lvsdr(root)
    if not called and director is None:
        return
    for block in root.all("virtual_server", "virtual_server_group"):
        if called or (director is not None and _serves(block, director)):
            yield Finding(
                "KEEPALIVED-VIRTUAL-SERVER",
                ERROR,
                reading.file,
                f"{block.where}: keepalived manages {block.value}, and lvsdr has a table as well:"
                " keepalived takes its services away when it stops",
                "remove the virtual_server blocks, or the hooks of lvsdr",
            )
    for each in root.within("global_defs", "lvs_flush", "lvs_flush_onstop", "lvs_flush_on_stop"):
        yield Finding(
            "KEEPALIVED-LVS-FLUSH",
            ERROR,
            reading.file,
            f"{each.where}: {each.name} empties the whole IPVS table, that of lvsdr too",
            f"remove {each.name}",
        )


def _serves(block: Block, director: DirectorProfile) -> bool:
    """Return whether a virtual_server, or a group, speaks of a service of the profile."""
    of_group = block.name == "virtual_server_group"
    lines = [each.words for each in block.inner] if of_group else [block.words[1:]]
    marks = {str(each.service.fwmark) for each in director.virtual_servers}
    return any(
        line[1:2] and line[1] in marks if line[:1] == ["fwmark"] else _is_vip(line, director)
        for line in lines
    )


def _is_vip(line: Sequence[str], director: DirectorProfile) -> bool:
    # A group may have a range: 192.0.2.1-9.
    address = interface_of(line[0].partition("-")[0]) if line else None
    return address is not None and address.ip in director.vips
