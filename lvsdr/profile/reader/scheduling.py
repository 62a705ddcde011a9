"""How a virtual server spreads its connections, and what a real server takes of them."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from lvsdr.model.ipvs import SETTING_FIELDS, RealServer, Service, Settings, VirtualServer
from lvsdr.model.ipvs_tunnel import TUNNEL_CHECKSUMS, TUNNEL_TYPES
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS
from lvsdr.profile.reader.network_names import ip_version
from lvsdr.profile.reader.refusal import Refusal, misfit
from lvsdr.profile.reader.wording import Pointer, listed

Entry = Mapping[str, Any]

VALUES_OF = {
    kind: itemgetter(*(each.name for each in known)) for kind, known in SETTING_FIELDS.items()
}
# The numbers of a real server, as they are where it has none, and their places in its settings; no
# rule is between one of these and another field.
_NUMBERED = {
    each.name: (place, each.default)
    for place, each in enumerate(SETTING_FIELDS[RealServer])
    if each.name in {"weight", "upper_threshold", "lower_threshold"}
}
NUMBERS: Mapping[str, Any] = {name: default for name, (_, default) in _NUMBERED.items()}
PLACES: Mapping[str, int] = {name: place for name, (place, _) in _NUMBERED.items()}
CHECKSUMS_OF = {"ipip": ("none",), "gue": TUNNEL_CHECKSUMS, "gre": ("none", "csum")}


def virtual_server(entry: Entry, where: Pointer, service: Service) -> VirtualServer:
    """Return the virtual server that `entry` makes of `service`; raise Refusal."""
    _persists(entry, where, service)
    if entry["one_packet"] and service.protocol not in ("udp", "fwmark"):
        raise misfit(
            (*where, "one_packet"),
            f"{service.protocol} connections are more than one packet",
            "leave out one_packet: it is for udp, and for a fwmark",
        )
    computed = {
        "persistence": entry.get("persistence"),
        "persistence_prefix": _prefix(entry, where, service),
        "flags": _flags(entry, where),
        "engine": entry.get("persistence_engine"),
    }
    return VirtualServer(service, *_settings(VirtualServer, entry, computed))


def real_server_settings(entry: Entry, where: Pointer) -> Settings:
    """Return the settings of the real server that `entry` makes, NUMBERS aside; raise Refusal."""
    return _settings(RealServer, entry, {"tunnel": _tunnel(entry, where)})


def _settings(
    kind: type[VirtualServer | RealServer], entry: Entry, computed: Mapping[str, Any]
) -> Settings:
    """Return a server's settings in their order: `computed`, or what its entry calls the same."""
    values: Settings = VALUES_OF[kind]({**entry, **computed})
    return values


def above(lower: int, upper: int, where: Pointer) -> Refusal:
    """Return what is told where the lower threshold of a real server is above the upper one."""
    return misfit(
        (*where, "lower_threshold"),
        f"{lower} is more than the upper_threshold, {upper}",
        "write a number below the upper_threshold, or leave out lower_threshold"
        if upper
        else "add an upper_threshold, or leave out lower_threshold",
    )


def _tunnel(entry: Entry, where: Pointer) -> tuple[int, int, int]:
    """Return the type, port and flags of a real server's tunnel; raise Refusal."""
    for name in ("tunnel_type", "tunnel_port", "tunnel_checksum"):
        if name in entry and entry["forwarding_method"] != "tunnel":
            raise misfit(
                (*where, name),
                f"{name} does not go with {entry['forwarding_method']}",
                f"leave out {name}, or write tunnel as the forwarding_method",
            )
    kind, checksum = entry.get("tunnel_type", "ipip"), entry.get("tunnel_checksum", "none")
    if kind == "gue" and "tunnel_port" not in entry:
        message = "required with gue, but missing"
        raise misfit((*where, "tunnel_port"), message, "for example 6080")
    if kind != "gue" and "tunnel_port" in entry:
        message = f"a tunnel of type {kind} has no port"
        hint = "leave out tunnel_port, or write gue as the tunnel_type"
        raise misfit((*where, "tunnel_port"), message, hint)
    if checksum not in CHECKSUMS_OF[kind]:
        message = f"{checksum} does not go with {kind}"
        raise misfit((*where, "tunnel_checksum"), message, f"write {listed(CHECKSUMS_OF[kind])}")
    flags = TUNNEL_CHECKSUMS.index(checksum)
    return TUNNEL_TYPES.index(kind), entry.get("tunnel_port", 0), flags


def _persists(entry: Entry, where: Pointer, service: Service) -> None:
    for name in ("persistence_prefix", "persistence_engine"):
        if name in entry and "persistence" not in entry:
            hint = f"add persistence, for example 300, or leave out {name}"
            raise misfit((*where, name), f"{name} needs persistence", hint)
    if "persistence_engine" in entry and service.protocol not in ("udp", "fwmark"):
        raise misfit(
            (*where, "persistence_engine"),
            f"the kernel finds no Call-ID in {service.protocol} packets",
            "leave out persistence_engine: it is for udp, and for a fwmark",
        )


def _prefix(entry: Entry, where: Pointer, service: Service) -> int | None:
    """Return the length of the clients' network; None for one client, as the kernel has it."""
    longest = 128 if service.family == "inet6" else 32
    prefix: int = entry.get("persistence_prefix", longest)
    if prefix > longest:
        address = f"an {ip_version(service.family)} address"
        raise misfit(
            (*where, "persistence_prefix"),
            f"{prefix} is more than {longest}, the length of {address}",
            "for example 24",
        )
    return None if prefix == longest else prefix


def _flags(entry: Entry, where: Pointer) -> int:
    flags = 0
    for place, name in enumerate(entry["scheduler_flags"]):
        scheduler, bit = SCHEDULER_FLAGS[name]
        if scheduler != entry["scheduler"]:
            raise misfit(
                (*where, "scheduler_flags", place),
                f"{name} is a flag of {scheduler}, the scheduler is {entry['scheduler']}",
                f"leave it out, or write {scheduler} as the scheduler",
            )
        flags |= bit
    return flags
