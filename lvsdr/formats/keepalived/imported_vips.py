"""The VIPs of keepalived.conf: on which link a director holds them, and under which label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from lvsdr.formats.keepalived.conf_losses import Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.real_server_meaning import is_host
from lvsdr.formats.keepalived.virtual_routers import PlacedAddress, Router, addresses_in
from lvsdr.model.address import IPAddress
from lvsdr.model.imported import USUAL_LINK, Document
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.link_names import is_link_name

LONGEST_LABEL = 15
LABEL = re.compile(r"[/\s]")
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
    interface = wanted or (link if is_link(link) else USUAL_LINK)
    elsewhere = {ip: on for ip, (on, _) in placed.items() if on != link}
    labels = Labels(link, interface, losses)
    entries: list[Document] = []
    for ip in dict.fromkeys((*placed, *services)):
        if ip not in elsewhere:
            label = labels.of(ip, placed[ip][1] if ip in placed else None, len(entries))
            entries.append({"address": str(ip), **({"label": label} if label else {})})
    for ip, on in elsewhere.items():
        _, each = placed[ip]
        tell = losses.error if ip in services else losses.warning
        tell(
            _line(each),
            f"{ip} is on {on}, and the profile holds VIPs on {interface}: it is left out, with its"
            " services",
            f"import once more with --interface {on}, as a profile of another name",
        )
    return Held(interface, entries, elsewhere, not (wanted or is_link(link)))


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


class Labels:
    """Gives each VIP a label: that which it has, by the name of the profile's link."""

    def __init__(self, link: str, interface: str, losses: Losses) -> None:
        self._link, self._interface, self._losses = link, interface, losses
        self._taken: set[str] = set()

    def of(self, ip: IPAddress, each: PlacedAddress | None, place: int) -> str:
        """Return the label to be written; "" where it is the usual one, or IPv6 has none."""
        usual = f"{self._interface}:{place}"
        if ip.version == 6:
            return ""
        label = usual if each is None else self._said(each)
        if label in self._taken - {self._interface} or len(label.encode()) > LONGEST_LABEL:
            if each is not None:
                self._left_out(each, label)
            label = self._interface
        self._taken.add(label)
        return "" if label == usual else label

    def _said(self, each: PlacedAddress) -> str:
        """Return the label that an address has; without one it is the name of its link."""
        words = each.words
        said = words[words.index("label") + 1] if "label" in words[:-1] else self._link
        renamed = said.startswith(self._link)
        label = self._interface + said.removeprefix(self._link) if renamed else said
        if label.startswith(self._interface) and label.isprintable() and not LABEL.search(label):
            return label
        self._left_out(each, said)
        return self._interface

    def _left_out(self, each: PlacedAddress, label: str) -> None:
        self._losses.warning(
            _line(each),
            f"label {shown(label)} is that of another VIP, or none of its link, and is left out",
            BY_HAND,
        )


def is_link(name: str) -> bool:
    """Return whether a director can hold VIPs on a link of this name, which lo cannot."""
    return is_link_name(name) and name != "lo"


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
