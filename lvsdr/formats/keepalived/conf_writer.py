"""keepalived.conf for a director's profile: the vrrp part, and virtual servers on request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from lvsdr.errors import ProfileError
from lvsdr.model.address import host_interface
from lvsdr.model.ipvs import RealServer, VirtualServer, settings
from lvsdr.model.ipvs_setting_words import KEEPALIVED, all_said, unsaid
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.printable import printable
from lvsdr.model.profile import DirectorProfile

NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")
# What keepalived takes for itself: words, quotes, comments, blocks, and names to fill in.
TAKEN = re.compile(r"[\s\"'#!{}$\\]")
KINDS = {"dr": "DR", "tunnel": "TUN", "masquerade": "NAT"}


@dataclass(frozen=True, slots=True)
class Vrrp:
    """What of a cluster stands in no profile: `hook` is the command that keepalived calls.

    `host` is what this director is called.
    """

    instance: str
    router: int
    priority: int
    advertise: float
    hook: str
    fifo: str | None = None
    host: str | None = None


def conf_lines(
    profile: DirectorProfile, vrrp: Vrrp, *, virtual_servers: bool = False
) -> Iterator[str]:
    """Yield the lines of a configuration; raise ProfileError for what keepalived has no words."""
    if virtual_servers and any(each.service.vip is not None for each in profile.virtual_servers):
        yield "# Either these virtual servers, or the table of lvsdr: not both on one host."
    yield from _block("global_defs", _globals(vrrp, checks=virtual_servers))
    yield from _block(f"vrrp_instance {instance_name(vrrp.instance)}", _instance(profile, vrrp))
    if virtual_servers:
        for server in profile.virtual_servers:
            mine = [each for each in profile.real_servers if each.service == server.service]
            yield from _virtual_server(server, mine)


def plain(text: str) -> str:
    """Return a path or a link; raise ProfileError where keepalived would read something else.

    Its quotes are no way out: they do not nest, and a hook is in some already.
    """
    if TAKEN.search(text) or printable(text) != text:
        raise ProfileError(
            f"cannot write {printable(text)!r} for keepalived: it has blanks, quotes, or one of"
            " # ! { } $ \\, which mean something there",
            hints=["give it another name: mv OLD NEW; or a link without them: ln -s OLD NEW"],
        )
    return text


def instance_name(text: str) -> str:
    """Return the name of an instance; raise ProfileError where keepalived would cut it up."""
    if not NAME.fullmatch(text):
        raise ProfileError(
            f"cannot write the name {printable(text[:40])!r} for keepalived: it is not 1 to 255"
            " letters, digits, and . : _ -",
            hints=["leave out --name, or: --name VI_1"],
        )
    return text


def _globals(vrrp: Vrrp, *, checks: bool) -> Iterator[str]:
    if vrrp.host:
        # Else keepalived asks the DNS what this host is called, and waits for it at each start.
        yield f"router_id {vrrp.host}"
    # Sub-second adverts need version 3.
    yield "vrrp_version 3"
    # Else keepalived runs, as root, what others may have written.
    yield "enable_script_security"
    yield "script_user root"
    if vrrp.fifo:
        # The one without vrrp_ says what checks find, too.
        yield f"{'notify_fifo' if checks else 'vrrp_notify_fifo'} {plain(vrrp.fifo)}"


def _instance(profile: DirectorProfile, vrrp: Vrrp) -> Iterator[str]:
    yield f"interface {plain(profile.interface)}"
    # With MASTER here the other one is drawn away from what it does at each start.
    yield "state BACKUP"
    yield f"virtual_router_id {vrrp.router}"
    yield f"priority {vrrp.priority}"
    yield f"advert_int {vrrp.advertise:g}"
    yield from _addresses(profile, vrrp.router)
    if not vrrp.fifo:
        yield f'notify "{vrrp.hook}"'


def _addresses(profile: DirectorProfile, router: int) -> Iterator[str]:
    four = [vip for vip in profile.vips if isinstance(vip, IPv4Address)]
    if profile.vips_owner == "lvsdr":
        # keepalived takes no instance without an address, which says whether it speaks over IPv4 or
        # IPv6, too. Nobody on the segment ever hears of one on lo.
        local = f"127.255.0.{router}/32 dev lo scope host"
        yield from _block("virtual_ipaddress", [local if four else f"fe80::{router:x}/128 dev lo"])
        return
    six = [vip for vip in profile.vips if vip not in four]
    first, rest = (four, six) if four else (six, [])
    on_link = [f"{host_interface(vip)} dev {profile.interface}" for vip in first]
    if not four:
        # The first address of an instance for IPv6 has to be one of the link (RFC 5798).
        on_link.insert(0, f"fe80::{router:x}/64 dev {profile.interface}")
    yield from _block("virtual_ipaddress", on_link)
    if rest:
        # An instance speaks of one family; addresses of the other one go along unsaid.
        others = [f"{host_interface(vip)} dev {profile.interface}" for vip in rest]
        yield from _block("virtual_ipaddress_excluded", others)


def _refuse_the_unsaid(server: VirtualServer, real_servers: Sequence[RealServer]) -> None:
    """Raise ProfileError for what keepalived has no words for, or says in other ones."""
    unknown = unsaid(settings(server), KEEPALIVED)
    unknown += [name for each in real_servers for name in unsaid(settings(each), KEEPALIVED)]
    # These are said for all real servers of a virtual server at once, by lvs_sched and lvs_method.
    if set(unknown) - {"scheduler", "forwarding_method"}:
        raise ProfileError(
            f"cannot write {server} for keepalived: it is more than lvsdr says in its words",
            hints=["leave out --virtual-servers"],
        )


def _virtual_server(server: VirtualServer, real_servers: Sequence[RealServer]) -> Iterator[str]:
    _refuse_the_unsaid(server, real_servers)
    methods = {each.forwarding_method for each in real_servers}
    if len(methods) > 1:
        raise ProfileError(
            f"cannot write {server.title} for keepalived: its real servers have different"
            " forwarding methods",
            hints=["leave out --virtual-servers"],
        )
    service = server.service
    where = f"fwmark {service.fwmark}" if service.vip is None else f"{service.vip} {service.port}"
    inner = [
        *([] if service.vip is None else [f"protocol {service.protocol.upper()}"]),
        *(["ip_family inet6"] if service.vip is None and service.family == "inet6" else []),
        f"lvs_sched {server.scheduler}",
        f"lvs_method {KINDS[next(iter(methods), 'dr')]}",
        *all_said(settings(server), KEEPALIVED),
        *(line for each in real_servers for line in _real_server(each)),
    ]
    yield from _block(f"virtual_server {where}", inner)


def _real_server(server: RealServer) -> Iterator[str]:
    inner = all_said(settings(server), KEEPALIVED)
    if server.service.protocol == "tcp":
        inner += ["TCP_CHECK {", "    connect_timeout 3", "}"]
    yield from _block(f"real_server {server.rip} {server.port}", inner)


def _block(head: str, inner: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"    {line}" for line in inner)
    yield "}"
