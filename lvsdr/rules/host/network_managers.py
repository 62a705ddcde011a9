"""Who sets up the links of a host, and takes VIPs from them when it does so again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePath

from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.foreign_program import Owner
from lvsdr.model.host import Host
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile

FILES = "/etc/systemd/network"
KEEP = "what puts them back whoever takes them: lvsdr director keep"


def of_director(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield who sets the addresses of the interface, and drops those that are not its own."""
    remedies = {"systemd-networkd": _networkd, "NetworkManager": _manager, "ifupdown": _ifupdown}
    for owner in host.owners:
        remedy = remedies.get(owner.program)
        if remedy is None or not _takes(owner, profile.interface, profile):
            continue
        hint, look = remedy(owner, profile)
        yield Finding(
            "OWNER-NETWORK",
            WARNING,
            profile.interface,
            f"{owner.program} sets up {profile.interface}: the VIPs go when it does so again",
            hint,
            look=look,
        )


def of_realserver(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield systemd-networkd where a file of it matches the holder, as one for all links does."""
    holder = profile.holder_link
    for owner in host.owners:
        # Of lo it leaves the addresses alone.
        ours = holder != "lo" and owner.program == "systemd-networkd"
        if ours and _takes(owner, holder, profile):
            hint = _unmanaged(holder, PurePath(owner.place).name)
            yield Finding(
                "OWNER-NETWORK",
                WARNING,
                holder,
                f"systemd-networkd takes {holder} for its own, by {owner.place}: the VIPs go when"
                " it reads its files again",
                hint,
                look=""
                if hint
                else f"another [Match] in {owner.place}, or one that is not"
                f" {holder}: Name=!{holder}",
            )


def _takes(owner: Owner, link: str, profile: Profile) -> bool:
    """Return whether a manager sets up a link, and does not give it the VIPs itself."""
    named, *held = owner.claims
    return named == link and not {str(vip) for vip in profile.vips} <= set(held)


def _networkd(owner: Owner, _: DirectorProfile) -> tuple[str, str]:
    folder = shlex.quote(f"{FILES}/{PurePath(owner.place).name}.d")
    return (
        f"mkdir -p {folder} && printf '[Network]\\nKeepConfiguration=static\\n'"
        f" > {folder}/lvsdr.conf && networkctl reload",
        "",
    )


def _unmanaged(link: str, before: str) -> str:
    """Return what keeps a link from systemd-networkd, by a file that it reads before `before`."""
    name = f"00-{link}.network"
    if name >= before:
        return ""
    text = shlex.quote(f"[Match]\\nName={link}\\n[Link]\\nUnmanaged=yes\\n")
    file = shlex.quote(f"{FILES}/{name}")
    return f"mkdir -p {FILES} && printf {text} > {file} && networkctl reload"


def _manager(_: Owner, profile: DirectorProfile) -> tuple[str, str]:
    # With the VIP in its file, NetworkManager holds it from boot on, on each director that has it.
    vip = f"{profile.vips[0]}/{profile.vips[0].max_prefixlen}"
    family = f"ipv{profile.vips[0].version}"
    return "", (
        f"{KEEP}; or, if no other host is ever the director, the VIPs in its connection (nmcli"
        f" connection modify NAME +{family}.addresses {vip}) and, for it knows no labels,"
        f' "label": "{profile.interface}" in the profile'
    )


def _ifupdown(owner: Owner, profile: DirectorProfile) -> tuple[str, str]:
    return "", (
        f"{KEEP}; or 'post-up lvsdr director apply || true' below iface {profile.interface} in"
        f" {owner.place}"
    )
