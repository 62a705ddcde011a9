"""keepalived.conf for a profile, with the adverts of one that is there: a pair moved host by host.

What is said to the other director stays as it is, word by word. What calls programs is left out,
for lvsdr is called in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.advertised import Advertised, advertised
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.conf_words import block, plain, short
from lvsdr.formats.keepalived.conf_writer import fifo_line
from lvsdr.formats.keepalived.configuration import HOOKS, Configuration
from lvsdr.formats.keepalived.instance_writer import Vrrp
from lvsdr.formats.keepalived.server_writer import server_lines
from lvsdr.formats.keepalived.virtual_routers import VIP_LISTS, is_stand_in
from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.profile import DirectorProfile

# What they name stands elsewhere in the file, or they are to be lvsdr's.
LEFT_OUT = (*HOOKS, "notify_master_rx_lower_pri", "smtp_alert", "track_script", "track_file",
            "track_process", "track_bfd", "lvs_sync_daemon_interface", "debug")  # fmt: skip
SPECIAL = re.compile(r"[\s#!{}\"']|^$")
# Of global_defs, all that adverts and announcements depend on.
GLOBAL = re.compile(r"vrrp_(?!.*fifo).*|default_interface|dynamic_interfaces|nftables.*")


def refuse_unlike(profile: DirectorProfile, conf: Configuration) -> None:
    """Raise ProfileError where a profile cannot have the adverts of a configuration."""
    every = [*advertised(conf)]
    told = [ip for each in every for ip in each.addresses if not is_stand_in(ip)]
    if not every:
        raise ProfileError(
            f"cannot write one like {conf.file}: it has no vrrp_instance",
            hints=["give the keepalived.conf that this host's keepalived runs with"],
        )
    if told and profile.vips_owner == "lvsdr":
        raise ProfileError(
            f"cannot write one like {conf.file}: its adverts list {told[0]}, and those of profile"
            f" {profile.name} list no VIP: both directors would be master",
            hints=['write "vips_owner": "keepalived" in the profile'],
        )


def conf_lines_like(
    profile: DirectorProfile,
    conf: Configuration,
    called: Vrrp,
    *,
    virtual_servers: bool = False,
    track_files: str | None = None,
) -> Iterator[str]:
    """Yield the lines of a configuration, whose vrrp part is as another one has it.

    Of `called` that is taken which keepalived is to call. Raises ProfileError where both directors
    would be master with it, and for what keepalived has no words.
    """
    refuse_unlike(profile, conf)
    every = [*advertised(conf)]
    chosen = _with_most(every, profile.vips)
    groups = {each.value: each for each in conf.root.all("vrrp_sync_group")}
    inside = [name for name, group in groups.items() if chosen.name in _members(group)]
    hook = [] if called.fifo else [f'notify "{called.hook}"']
    yield from block("global_defs", _globals(conf, called, checks=virtual_servers))
    for each in every:
        if each.name == chosen.name:
            more = [*_unsaid(profile, every), *([] if inside else hook)]
        else:
            more = []
        yield from _instance(each, more)
    for name, group in groups.items():
        lines = [line for part in group.all("group") for line in written(part)]
        if called.fifo and name in inside:
            yield f"# To hear of the group alone: lvsdr keepalived fifo --name {name}"
        yield from block(f"vrrp_sync_group {word(name)}", [*lines, *(hook * (name in inside))])
    if virtual_servers:
        yield from short(server_lines(profile, track_files))


def written(each: Block) -> Iterator[str]:
    """Yield the lines of a block, or of an option."""
    head = " ".join(map(word, each.words))
    if each.inner or each.name in (*VIP_LISTS, "unicast_peer", "authentication", "group"):
        yield from block(head, (line for inner in each.inner for line in written(inner)))
    else:
        yield head


def word(text: str) -> str:
    """Return a word as keepalived reads it back."""
    return f'"{text}"' if SPECIAL.search(text) else text


def _globals(conf: Configuration, called: Vrrp, *, checks: bool) -> Iterator[str]:
    if called.host:
        yield f"router_id {called.host}"
    for defs in conf.root.all("global_defs"):
        for each in defs.inner:
            if GLOBAL.fullmatch(each.name):
                yield from written(each)
    yield "enable_script_security"
    yield "script_user root"
    if called.fifo:
        yield fifo_line(called.fifo, checks=checks)


def _instance(each: Advertised, more: Sequence[str]) -> Iterator[str]:
    lines: list[str] = []
    gone: list[str] = []
    for inner in each.router.block.inner:
        if inner.name in LEFT_OUT:
            gone.append(inner.name)
        else:
            lines += written(inner)
    if gone:
        yield f"# Left out of {each.name}: {', '.join(dict.fromkeys(gone))}"
    yield from block(f"vrrp_instance {word(each.name)}", [*lines, *more])


def _with_most(every: Sequence[Advertised], vips: Sequence[IPAddress]) -> Advertised:
    """Return the instance that has most of the profile's VIPs, or the first."""
    wanted = set(vips)
    return max(every, key=lambda each: len(wanted & {*each.addresses, *each.excluded}))


def _unsaid(profile: DirectorProfile, every: Sequence[Advertised]) -> Iterator[str]:
    """Yield the VIPs that the profile has besides: they go along, and no advert lists them."""
    if profile.vips_owner == "lvsdr":
        return
    held = {ip for each in every for ip in (*each.addresses, *each.excluded)}
    missing = [vip for vip in profile.vips if vip not in held]
    if missing:
        link = plain(profile.interface)
        lines = [f"{host_interface(vip)} dev {link}" for vip in missing]
        yield from block("virtual_ipaddress_excluded", lines)


def _members(group: Block) -> set[str]:
    return {name for part in group.all("group") for each in part.inner for name in each.words}
