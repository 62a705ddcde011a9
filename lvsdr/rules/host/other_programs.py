"""Other programs on a director that set up, or take away, what lvsdr has set up."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from lvsdr.model.address import host_interface
from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.owner import Owner
from lvsdr.model.profile import DirectorProfile

KUBERNETES = {"kube-ipvs0": "kube-proxy", "kube-dummy-if": "kube-router"}


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
                f"kubectl -n kube-system edit configmap kube-proxy  # ipvs.excludeCIDRs: {vips}"
                if program == "kube-proxy"
                else "kubectl -n kube-system edit daemonset kube-router"
                "  # --run-service-proxy=false",
            )


def keepalived(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield keepalived's virtual servers that are the profile's too, and its lvs_flush."""
    for owner in host.owners:
        if owner.program == "lvs_flush":
            yield Finding(
                "OWNER-FLUSH",
                WARNING,
                owner.place,
                f"{owner.place} has lvs_flush: keepalived empties the whole IPVS table",
                f"sed -i '/^[[:space:]]*lvs_flush/d' {owner.place}; systemctl reload keepalived",
            )
        claimed = [claim for claim in owner.claims if _ours(claim, profile)]
        if owner.program == "keepalived" and claimed:
            yield Finding(
                "OWNER-KEEPALIVED",
                WARNING,
                owner.place,
                f"{owner.place} has virtual_server {claimed[0]}: keepalived removes it when it"
                " stops, and changes its real servers",
                f"sed -i '/^[[:space:]]*virtual_server {claimed[0]}[[:space:]{{]/,/^}}/d'"
                f" {owner.place}; systemctl reload keepalived",
            )


def network(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield who sets the addresses of the interface, and drops those that are not its own."""
    for owner in host.owners:
        if owner.claims == (profile.interface,) and owner.program in HINTS:
            yield Finding(
                "OWNER-NETWORK",
                WARNING,
                profile.interface,
                f"{owner.program} sets up {profile.interface}: the VIPs go when it does so again",
                HINTS[owner.program](owner, profile),
            )


def _networkd(owner: Owner, _: DirectorProfile) -> str:
    folder = f"/etc/systemd/network/{owner.place.rpartition('/')[2]}.d"
    return (
        f"mkdir -p {folder}; printf '[Network]\\nKeepConfiguration=yes\\n' > {folder}/lvsdr.conf;"
        " networkctl reload"
    )


def _network_manager(_: Owner, profile: DirectorProfile) -> str:
    connection = f'"$(nmcli -g GENERAL.CONNECTION device show {profile.interface})"'
    added = " ".join(f"+ipv{vip.version}.addresses {host_interface(vip)}" for vip in profile.vips)
    return f"nmcli connection modify {connection} {added}"


HINTS = {"systemd-networkd": _networkd, "NetworkManager": _network_manager}


def _ours(claim: str, profile: DirectorProfile) -> bool:
    """Return whether `ADDRESS PORT` or `fwmark MARK` is one of the profile's services."""
    first, _, second = claim.partition(" ")
    if first == "fwmark":
        return any(str(server.service.fwmark) == second for server in profile.virtual_servers)
    try:
        return ip_address(first) in profile.vips
    except ValueError:
        return False
