"""A director: its IPVS table, and the VIPs on the link on which it answers for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address

from lvsdr.errors import CannotRun
from lvsdr.model.address import host_interface
from lvsdr.model.folded_servers import ComingServers
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address, Key, Object, Objects, Sysctl, keyed
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.profile.roles.arp_silence import one_answer
from lvsdr.profile.roles.role_interface import usable_interface


def desired(profile: DirectorProfile, host: Host) -> Objects:
    """Return the director's objects; raise CannotRun where the host cannot be one."""
    link = usable_interface(profile.interface, host)
    if not link.up:
        raise CannotRun(
            f"cannot use link {link.name}: it is down",
            hints=[f"ip link set {link.name} up"],
        )
    _has_addresses_of_its_own(profile, host)
    addresses = (_on_the_link(profile.interface, vip) for vip in _owned(profile))
    quiet = one_answer(profile, host) if profile.arp_flux == "mend" else ()
    return keyed((*quiet, *_table(profile), *_daemons(profile, "master"), *addresses))


def footprint(profile: DirectorProfile) -> Objects:
    """Return what a director leaves on any host: its table but for settings, and the VIPs."""
    addresses = (_on_the_link(profile.interface, vip) for vip in _owned(profile))
    return keyed((*_servers(profile), *_instead(profile), *addresses))


def standby(profile: DirectorProfile) -> Objects:
    """Return what is there while another director of the cluster is the active one.

    Asks nothing of the link: what has to be given up, most of all where it is down.
    """
    if profile.standby == "empty":
        return {}
    return keyed((*_table(profile), *_daemons(profile, "backup")))


def must_be_absent(profile: DirectorProfile, wanted: Objects) -> Iterator[Key]:
    """Yield the keys of what must not be there beside `wanted`, whoever has put it there.

    With the daemon of the other state running, an active director is passed by, or a standby
    schedules what the active one sends it.
    """
    if profile.standby == "synced" or not wanted:
        yield from (each.key for each in profile.sync_daemons if each.key not in wanted)
    if not wanted:
        yield from (each.key for each in (*_servers(profile), *_instead(profile)))
    vips = (_on_the_link(profile.interface, vip).key for vip in _owned(profile))
    yield from (key for key in vips if key not in wanted)


def _owned(profile: DirectorProfile) -> tuple[LabelledVip, ...]:
    # What keepalived puts on the link it takes away too, and asks nobody.
    return profile.labelled_vips if profile.vips_owner == "lvsdr" else ()


def _servers(profile: DirectorProfile) -> Iterator[Object]:
    # keepalived keeps its own in step with its checks, on a standby too: who else writes there,
    # undoes what they have found.
    if profile.writes_table:
        yield from profile.virtual_servers
        servers = profile.real_servers
        yield from servers.planned() if isinstance(servers, ComingServers) else servers


def _instead(profile: DirectorProfile) -> Sequence[RealServer]:
    """Return who is in the table only while nobody else of its service serves."""
    return profile.sorry_servers if profile.writes_table else ()


def _table(profile: DirectorProfile) -> Iterator[Object]:
    yield from _servers(profile)
    yield from profile.timeouts
    yield from profile.sysctls
    if profile.standby == "synced" and profile.vips_owner == "lvsdr":
        # Counts only while a backup daemon runs: so it can be there in both states. But where
        # keepalived brings the VIPs, they are there before that daemon has been stopped: the host
        # itself would answer what belongs to the connections, with a reset.
        yield Sysctl("net/ipv4/vs/backup_only", "1")


def _daemons(profile: DirectorProfile, state: str) -> Iterator[SyncDaemon]:
    # Both at once would be passed by: the kernel asks only whether a backup runs.
    both = profile.standby != "synced"
    # A standby that holds the VIP takes what is sent from it for its own, and drops it.
    for each in profile.sync_daemons:
        if both or each.state == state:
            yield replace(each, never_from=frozenset(profile.vips))


def _on_the_link(interface: str, vip: LabelledVip) -> Address:
    # A host prefix: in the link's own subnet a wider one is secondary, and dies with the primary.
    ip = host_interface(vip.address)
    # Deprecated keeps an IPv6 VIP from being the source of what the director itself sends.
    return Address(interface, ip, label=vip.label, deprecated=isinstance(ip.ip, IPv6Address))


def _has_addresses_of_its_own(profile: DirectorProfile, host: Host) -> None:
    vips = frozenset(profile.vips)
    own = [ip for ip in host.addresses_of(profile.interface) if ip.ip not in vips]
    for version in sorted({vip.version for vip in vips}):
        if not any(ip.version == version for ip in own):
            # "who-has RIP tell VIP" is never answered by a real server: it holds the VIP itself.
            raise CannotRun(
                f"cannot use link {profile.interface}: it has no IPv{version} address of its own"
                " (DIP) beside the VIPs, and no real server answers a VIP",
                hints=[f"ip address add DIP/PREFIX dev {profile.interface}"],
            )
