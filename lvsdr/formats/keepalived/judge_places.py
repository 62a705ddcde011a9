"""Where the addresses of keepalived.conf are: VIPs that nobody holds, servers out of reach.

What a file does not say, such as the addresses that a link has of its own, nobody knows here: so
all of these are warnings, where they are not certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.formats.keepalived.advertised import Advertised
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.host_conf import HostConf
from lvsdr.formats.keepalived.served import Served, ServedBy
from lvsdr.formats.keepalived.virtual_routers import PlacedAddress, is_stand_in
from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.finding import ERROR, INFO, WARNING, Finding


def place_faults(host: HostConf, *, beside: bool) -> Iterator[Finding]:
    """Yield the addresses that are in a wrong place, or in none.

    `beside` a profile, that says where each VIP is to be.
    """
    conf = host.conf
    placed = [*conf.addresses()]
    held = {each.address.ip for each in placed}
    networks = {each.address.network for each in placed if _is_wide(each)}
    for each in host.services:
        yield from _held_by_nobody(conf, each, held)
        for server in each.real_servers:
            yield from _its_own_vip(conf, each, server)
            yield from _other_port(conf, each, server)
        yield from _elsewhere(conf, each, networks)
    for address in () if beside else placed:
        yield from _on_link(conf, address)
    for instance in host.instances:
        yield from _dropped(conf, instance, host.services)


def _held_by_nobody(conf: Configuration, each: Served, held: set[IPAddress]) -> Iterator[Finding]:
    """Yield a VIP that no instance brings; without any, somebody else brings all of them."""
    wanting = [line.first for line in each.lines if line.first == line.last and line.first]
    missing = [ip for ip in wanting if ip not in held and not ip.is_loopback]
    if not missing or not held or any(each.is_loopback for each in held):
        return
    text = f"{each.block.where}: {each.title}: {missing[0]} is in no virtual_ipaddress: requests"
    yield Finding(
        "KEEPALIVED-SERVICE-VIP", WARNING, conf.file,
        f"{text} come here only where something else puts it on a link of the master",
        look=f"add to virtual_ipaddress: {missing[0]}", vip=missing[0],
    )  # fmt: skip


def _its_own_vip(conf: Configuration, each: Served, server: ServedBy) -> Iterator[Finding]:
    if server.address is None or not any(line.has(server.address) for line in each.lines):
        return
    text = f"{server.block.where}: {each.title}: the real_server {server.title} is the VIP: this"
    text += " host itself while it is master, and the master while it is not"
    look = "write the address that the real server has for itself (RIP)"
    yield Finding("KEEPALIVED-REAL-IS-VIP", WARNING, conf.file, text, look=look, vip=server.address)


def _other_port(conf: Configuration, each: Served, server: ServedBy) -> Iterator[Finding]:
    ports = {line.port for line in each.lines if not line.fwmark}
    direct = server.method in ("DR", "TUN")
    if not direct or not server.port or not ports or server.port in ports or "0" in ports:
        return
    port = min(ports)
    text = f"{server.block.where}: {each.title}: {server.method} keeps the port: the real_server"
    text += f" {server.title} gets requests at port {port}"
    look = f"let the program listen at {port}, and write: real_server {server.address} {port}"
    yield Finding("KEEPALIVED-PORT", WARNING, conf.file, text, look=look)


def _elsewhere(conf: Configuration, each: Served, networks: set[IPNetwork]) -> Iterator[Finding]:
    """Yield real servers for DR that are in none of the networks that a file names."""
    far = [
        server
        for server in each.real_servers
        if server.method == "DR"
        and server.address is not None
        and not server.address.is_loopback
        and any(network.version == server.address.version for network in networks)
        and not any(server.address in network for network in networks)
    ]
    if far:
        names = ", ".join(str(server.address) for server in far[:3])
        text = f"{far[0].block.where}: {each.title}: {names} is in no network that the file names:"
        text += " DR reaches neighbours alone, behind no router"
        look = f"ip route get {far[0].address}: it must not say via; or lb_kind TUN"
        yield Finding("KEEPALIVED-OFF-SUBNET", WARNING, conf.file, text, look=look)


def _is_wide(each: PlacedAddress) -> bool:
    return each.address.network.prefixlen < each.address.max_prefixlen


def _on_link(conf: Configuration, each: PlacedAddress) -> Iterator[Finding]:
    if each.router is None or is_stand_in(each.address.ip):
        return
    ip, wide = each.address.ip, _is_wide(each)
    if each.link == "lo" and each.router.link != "lo":
        text = f"{each.where}: {ip} is put on lo, from where it is announced to nobody"
        if wide:
            text = f"{each.where}: {each.address} on lo makes all of {each.address.network} this"
            text += " host: it reaches none of its neighbours any more"
        look = f"write: {ip}/{ip.max_prefixlen} dev {each.router.link or 'LINK'}"
        severity = ERROR if wide else WARNING
        yield Finding("KEEPALIVED-VIP-LINK", severity, conf.file, text, look=look, vip=ip)
    elif wide:
        text = f"{each.where}: {ip} has the prefix /{each.address.network.prefixlen}: a route to"
        text += " that network comes and goes with it"
        look = f"write: {ip}/{ip.max_prefixlen}, unless it is to be the only address there"
        yield Finding("KEEPALIVED-VIP-PREFIX", INFO, conf.file, text, look=look, vip=ip)


def _dropped(conf: Configuration, each: Advertised, served: Sequence[Served]) -> Iterator[Finding]:
    """Yield the VIPs that keepalived's own firewall keeps everybody from."""
    block = each.router.block
    if not each.strict and not any(block.all("no_accept")):
        return
    if any(block.all("accept")) or each.priority == 255:
        return
    vips = {*each.addresses, *each.excluded}
    found = [one for one in served if any(line.has(ip) for line in one.lines for ip in vips)]
    word = "no_accept" if any(block.all("no_accept")) else "vrrp_strict"
    text = f"{each.router.where}: {each.name}: with {word} keepalived drops all that comes for its"
    text += " VIPs"
    if found:
        text += f", before IPVS sees it: {found[0].title} is served to nobody"
    look = f"remove {word}" + (", or add to the instance: accept" if each.version == 3 else "")
    severity = ERROR if found else WARNING
    yield Finding("KEEPALIVED-STRICT", severity, conf.file, text, look=look)
