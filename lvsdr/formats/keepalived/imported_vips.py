"""The VIPs of keepalived.conf: on which link a director holds them, and under which label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from lvsdr.formats.keepalived.conf_losses import Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.real_server_meaning import is_host
from lvsdr.formats.keepalived.virtual_routers import PlacedAddress, Router, addresses_in
from lvsdr.model.address import IPAddress
from lvsdr.model.imported import USUAL_LINK, Document
from lvsdr.model.late_dataclasses import dataclass

LONGEST_LABEL = 15
BY_HAND = "set it up by the network's own configuration, or by hand"
# Of a VIP's line; what is not said here changes nothing for clients.
LOST_WORDS: Mapping[str, str] = {
    "scope": "a VIP has scope global",
    "peer": "a VIP has no peer",
    "preferred_lft": "a VIP does not age",
    "track_group": "nothing depends on a VIP",
}


@dataclass(frozen=True, slots=True)
class Held:
    """The link of a profile and the VIPs on it, as entries; `elsewhere` are on other links."""

    interface: str
    entries: list[Document]
    elsewhere: Mapping[IPAddress, str]
    guessed: bool


def held_in(root: Block, wanted: str, services: Collection[IPAddress], losses: Losses) -> Held:
    """Return the VIPs that a profile holds: on `wanted`, or on the link that has most of them.

    Those of `services` that no virtual router has are held too: something else has put them there.
    """
    placed = _placed(root, losses)
    counts = Counter(link for link, _ in placed.values())
    link = wanted if wanted in counts else _most(counts, placed, services)
    interface = wanted or link or USUAL_LINK
    elsewhere = {ip: on for ip, (on, _) in placed.items() if on != link}
    entries = _entries(placed, elsewhere, link, interface, losses)
    known = {ip for ip in placed if ip not in elsewhere}
    entries += [{"address": str(ip)} for ip in services if ip not in known and ip not in elsewhere]
    for ip, on in elsewhere.items():
        _, each = placed[ip]
        tell = losses.error if ip in services else losses.warning
        tell(
            _line(each),
            f"{ip} is on {on}, and the profile holds VIPs on {interface}: it is left out, with its"
            " services",
            f"import once more with --interface {on}, as a profile of another name",
        )
    return Held(interface, entries, elsewhere, not (wanted or link))


def _placed(root: Block, losses: Losses) -> dict[IPAddress, tuple[str, PlacedAddress]]:
    """Return the VIPs of virtual routers, each once, with their link."""
    found: dict[IPAddress, tuple[str, PlacedAddress]] = {}
    for each in addresses_in(root):
        ip, router = each.address.ip, each.router
        if router is None:
            losses.warning(_line(each), f"static_ipaddress {ip}: no profile has that", BY_HAND)
            continue
        if not is_host(ip) or _is_ignored(each, router):
            losses.warning(
                _line(each), f"{ip} is no VIP that keepalived or a profile takes", "remove it"
            )
            continue
        _tell_details(each, losses)
        found.setdefault(ip, (each.link or router.link or USUAL_LINK, each))
    return found


def _is_ignored(each: PlacedAddress, router: Router) -> bool:
    """Return whether keepalived passes it over: IPv6 in an instance of IPv4, and the reverse."""
    family = "inet6" if each.address.version == 6 else "inet"
    return not each.excluded and family != router.family


def _tell_details(each: PlacedAddress, losses: Losses) -> None:
    ip, line = each.address.ip, _line(each)
    if each.address.network.prefixlen != ip.max_prefixlen and "/" in each.words[0]:
        losses.warning(
            line,
            f"{shown(each.words[0])}: a VIP is a host address; with its prefix goes a route to that"
            " network",
            "see that the link has an address of its own in it",
        )
    for name, told in LOST_WORDS.items():
        if name in each.words[1:]:
            losses.warning(line, f"{name}: {told}", BY_HAND)
    if each.link is None:
        losses.warning(
            line,
            "use_vmac: the VIP had a MAC of its own; here it is that of the link",
            "nothing, unless something counts on that MAC",
        )


def _most(
    counts: Counter[str],
    placed: Mapping[IPAddress, tuple[str, PlacedAddress]],
    services: Collection[IPAddress],
) -> str:
    serving = Counter(placed[ip][0] for ip in services if ip in placed)
    best = (serving or counts).most_common(1)
    return best[0][0] if best else ""


def _entries(
    placed: Mapping[IPAddress, tuple[str, PlacedAddress]],
    elsewhere: Collection[IPAddress],
    link: str,
    interface: str,
    losses: Losses,
) -> list[Document]:
    entries: list[Document] = []
    taken: set[str] = set()
    for ip, (_, each) in placed.items():
        if ip in elsewhere:
            continue
        usual = f"{interface}:{len(entries)}"
        label = "" if ip.version == 6 else _label(each, link, interface, losses)
        if label in taken - {"", interface}:
            label = interface
        taken.add(label)
        entries.append(
            {"address": str(ip), **({"label": label} if label not in ("", usual) else {})}
        )
    return entries


def _label(each: PlacedAddress, link: str, interface: str, losses: Losses) -> str:
    """Return the label that an address has; without one it is the name of its link."""
    words = each.words
    said = words[words.index("label") + 1] if "label" in words[:-1] else link
    label = interface + said.removeprefix(link) if said.startswith(link) else said
    if label.startswith(interface) and len(label.encode()) <= LONGEST_LABEL and label.isprintable():
        return label
    losses.warning(
        _line(each), f"label {shown(said)} does not begin with the link, and is left out", BY_HAND
    )
    return interface


def _line(each: PlacedAddress) -> Block:
    return Block(list(each.words), each.line, each.file)


def routers_told(root: Block, losses: Losses) -> None:
    """Tell of what virtual routers do besides holding VIPs: who is master is not in a profile."""
    for instance in root.all("vrrp_instance"):
        losses.warning(
            instance,
            f"vrrp_instance {shown(instance.value)}: who is the master is not said in a profile",
            "let keepalived go on with that: lvsdr keepalived config prints what it needs",
        )
        for each in instance.all("virtual_routes", "virtual_rules"):
            losses.warning(each, f"{each.name}: no profile has routes or rules", BY_HAND)
