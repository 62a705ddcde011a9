"""What a director sets besides its table: timeouts, sync daemons, settings of IPVS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.objects import Sysctl
from lvsdr.profile.reader.network_names import family, link_name
from lvsdr.profile.reader.processor_list import processors
from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer, shown

Entry = Mapping[str, Any]

# What fits into a packet beside its headers: of 1500 bytes, and of 65535.
USUAL, MOST = {"inet": 1472, "inet6": 1452}, {"inet": 65507, "inet6": 65487}
# The kernel gives a backup no smaller buffer.
LEAST_OF_A_BACKUP = 1024


def timeouts(entry: Entry) -> tuple[Timeout, ...]:
    """Return the timeouts that a profile names."""
    return tuple(Timeout(protocol, seconds) for protocol, seconds in entry.items())


def sysctls(entry: Entry) -> tuple[Sysctl, ...]:
    """Return the settings of IPVS that a profile names; raise Refusal."""
    if "sync_threshold" in entry:
        _threshold(entry["sync_threshold"])
    return tuple(Sysctl(f"net/ipv4/vs/{name}", _value(name, v)) for name, v in entry.items())


def sync_daemons(entries: Sequence[Entry], interface: str) -> tuple[SyncDaemon, ...]:
    """Return the sync daemons, on `interface` where they name no other link; raise Refusal."""
    places: dict[str, int] = {}
    daemons: list[SyncDaemon] = []
    for place, entry in enumerate(entries):
        where = ("sync_daemons", place)
        state = entry["state"]
        if places.setdefault(state, place) != place:
            message = f"{state} is in /sync_daemons/{places[state]} already"
            raise misfit((*where, "state"), message, "the kernel has one of each state: remove one")
        daemons.append(_daemon(entry, where, interface))
    return tuple(daemons)


def of_one_family(servers: Iterable[RealServer]) -> None:
    """Raise Refusal where a real server is of another family than its virtual server."""
    for server in servers:
        if family(server.rip) != server.service.family:
            # Sync messages have no room for it, and the kernel refuses one of the two.
            raise misfit(
                ("sync_daemons",),
                f"no sync daemon goes with {server.rip}, whose virtual server is of another family",
                "leave out sync_daemons, or give that real server an address of the same family",
            )


def fit_for_standby(data: Entry) -> None:
    """Raise Refusal where a synced standby lacks a sync daemon, or would not pass packets by."""
    states = {entry["state"] for entry in data["sync_daemons"]}
    for state in ("master", "backup"):
        if state not in states:
            raise misfit(
                ("standby",),
                f"a synced standby needs a sync daemon of each state, and there is no {state}",
                f'add {{"state": "{state}", "syncid": 1}} to sync_daemons',
            )
    if data["vips_owner"] == "lvsdr" and data["sysctls"].get("backup_only") == 0:
        raise misfit(
            ("sysctls", "backup_only"),
            "with 0, a synced standby schedules what the active director sends it, in a loop",
            "leave it out: synced sets it to 1",
        )


def _daemon(entry: Entry, where: Pointer, interface: str) -> SyncDaemon:
    group = _group(entry["group"], (*where, "group"))
    maxlen = entry.get("sync_maxlen", USUAL[family(group)])
    least = LEAST_OF_A_BACKUP if entry["state"] == "backup" else 1
    most = MOST[family(group)]
    if not least <= maxlen <= most:
        raise misfit(
            (*where, "sync_maxlen"),
            f"{maxlen} is not between {least} and {most}",
            "leave it out, or write the same on master and backup",
        )
    link = link_name(entry.get("interface", interface), (*where, "interface"))
    return SyncDaemon(
        entry["state"], link, entry["syncid"], maxlen, group, entry["port"], entry["ttl"]
    )


def _group(text: str, where: Pointer) -> IPAddress:
    try:
        group = ip_address(text)
    except ValueError:
        group = None
    if group is None or not group.is_multicast or getattr(group, "scope_id", None):
        raise misfit(
            where, f"{shown(text)} is not a multicast address", "for example 224.0.0.81 or ff02::51"
        )
    return group


def _threshold(text: str) -> None:
    threshold, period = map(int, text.split())
    if period and threshold >= period:
        raise misfit(
            ("sysctls", "sync_threshold"),
            f"{threshold} is not less than {period}",
            'for example "3 50": at the third packet of each fifty',
        )


def _value(name: str, value: int | str) -> str:
    """Return a value as the kernel writes it; raise Refusal."""
    if name == "est_cpulist":
        return processors(str(value), ("sysctls", name))
    return " ".join(str(int(each)) for each in str(value).split())
