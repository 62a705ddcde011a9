"""The settings of a profile for sysctl.d(5), and the modules that have to be there before them."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.errors import ProfileError
from lvsdr.formats.plain_names import plain_name
from lvsdr.model.exported import Exporting, NewFile, lost
from lvsdr.model.finding import Finding
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.objects import Link, Sysctl
from lvsdr.model.profile import DirectorProfile, RealServerProfile

# The last of the files that distributions have, 50-*.conf; the administrator's 99-*.conf wins.
SETTINGS = "/etc/sysctl.d/90-lvsdr.conf"
# Another name than that of the package, which it would stand for.
MODULES = "/etc/modules-load.d/lvsdr-export.conf"
IPVS = "net/ipv4/vs/"
REASONS = {
    "arp_ignore": "Answer ARP for addresses of the link that is asked alone, so never for a VIP.",
    "arp_announce": "Ask in an address of the link: a VIP would turn to this host in caches.",
    "rp_filter": "Take requests whose answers leave through another link.",
    "disable_ipv6": "The link holds an IPv6 VIP, whatever new links begin with.",
}


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the file with the settings, and that of modules."""
    files = list(settings_files(host))
    if not files:
        raise ProfileError(
            f"cannot export {host.names} to sysctl.d: no setting of the kernel is in it",
            hints=["lvsdr export --help"],
        )
    yield from files
    yield from unknown_links(host)


def settings_files(host: Exporting) -> Iterator[NewFile]:
    """Yield the files that a host needs whoever sets up its links: none where it has none."""
    sysctls = [each for each in host.objects if isinstance(each, Sysctl)]
    modules = list(_modules(host, sysctls))
    head = f"# Made by lvsdr export, from {host.names}."
    if modules:
        # systemd reads them before settings, which are those of modules that are there.
        yield NewFile(MODULES, (head, *modules))
    if sysctls:
        yield NewFile(SETTINGS, (head, *_lines(sysctls)))


def _lines(sysctls: list[Sysctl]) -> Iterator[str]:
    for each in sysctls:
        scope, name = each.path.split("/")[-2:]
        if each.path.startswith(IPVS):
            yield f"{each.path} = {each.value}"
            continue
        plain_name(scope)
        if name in REASONS:
            yield f"# {REASONS[name]}"
        # With slashes a link's name may hold dots.
        yield f"{each.path} = {each.value}"


def _modules(host: Exporting, sysctls: list[Sysctl]) -> Iterator[str]:
    if any(each.path.startswith(IPVS) for each in sysctls):
        yield "ip_vs"
    for each in host.objects:
        if isinstance(each, Link) and each.name in HOLDING_ENDS:
            yield HOLDING_ENDS[each.name].module


def unknown_links(host: Exporting) -> Iterator[Finding]:
    """Yield what depends on links of the host that no profile names."""
    for each in host.profiles:
        if isinstance(each, DirectorProfile) and each.arp_flux == "mend" and _held(each):
            yield lost(
                each.interface,
                f"links of the director on the segment of {each.interface} answer for its VIPs too"
                " where there are any: which they are, no profile says",
                "lvsdr director plan, on the director, names the settings of each such link",
            )
        elif isinstance(each, RealServerProfile) and each.arp_scope == "links":
            yield lost(
                each.interface,
                f"arp_scope links: {each.interface} is the only link whose name is known, and"
                " others of the host with an address would answer for the VIPs",
                "lvsdr realserver plan, on the real server, names the settings of each link",
            )


def _held(profile: DirectorProfile) -> bool:
    return profile.vips_owner == "lvsdr" and any(vip.version == 4 for vip in profile.vips)
