"""Other programs on a director that set up, or take away, what lvsdr has set up."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Set
from ipaddress import ip_address

from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.foreign_program import Owner
from lvsdr.model.host import Host
from lvsdr.model.profile import DirectorProfile

KUBERNETES = {"kube-ipvs0": "kube-proxy", "kube-dummy-if": "kube-router"}
IN_GROUP = " (group "


def kubernetes(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield the links of programs that take the whole IPVS table for their own."""
    vips = ",".join(str(host_interface(vip)) for vip in profile.vips)
    for link, program in KUBERNETES.items():
        if link in host.links:
            yield Finding(
                "OWNER-KUBERNETES",
                WARNING,
                link,
                f"{link} is here: {program} removes virtual servers that are not its own",
                look=f"ipvs.excludeCIDRs of kube-proxy: {vips}"
                if program == "kube-proxy"
                else "--run-service-proxy=false of kube-router",
            )


def keepalived(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield what keepalived has of the profile: its virtual servers, its VIPs, the whole table."""
    vips = frozenset(profile.vips)
    marks = {str(each.service.fwmark) for each in profile.virtual_servers} - {"None"}
    for owner in host.owners:
        if owner.program == "lvs_flush" and profile.writes_table:
            yield _flushed(owner)
        if owner.program == "keepalived":
            served = next((each for each in owner.claims if _serves(each, vips, marks)), None)
            if served is not None and profile.writes_table:
                yield _served_by_keepalived(owner, served)
            if profile.vips_owner == "lvsdr":
                claims = frozenset(owner.claims)
                held = (vip for vip in profile.vips if str(vip) in claims)
                yield from (_held_by_keepalived(owner, vip) for vip in held)
            if owner.unread and (profile.writes_table or profile.vips_owner == "lvsdr"):
                yield _unread(owner)


def _flushed(owner: Owner) -> Finding:
    return Finding(
        "OWNER-FLUSH",
        WARNING,
        owner.place,
        f"{owner.place} has {' and '.join(owner.claims)}: keepalived empties the whole IPVS table",
        look=f"{' and '.join(owner.claims)} in {owner.place}: to be removed before keepalived"
        " reloads or stops",
    )


def _served_by_keepalived(owner: Owner, claim: str) -> Finding:
    # A reload without them takes them away, those that lvsdr needs too: an empty table meanwhile.
    look = (
        "one of the two is to have it: the profile, or keepalived, which takes away what no longer"
        f" stands in {owner.place}; without an empty table: TAKING OVER in lvsdr(8)"
    )
    return _finding(
        owner,
        f"{owner.place} has virtual_server {claim}: keepalived removes it when it stops, and"
        " changes its real servers",
        look,
    )


def _held_by_keepalived(owner: Owner, vip: IPAddress) -> Finding:
    return _finding(
        owner,
        f"{owner.place} has the address {vip}: keepalived puts it on a link and takes it away,"
        " and so does lvsdr",
        'write "vips_owner": "keepalived" in the profile, or remove it from that file',
        vip,
    )


def _unread(owner: Owner) -> Finding:
    return _finding(
        owner,
        f"{owner.unread}: whether keepalived has the VIPs and services of the profile is unknown",
        f"who may read it, and what it includes: ls -l {shlex.quote(owner.place)}",
    )


def _finding(owner: Owner, message: str, look: str, vip: IPAddress | None = None) -> Finding:
    return Finding("OWNER-KEEPALIVED", WARNING, owner.place, message, look=look, vip=vip)


def _serves(claim: str, vips: Set[IPAddress], marks: Set[str]) -> bool:
    """Return whether a claim of keepalived, as Owner writes them, is a service of the profile."""
    first, _, second = claim.partition(IN_GROUP)[0].partition(" ")
    if not second:
        # An address on a link.
        return False
    if first == "fwmark":
        return second in marks
    start, _, end = first.partition("-")
    try:
        low, high = ip_address(start), ip_address(end or start)
    except ValueError:
        return False
    if low == high:
        return low in vips
    of_family = (int(vip) for vip in vips if vip.version == low.version)
    return any(int(low) <= vip <= int(high) for vip in of_family)
