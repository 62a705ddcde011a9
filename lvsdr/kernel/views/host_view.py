"""The host, as a plan needs it: every link and address, the ARP settings, the proxy entries."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.netlink import rtm_address, rtm_link
from lvsdr.kernel.netlink.netlink_messages import NOTHING, as_number, unpack_attributes
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_address import RawAddress
from lvsdr.kernel.netlink.rtm_link import Links, RawLink
from lvsdr.kernel.tables.proxy_neighbours import every_proxy
from lvsdr.kernel.tables.sysctls import values_of
from lvsdr.model.host import HeldAddress, Host, HostLink

ARP_SYSCTLS = ("arp_ignore", "arp_announce")
# Of these the kernel names the other end where it names what other links lie on.
CABLES = frozenset({"veth", "netkit", "vxcan"})
# linux/if_link.h
IFLA_VRF_TABLE, IFLA_IPVLAN_MODE = 1, 1
IPVLAN_MODES = {0: "l2", 1: "l3", 2: "l3s"}


def read_host(sockets: Sockets) -> Host:
    """Return the host's links, addresses, ARP settings and proxy entries."""
    return host_of(sockets, *links_and_addresses(sockets))


def links_and_addresses(sockets: Sockets) -> tuple[Links, list[RawAddress]]:
    """Return every link and every address of the namespace, in the kernel's order."""
    with reading("the links"):
        links = rtm_link.dump(sockets.rtnetlink)
    with reading("the addresses"):
        return links, rtm_address.dump(sockets.rtnetlink)


def host_of(sockets: Sockets, links: Links, addresses: Iterable[RawAddress]) -> Host:
    """Return the host that has such links and addresses, with what is read besides."""
    found = {each.name: _link(each, links) for each in links.values()}
    return Host(
        found,
        tuple(_held(links, each) for each in addresses),
        _settings(("all", "default", *found)),
        tuple(every_proxy(sockets, links)),
    )


def _held(links: Links, found: RawAddress) -> HeldAddress:
    return HeldAddress(
        # Empty for one that came after the list was made.
        link=links[found.index].name if found.index in links else "",
        ip=found.ip,
        scope=found.scope,
        tentative=found.tentative,
        failed=found.failed,
    )


def _link(found: RawLink, links: Links) -> HostLink:
    master = links.get(found.master)
    # One in another namespace is numbered there; and the ends of a cable are no base of each other.
    lies = found.far is None and found.kind not in CABLES
    parent = links.get(found.below) if lies else None
    return HostLink(
        name=found.name,
        link_kind="loopback" if found.loopback else found.kind,
        mac=found.mac,
        up=found.up,
        arp=found.arp,
        loopback=found.loopback,
        master=None if master is None else master.name,
        master_kind="" if master is None else master.kind,
        index=found.index,
        below=found.below,
        far=found.far,
        parent=None if parent is None else parent.name,
        mtu=found.mtu,
        table=_vrf_table(found) or (_vrf_table(master) if master is not None else 0),
        mode=_ipvlan_mode(found),
    )


def _vrf_table(link: RawLink) -> int:
    if link.kind != "vrf":
        return 0
    return as_number(unpack_attributes(memoryview(link.data)).get(IFLA_VRF_TABLE, NOTHING))


def _ipvlan_mode(link: RawLink) -> str:
    if link.kind not in ("ipvlan", "ipvtap"):
        return ""
    kind = unpack_attributes(memoryview(link.data)).get(IFLA_IPVLAN_MODE, NOTHING)
    return IPVLAN_MODES.get(as_number(kind), "")


def _settings(scopes: Iterable[str]) -> dict[str, str]:
    paths = (f"net/ipv4/conf/{scope}/{name}" for scope in scopes for name in ARP_SYSCTLS)
    return values_of(paths)
