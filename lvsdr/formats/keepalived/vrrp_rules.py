"""Options of VRRP that do not go together, or that keepalived would pass over with a warning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isclose

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.conf_words import TAKEN
from lvsdr.formats.keepalived.instance_writer import Vrrp
from lvsdr.model.profile import DirectorProfile

LONGEST_PASSWORD = 8
Reason = tuple[str, str]


def refuse_unfit(profile: DirectorProfile, vrrp: Vrrp) -> None:
    """Raise ProfileError where keepalived would not do what is asked for."""
    for reasons in (_version(profile, vrrp), _unicast(profile, vrrp), _others(profile, vrrp)):
        for message, hint in reasons:
            raise ProfileError(f"cannot write this for keepalived: {message}", hints=[hint])


def _version(profile: DirectorProfile, vrrp: Vrrp) -> Iterator[Reason]:
    if vrrp.version == 2 and not float(vrrp.advertise).is_integer():
        yield (
            f"VRRP version 2 counts whole seconds, and --advertise is {vrrp.advertise:g}",
            "leave out --vrrp-version, or: --advertise 1",
        )
    steps = vrrp.advertise * 100
    if vrrp.version != 2 and not isclose(steps, round(steps), rel_tol=1e-9):
        yield (
            f"VRRP version 3 counts hundredths of a second, and --advertise is {vrrp.advertise:g}",
            f"--advertise {max(1, round(steps)) / 100:g}",
        )
    four = any(vip.version == 4 for vip in profile.vips)
    six = any(vip.version == 6 for vip in profile.vips)
    if vrrp.version == 2 and six and (vrrp.group is not None or not four):
        yield "VRRP version 2 does not speak over IPv6", "leave out --vrrp-version"
    if vrrp.password is not None and vrrp.version != 2:
        yield (
            "VRRP version 3 has no authentication (RFC 5798)",
            "leave out --auth-file, or: --vrrp-version 2",
        )
    if vrrp.password is not None and not _is_password(vrrp.password):
        yield (
            f"the password is not 1 to {LONGEST_PASSWORD} characters of ASCII without blanks,"
            " quotes and # ! { } $ \\",
            "write another one into the file of --auth-file",
        )


def _is_password(text: str) -> bool:
    return bool(re.fullmatch(rf"[!-~]{{1,{LONGEST_PASSWORD}}}", text)) and not TAKEN.search(text)


def _unicast(profile: DirectorProfile, vrrp: Vrrp) -> Iterator[Reason]:
    if bool(vrrp.peers) != (vrrp.source is not None):
        yield (
            "unicast takes an address of this director, and those of its peers",
            "both --unicast-source ADDRESS and --unicast-peer ADDRESS, or neither",
        )
    if not vrrp.peers or vrrp.source is None:
        return
    if vrrp.group is not None:
        yield (
            "the instances of a sync group have peers of their own each",
            "leave out --sync-group, or --unicast-source and --unicast-peer",
        )
    version = 4 if any(vip.version == 4 for vip in profile.vips) else 6
    for each in (vrrp.source, *vrrp.peers):
        if each.version != version:
            yield (
                f"{each} is IPv{each.version}, and the instance speaks over IPv{version}",
                f"give an IPv{version} address",
            )
        if each in profile.vips:
            yield f"{each} is a VIP of the profile", "give the director's own address (DIP)"
    if len({vrrp.source, *vrrp.peers}) <= len(vrrp.peers):
        yield "an address is among the peers twice, or is this director's own", "give each once"


def _others(profile: DirectorProfile, vrrp: Vrrp) -> Iterator[Reason]:
    if vrrp.links and vrrp.group is None:
        yield "--sync-link is for a sync group", "add --sync-group NAME, or leave out --sync-link"
    if profile.interface in vrrp.links or len(set(vrrp.links)) < len(vrrp.links):
        yield "a link is in the sync group twice", "give each link once"
    announced = vrrp.garp_repeat is not None or vrrp.garp_refresh is not None
    if announced and profile.vips_owner == "lvsdr":
        yield (
            "the VIPs are lvsdr's, which announces them: keepalived has none to announce",
            'leave out --garp-repeat and --garp-refresh, or write "vips_owner": "keepalived"',
        )
