"""The vrrp part of keepalived.conf for a profile: its instances, and the group that they form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.conf_words import block, instance_name, plain
from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.profile import DirectorProfile

# What adverts hold: of IPv4 their count is a byte, of IPv6 the least MTU sets the limit, beside the
# link's own address; at an MTU of 1500 keepalived takes 89.
MOST_FOUR, MOST_SIX = 255, 74


@dataclass(frozen=True, slots=True)
class Vrrp:
    """What of a cluster stands in no profile: `hook` is the command that keepalived calls, if any.

    `host` is what this director is called. `peers` are asked by unicast, from `source`. All
    instances of a `group` have one state: that of the profile's interface, one of the other family
    where there are VIPs of both, and one on each of `links`. `password` is of version 2. ARP
    announcements come `garp_repeat` at a time, and again every `garp_refresh` seconds. VIPs have
    the profile's labels where they are `labelled`.
    """

    instance: str
    router: int
    priority: int
    advertise: float
    hook: str
    fifo: str | None = None
    host: str | None = None
    version: int = 3
    nopreempt: bool = False
    source: IPAddress | None = None
    peers: tuple[IPAddress, ...] = ()
    group: str | None = None
    links: tuple[str, ...] = ()
    password: str | None = None
    garp_repeat: int | None = None
    garp_refresh: int | None = None
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class _Instance:
    """One virtual router: its name, its link, and the lines of its addresses."""

    name: str
    link: str
    addresses: tuple[str, ...]


def vrrp_lines(profile: DirectorProfile, vrrp: Vrrp) -> Iterator[str]:
    """Yield the instances and their group; raise ProfileError where keepalived takes no such."""
    instances = list(_instances(profile, vrrp))
    if vrrp.group is not None and len(instances) == 1:
        raise ProfileError(
            "cannot write a sync group of one instance for keepalived, which takes none",
            hints=[
                "add --sync-link LINK, the other link that a director needs",
                "leave out --sync-group",
            ],
        )
    for each in instances:
        yield from block(f"vrrp_instance {each.name}", _instance(each, vrrp))
    if vrrp.group is not None:
        names = block("group", [each.name for each in instances])
        hook = [] if vrrp.fifo else [_hook(vrrp)]
        name = instance_name(vrrp.group, "--sync-group")
        if vrrp.fifo:
            yield f"# To hear of the group alone: lvsdr keepalived fifo --name {name}"
        yield from block(f"vrrp_sync_group {name}", [*names, *hook])


def _instances(profile: DirectorProfile, vrrp: Vrrp) -> Iterator[_Instance]:
    name, link = instance_name(vrrp.instance), plain(profile.interface)
    four = [vip for vip in profile.vips if isinstance(vip, IPv4Address)]
    six = [vip for vip in profile.vips if vip not in four]
    ours = profile.vips_owner == "lvsdr"
    labels = {vip.address: vip.label for vip in profile.labelled_vips} if vrrp.labelled else {}
    held = partial(_addresses, link=link, vrrp=vrrp, labels=labels)
    if vrrp.group is None or not (four and six):
        listed = _stand_in(0, vrrp, bool(four)) if ours else held(four, six)
        yield _Instance(name, link, tuple(listed))
    else:
        first = _stand_in(0, vrrp, four=True) if ours else held(four, [])
        second = _stand_in(0, vrrp, four=False) if ours else held([], six)
        yield _Instance(name, link, tuple(first))
        yield _Instance(instance_name(f"{name}-6"), link, tuple(second))
    for number, other in enumerate(vrrp.links, 1):
        listed = _stand_in(number, vrrp, four=bool(four))
        yield _Instance(instance_name(f"{name}-link{number}"), plain(other), tuple(listed))


def _instance(each: _Instance, vrrp: Vrrp) -> Iterator[str]:
    yield f"interface {each.link}"
    # With MASTER here the other one is drawn away from what it does at each start.
    yield "state BACKUP"
    if vrrp.nopreempt:
        yield "nopreempt"
    yield f"virtual_router_id {vrrp.router}"
    yield f"priority {vrrp.priority}"
    yield f"advert_int {vrrp.advertise:g}"
    if vrrp.peers:
        yield f"unicast_src_ip {vrrp.source}"
        yield from block("unicast_peer", map(str, vrrp.peers))
    if vrrp.password is not None:
        yield from block("authentication", ["auth_type PASS", f"auth_pass {vrrp.password}"])
    if vrrp.garp_repeat is not None:
        yield f"garp_master_repeat {vrrp.garp_repeat}"
    if vrrp.garp_refresh is not None:
        yield f"garp_master_refresh {vrrp.garp_refresh}"
    yield from each.addresses
    if vrrp.hook and not vrrp.fifo and vrrp.group is None:
        yield _hook(vrrp)


def _hook(vrrp: Vrrp) -> str:
    return f'notify "{vrrp.hook}"'


def _stand_in(number: int, vrrp: Vrrp, four: bool) -> Iterator[str]:
    # keepalived takes no instance without an address, which says whether it speaks over IPv4 or
    # IPv6, too. Nobody on the segment ever hears of one on lo.
    six = f"fe80::{vrrp.router:x}" if not number else f"fe80::{number:x}:{vrrp.router:x}"
    local = f"127.255.{number}.{vrrp.router}/32 dev lo scope host"
    yield from block("virtual_ipaddress", [local if four else f"{six}/128 dev lo"])


def _addresses(
    four: Sequence[IPAddress],
    six: Sequence[IPAddress],
    link: str,
    vrrp: Vrrp,
    labels: Mapping[IPAddress, str | None],
) -> Iterator[str]:
    told = MOST_FOUR if four else MOST_SIX
    first, rest = (four or six)[:told], [*(four or six)[told:], *(six if four else [])]
    on_link = [_on_link(vip, link, labels) for vip in first]
    if not four:
        # The first address of an instance for IPv6 has to be one of the link (RFC 5798).
        on_link.insert(0, f"fe80::{vrrp.router:x}/64 dev {link}")
    yield from block("virtual_ipaddress", on_link)
    if rest:
        # An instance speaks of one family, and of no more than an advert holds; addresses of the
        # other one, and those beyond, go along unsaid.
        others = [_on_link(vip, link, labels) for vip in rest]
        yield from block("virtual_ipaddress_excluded", others)


def _on_link(vip: IPAddress, link: str, labels: Mapping[IPAddress, str | None]) -> str:
    label = labels.get(vip)
    return f"{host_interface(vip)} dev {link}" + (f" label {plain(label)}" if label else "")
