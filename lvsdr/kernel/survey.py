"""The survey: every link and address of the namespace, and its ARP settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lvsdr.kernel.addresses import all_addresses
from lvsdr.kernel.errno import reading
from lvsdr.kernel.links import IFF_LOOPBACK, IFF_NOARP, IFF_UP, kind_of
from lvsdr.kernel.sockets import Sockets
from lvsdr.kernel.sysctls import value_of
from lvsdr.model.survey import Survey, SurveyedLink

ARP_SYSCTLS = ("arp_ignore", "arp_announce")


def survey(sockets: Sockets) -> Survey:
    """Return the host's links, addresses and ARP settings."""
    with reading("the links"):
        messages = list(sockets.route.link("dump"))
    with reading("the addresses"):
        addresses = tuple((item.link, item.ip) for item in all_addresses(sockets.route))
    links = _links(messages)
    return Survey(links, addresses, _settings(("all", "default", *links)))


def _links(messages: Iterable[Any]) -> dict[str, SurveyedLink]:
    by_index = {message["index"]: message for message in messages}
    found = {}
    for message in by_index.values():
        master = by_index.get(message.get_attr("IFLA_MASTER"))
        flags = message["flags"]
        name = message.get_attr("IFLA_IFNAME")
        found[name] = SurveyedLink(
            name=name,
            link_kind="loopback" if flags & IFF_LOOPBACK else kind_of(message),
            mac=message.get_attr("IFLA_ADDRESS") or "",
            up=bool(flags & IFF_UP),
            arp=not flags & IFF_NOARP,
            loopback=bool(flags & IFF_LOOPBACK),
            master=None if master is None else master.get_attr("IFLA_IFNAME"),
            master_kind="" if master is None else kind_of(master),
            index=message["index"],
            below=message.get_attr("IFLA_LINK") or 0,
            far=message.get_attr("IFLA_LINK_NETNSID"),
            parent=_parent(message, by_index),
            mtu=message.get_attr("IFLA_MTU") or 0,
        )
    return found


def _parent(message: Any, by_index: Mapping[int, Any]) -> str | None:
    below = by_index.get(message.get_attr("IFLA_LINK"))
    # One in another namespace (a veth's peer) is numbered there.
    if below is None or message.get_attr("IFLA_LINK_NETNSID") is not None:
        return None
    return str(below.get_attr("IFLA_IFNAME"))


def _settings(scopes: Iterable[str]) -> dict[str, str]:
    paths = (f"net/ipv4/conf/{scope}/{name}" for scope in scopes for name in ARP_SYSCTLS)
    values = ((path, value_of(path)) for path in paths)
    return {path: value for path, value in values if value is not None}
