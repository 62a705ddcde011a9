"""What runs on this host, as the profiles that it already is; nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.record import Record
from lvsdr.core.running_director import RunningDirector
from lvsdr.core.running_realserver import RunningRealServer, held_by_holders
from lvsdr.core.running_table import HERE
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.finding import Finding
from lvsdr.model.host import Host
from lvsdr.model.imported import Imported, Labels, Unsaid, noted
from lvsdr.model.objects import Address, Key


def running(kernel: Kernel, record: Record, role: str | None, unsaid: Unsaid) -> Imported:
    """Return the profiles that this host is: a director's, a real server's, or both.

    `role` asks for one alone. Raises CannotRun where the host is none of them.
    """
    host = _read(kernel, role)
    keys: list[Key] = [Address(each.link, each.ip).key for each in host.addresses]
    there = kernel.observe(keys)
    held = [it for key in dict.fromkeys(keys) if isinstance(it := there.get(key), Address)]
    findings = list(_ours(record))
    director, realservers = None, {}
    if role != "realserver" and host.virtual_servers:
        one = RunningDirector(host, held, kernel, unsaid.interface)
        director = one.document()
        findings += one.findings
    if role != "director" and held_by_holders(host, held):
        other = RunningRealServer(host, held, unsaid.realserver_interface or unsaid.interface)
        realservers["realserver"] = other.document()
        findings += other.findings
    if director is None and not realservers:
        wanted = {"director": "no virtual server", "realserver": "no VIP on lo or a dummy link"}
        lacking = wanted.get(role or "", "neither a virtual server nor a VIP on lo or a dummy link")
        raise CannotRun(f"cannot import this host: it has {lacking}")
    return Imported(director, realservers, tuple(findings))


def _read(kernel: Kernel, role: str | None) -> Host:
    if role == "realserver":
        return kernel.inspect(lambda _: (), table=False, others=False)
    try:
        return kernel.inspect(lambda _: (), table=True, others=False)
    except CannotRun:
        # A real server's kernel may have no IPVS.
        if role == "director":
            raise
        return kernel.inspect(lambda _: (), table=False, others=False)


def _ours(record: Record) -> Iterator[Finding]:
    """Yield what lvsdr has set up here already."""
    for owner, claims in record.claims.items():
        role, _, name = owner.partition(":")
        origin = record.origins.get(owner)
        source = f" of {origin.file}" if origin is not None else ""
        meant = f"{len(claims)} of what runs here is lvsdr's already: {role} profile {name}{source}"
        yield noted(HERE, meant, "that profile is what to go on with: lvsdr status")


def link_of(host: Host, addresses: Collection[IPAddress]) -> str:
    """Return the link that holds most of `addresses`, or has them in its subnets; "" for none."""
    found: Counter[str] = Counter()
    for each in host.addresses:
        if host.speaks_arp(each.link):
            network = each.ip.network
            inside = (one for one in addresses if one.version == network.version)
            found[each.link] += sum(one in network for one in inside)
    most = found.most_common(1)
    return most[0][0] if most and most[0][1] else ""


def labels_of(kernel: Kernel, link: str, addresses: Collection[IPAddress]) -> Labels:
    """Return the labels of those of `addresses` that `link` holds as host addresses."""
    keys: list[Key] = [Address(link, host_interface(each)).key for each in addresses]
    held = [it for it in kernel.observe(keys).values() if isinstance(it, Address)]
    return {each.ip.ip: each.label for each in held if each.label}
