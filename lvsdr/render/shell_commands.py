"""The ip, sysctl and ipvsadm lines that mean the same as a change."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lvsdr.model.address import endpoint
from lvsdr.model.change import Change, Plan
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.ipvs import RealServer, Service, VirtualServer, settings
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.ipvs_setting_words import IPVSADM, all_said, said
from lvsdr.model.objects import Address, Link, ProxyNeighbour, Route, Sysctl, there
from lvsdr.model.printable import printable
from lvsdr.model.servers_in_columns import one_by_one
from lvsdr.render.results import Planned, Result, Status

Words = Iterator[list[str]]

SERVICE_FLAGS = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
METHOD_FLAGS = {"dr": "-g", "local": "-g", "tunnel": "-i", "masquerade": "-m"}
SCHEDULER_FLAGS = {0x8: "flag-1", 0x10: "flag-2", 0x20: "flag-3"}
TUNNEL_TYPES = {1: "gue", 2: "gre"}
TUNNEL_FLAGS = {1: "--tun-csum", 2: "--tun-remcsum"}


def lines(result: Result) -> Iterable[str]:
    """Return the lines that carry out a plan, or that would make what is there."""
    return SHOWS[type(result)](result)


def one_of_many(result: Result) -> Iterable[str]:
    """Return the same lines: a shell takes them one by one."""
    return lines(result)


def plan(todo: Plan) -> Iterator[str]:
    """Yield the command lines of each change, ready for a shell."""
    for change in one_by_one(todo):
        for words in COMMANDS[change.subject.kind](change):
            yield shlex.join(words)


def _planned(result: Planned) -> Iterator[str]:
    if result.silences:
        from lvsdr.model.silence import told  # noqa: PLC0415

        yield from (f"# warning: {printable(line)}" for line in told(result.silences))
    yield from plan(result.changes)


def _status(result: Status) -> Iterator[str]:
    """Yield the lines that would make what is there of the profile's objects."""
    observed = [row.seen for row in result.rows if row.seen is not None and row.wanted is not None]
    seen = sorted(filter(there, observed), key=lambda item: item.layer)
    return plan(tuple(Change(None, item) for item in seen))


def _sysctl(change: Change) -> Words:
    if isinstance(change.after, Sysctl):
        yield ["sysctl", "-w", f"{change.after.path}={change.after.value}"]


def _link(change: Change) -> Words:
    before, after = change.before, change.after
    if not isinstance(after, Link):
        yield ["ip", "link", "del", str(change.key[1])]
        return
    end = HOLDING_ENDS.get(after.name)
    if end is not None and not (isinstance(before, Link) and before.started):
        # Its module makes it: who asks for it by hand is told that it is there already.
        yield ["modprobe", end.module]
    elif before is None and end is None and after.link_kind != "loopback":
        yield ["ip", "link", "add", after.name, "type", after.link_kind]
    arp = ["arp", "on" if after.arp else "off"]
    same = isinstance(before, Link) and before.arp == after.arp
    unset = [] if same or after.link_kind == "loopback" else arp
    yield ["ip", "link", "set", after.name, *unset, "up" if after.up else "down"]
    if not after.started and before is not None:
        yield ["tc", "qdisc", "replace", "dev", after.name, "root", "pfifo"]
        yield ["tc", "qdisc", "del", "dev", after.name, "root"]


def _address(change: Change) -> Words:
    if isinstance(change.after, Address) and change.before == change.after and _lasts(change):
        kept = ["valid_lft", "forever", "preferred_lft", "forever"]
        yield ["ip", "address", "change", str(change.after.ip), "dev", change.after.link, *kept]
        return
    if isinstance(change.before, Address):
        old = change.before
        yield ["ip", "address", "del", str(old.ip), "dev", old.link]
    if isinstance(change.after, Address):
        new = change.after
        yield ["ip", "address", "add", str(new.ip), "dev", new.link, *_manner(new)]


def _lasts(change: Change) -> bool:
    """Return whether an address is to stay for good that would have gone one day."""
    before = change.before
    known = before.attributes if isinstance(before, Address) and not before.ahead else None
    return known is not None and known.limited


def _manner(address: Address) -> list[str]:
    if address.ip.version == 6:
        return ["nodad", *(["preferred_lft", "0"] if address.deprecated else [])]
    label = ["label", address.label] if address.label not in (None, address.link) else []
    scope = ["scope", address.scope] if address.scope != "global" else []
    return [*scope, *map(str, label)]


def _route(change: Change) -> Words:
    for verb, route in (("del", change.before), ("add", change.after)):
        if isinstance(route, Route):
            family = ["-6"] if route.destination.version == 6 else []
            where = [route.route_kind, str(route.destination), "metric", str(route.metric)]
            # One that an earlier version has made is the administrator's by its protocol.
            made = ["proto", "kernel"] if verb == "add" else []
            yield ["ip", *family, "route", verb, *where, *made]


def _proxy_neighbour(change: Change) -> Words:
    for verb, entry in (("del", change.before), ("add", change.after)):
        if isinstance(entry, ProxyNeighbour) and entry.there:
            yield _proxied(verb, entry)


def _proxied(verb: str, entry: ProxyNeighbour) -> list[str]:
    if not entry.link:
        # Of every link: ip(8) cannot say it, and arp(8) can only take it away.
        if verb == "add":
            return [":", f"no command adds {entry.title}"]
        return ["arp", "-d", str(entry.address), "pub"]
    where = ["ip", f"-{entry.address.version}", "neighbour", verb, "proxy", str(entry.address)]
    manner = ["router"] if entry.router else []
    manner += ["protocol", str(entry.protocol)] if entry.protocol else []
    return [*where, "dev", entry.link, *(manner if verb == "add" else [])]


def _virtual_server(change: Change) -> Words:
    server = change.subject
    assert isinstance(server, VirtualServer), "the table is by kind"
    verb = {"+": "-A", "~": "-E", "-": "-D"}[change.sign]
    settings = [] if change.after is None else _scheduling(server)
    yield ["ipvsadm", verb, *_service(server.service), *settings]


def _scheduling(server: VirtualServer) -> list[str]:
    words: list[str] = []
    for setting, value in settings(server):
        words += said(setting, value, IPVSADM).split()
        if setting.name == "persistence_prefix" and value is not None:
            words += ["-M", _mask(server)]
        if setting.name == "flags" and value:
            names = [name for bit, name in SCHEDULER_FLAGS.items() if value & bit]
            words += ["-b", ",".join(names)]
    return words


def _mask(server: VirtualServer) -> str:
    prefix = server.persistence_prefix
    if server.service.family == "inet6" or isinstance(prefix, str):
        return str(prefix)
    return str(ipaddress.ip_network(f"0.0.0.0/{prefix}").netmask)


def _real_server(change: Change) -> Words:
    server = change.subject
    assert isinstance(server, RealServer), "the table is by kind"
    verb = {"+": "-a", "~": "-e", "-": "-d"}[change.sign]
    settings = [] if change.after is None else _forwarding(server)
    where = endpoint(server.rip, server.port)
    yield ["ipvsadm", verb, *_service(server.service), "-r", where, *settings]


def _forwarding(server: RealServer) -> list[str]:
    words = [METHOD_FLAGS.get(server.forwarding_method, "-g")]
    words += " ".join(all_said(settings(server), IPVSADM)).split()
    if server.upper_threshold or server.lower_threshold:
        words += ["-x", str(server.upper_threshold), "-y", str(server.lower_threshold)]
    kind, port, flags = server.tunnel
    if kind:
        words += ["--tun-type", TUNNEL_TYPES.get(kind, str(kind))]
        words += ["--tun-port", str(port)] if port else []
        words += [name for bit, name in TUNNEL_FLAGS.items() if flags & bit]
    return words


def _timeout(change: Change) -> Words:
    if isinstance(change.after, Timeout):
        # ipvsadm takes 0 for what stays as it is.
        seconds = {"tcp": 0, "tcp_fin": 0, "udp": 0, change.after.protocol: change.after.seconds}
        yield ["ipvsadm", "--set", *map(str, seconds.values())]


def _sync_daemon(change: Change) -> Words:
    if isinstance(change.before, SyncDaemon):
        yield ["ipvsadm", "--stop-daemon", change.before.state]
    if isinstance(change.after, SyncDaemon):
        new = change.after
        yield [
            *("ipvsadm", "--start-daemon", new.state, "--mcast-interface", new.link),
            *("--syncid", str(new.syncid), "--sync-maxlen", str(new.maxlen)),
            *("--mcast-group", str(new.group), "--mcast-port", str(new.port)),
            *("--mcast-ttl", str(new.ttl)),
        ]


def _service(service: Service) -> list[str]:
    if service.vip is None:
        return ["-f", str(service.fwmark), *(["-6"] if service.family == "inet6" else [])]
    flag = SERVICE_FLAGS.get(service.protocol, "-t")
    return [flag, endpoint(service.vip, service.port)]


COMMANDS: Mapping[str, Callable[[Change], Any]] = {
    "sysctl": _sysctl,
    "link": _link,
    "address": _address,
    "route": _route,
    "proxy_neighbour": _proxy_neighbour,
    "virtual_server": _virtual_server,
    "real_server": _real_server,
    "timeout": _timeout,
    "sync_daemon": _sync_daemon,
}

SHOWS: Mapping[type[Result], Callable[[Any], Iterable[str]]] = {
    Planned: _planned,
    Status: _status,
}
