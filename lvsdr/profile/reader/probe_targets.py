"""What `verify` asks of a virtual server that has no port, or no VIP, of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.profile import ProbeTarget
from lvsdr.profile.reader.network_names import family, host_address, ip_version
from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer

FIELDS = ("probe_vip", "probe_protocol", "probe_port")


def probe_target(
    entry: Mapping[str, Any],
    where: Pointer,
    service: Service,
    vips: Collection[IPAddress],
    servers: Iterable[RealServer],
) -> ProbeTarget | None:
    """Return what an entry of virtual_servers wants asked, None without such a field.

    Of its real servers those are asked at a VIP that see it: masquerade is asked at the RIP.
    """
    given = [name for name in FIELDS if name in entry]
    if not given:
        return None
    if service.vip is not None:
        _only_a_port(entry, where, service)
        return ProbeTarget(service, None, service.protocol, entry["probe_port"])
    vip = None
    if "probe_vip" in entry:
        vip = host_address(entry["probe_vip"], (*where, "probe_vip"), "VIP")
        if family(vip) != service.family:
            raise misfit(
                (*where, "probe_vip"),
                f"{vip} is {ip_version(family(vip))}, the first real server is"
                f" {ip_version(service.family)}",
                f"write an {ip_version(service.family)} address that has this mark",
            )
    elif not any(family(each) == service.family for each in vips) and any(
        server.forwarding_method != "masquerade" for server in servers
    ):
        raise misfit(
            (*where, given[0]),
            f"{given[0]} needs an address to ask at, and vips has none",
            "add probe_vip, an address that has this mark",
        )
    if "probe_port" not in entry:
        return ProbeTarget(service, vip, "", 0)
    return ProbeTarget(service, vip, entry.get("probe_protocol", "tcp"), entry["probe_port"])


def _only_a_port(entry: Mapping[str, Any], where: Pointer, service: Service) -> None:
    for name in ("probe_vip", "probe_protocol"):
        if name in entry:
            own = name.removeprefix("probe_")
            raise misfit(
                (*where, name), f"{name} is for a fwmark", f"leave it out: {own} says what is asked"
            )
    if service.port:
        raise misfit(
            (*where, "probe_port"),
            f"this virtual server has port {service.port}, which is what is probed",
            "leave out probe_port: it is for a fwmark, and for port 0",
        )
