"""A real server of keepalived in the words of a profile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address
from typing import Any

from lvsdr.formats.keepalived.conf_losses import Losses
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.forwarding_words import NAT
from lvsdr.formats.keepalived.real_server_lines import RealServerLines, place_of
from lvsdr.formats.keepalived.server_settings import ServerSettings
from lvsdr.formats.keepalived.service_places import Place
from lvsdr.model.address import IPAddress
from lvsdr.model.imported import Document
from lvsdr.model.late_dataclasses import dataclass

# The first bytes of which every IPv4 address is a host's; the others have to be looked at.
UNICAST = frozenset(range(1, 224)) - {127}
TUNNEL = ("tunnel_type", "tunnel_port", "tunnel_checksum")


@dataclass(frozen=True, slots=True)
class Around:
    """The service that a real server is of: `six` where it is of IPv6, `vips` of the profile."""

    read: ServerSettings
    place: Place
    six: bool
    vips: Collection[IPAddress]
    losses: Losses


def real_server(lines: RealServerLines, around: Around) -> Document | None:
    """Return the entry of a real server; None for one that is lost, or not in the table either."""
    method = lines.method or lines.default or around.read.method or NAT
    if not _can_be(lines.block, lines.rip, around):
        return None
    if lines.lower > lines.upper or lines.upper >= 1 << 31:
        around.losses.warning(
            lines.block,
            f"lthreshold {lines.lower} is above uthreshold {lines.upper}, or that beyond all"
            " bounds: the kernel refuses this real server, and keepalived goes on without it",
            "mend the thresholds; then write it into the profile",
        )
        return None
    if not _reaches(lines.rip, method, around):
        around.losses.error(
            lines.block,
            f"{lines.rip} is of another family than the service, which a profile cannot say here",
            "give it an address of the same family",
        )
        return None
    weight = around.read.weight if lines.weight is None else lines.weight
    return {
        "rip": str(lines.rip),
        **_port_of(lines.port, method, around),
        **({"weight": weight} if weight != 1 else {}),
        **_method_fields(method, lines.upper, lines.lower),
    }


def sorry_server(servers: Collection[Document], around: Around) -> Document | None:
    """Return the entry of the sorry server; None without one, or for one that is lost."""
    line = around.read.sorry
    found = None if line is None else place_of(line.words)
    if line is None or found is None:
        return None
    rip, port = found
    method = around.read.sorry_method or around.read.method or NAT
    if not _can_be(line, rip, around):
        return None
    document = {
        "rip": str(rip),
        **_port_of(port, method, around),
        **_method_fields(method, 0, 0),
    }
    if _reaches(rip, method, around) and place_in(document) not in map(place_in, servers):
        return document
    around.losses.error(
        line,
        f"the sorry server {rip} is one of the real servers, or of another family",
        "name another host",
    )
    return None


def place_in(server: Mapping[str, Any]) -> tuple[str, int]:
    """Return what a service knows a real server by."""
    return server["rip"], server.get("port", -1)


def is_host(address: IPAddress) -> bool:
    """Return whether a host other than this one can have an address."""
    if address.version == 4 and int(address) >> 24 in UNICAST:
        return True
    return not (
        address.is_multicast
        or address.is_loopback
        or address.is_unspecified
        or address == IPv4Address("255.255.255.255")
        or (address.version == 6 and address.is_link_local)
        or getattr(address, "ipv4_mapped", None) is not None
        or getattr(address, "scope_id", None)
    )


def _can_be(line: Block, rip: IPAddress, around: Around) -> bool:
    if is_host(rip) and rip not in around.vips:
        return True
    around.losses.error(
        line,
        f"{rip} is this host or a VIP: a real server is another host, by an address of its own",
        "leave the service to this host, or name another one",
    )
    return False


def _reaches(rip: IPAddress, method: Document, around: Around) -> bool:
    if (rip.version == 6) == around.six:
        return True
    # Of a mark the profile takes the family from the real servers.
    return method["forwarding_method"] == "tunnel" and around.place.vip is not None


def _port_of(port: int | None, method: Document, around: Around) -> Document:
    """Return the port of a real server: its own counts behind masquerade alone."""
    if method["forwarding_method"] != "masquerade":
        return {}
    # Without one it keeps that of the client's packets: the service's.
    if port is None:
        return {}
    return {"port": port} if port != around.place.port else {}


def _method_fields(method: Document, upper: int, lower: int) -> Document:
    name = method["forwarding_method"]
    return {
        **({} if name == "dr" else {"forwarding_method": name}),
        **({"upper_threshold": upper} if upper else {}),
        **({"lower_threshold": lower} if lower else {}),
        **{each: method[each] for each in TUNNEL if each in method},
    }
