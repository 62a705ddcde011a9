"""VIPs for systemd-networkd: a holder's link and its network, and a drop-in of the interface's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from lvsdr.errors import ProfileError
from lvsdr.formats.held_vips import Held, held_vips, silence_first
from lvsdr.formats.plain_names import plain_name
from lvsdr.model.exported import Exporting, NewFile
from lvsdr.model.finding import Finding
from lvsdr.model.objects import Address, Link, Route

FOLDER = "/etc/systemd/network"
# networkd takes the first file that matches a link, and others match all links.
FIRST = "05"

# networkd takes addresses away and brings them back at a restart, and where the carrier was lost:
# its VIPs would be ahead of the host's own address then, and multicast would leave in their name.
KEPT = ("[Network]", "KeepConfiguration=static", "IgnoreCarrierLoss=yes")


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the files: silence, then each link."""
    yield from silence_first(host)
    head = f"# Made by lvsdr export, from {host.names}."
    for each in held_vips(host, "networkd"):
        if each.holder is None:
            yield NewFile(_drop_in(host, each), (head, *KEPT, *_addresses(each)))
            continue
        if each.holder.link_kind == "dummy":
            kind = ("[NetDev]", f"Name={each.name}", "Kind=dummy")
            yield NewFile(f"{FOLDER}/{FIRST}-{each.name}.netdev", (head, *kind))
        yield NewFile(f"{FOLDER}/{FIRST}-{each.name}.network", (head, *_network(each, each.holder)))


def _drop_in(host: Exporting, held: Held) -> str:
    if host.beside is None:
        raise ProfileError(
            f"cannot export the VIPs on {held.name} to networkd: they go into a drop-in of the file"
            f" that sets up {held.name}, and which that is, no profile says",
            hints=[
                f"networkctl status {held.name} names it",
                f"--beside {FOLDER}/10-{held.name}.network, if that is it",
            ],
        )
    name = PurePath(host.beside.path).name
    return f"{FOLDER}/{_file_name(name)}.d/lvsdr.conf"


def _file_name(name: str) -> str:
    stem = name.removesuffix(".network")
    if stem == name or not stem or any(char in stem for char in "\"'\\ ") or not name.isprintable():
        raise ProfileError(
            f"cannot write a drop-in of {name!r}: no name of a file of networkd, *.network",
            hints=["networkctl status LINK names the file"],
        )
    return name


def _network(held: Held, holder: Link) -> Iterator[str]:
    # Exactly this link: a name with a * in it would match others.
    yield from ("[Match]", f"Name={held.name}", "[Link]")
    if holder.link_kind != "loopback":
        yield f"ARP={'yes' if holder.arp else 'no'}"
    # Booting waits for the network, and this is none.
    yield "RequiredForOnline=no"
    yield from ("[Network]", "IPv6AcceptRA=no")
    yield from _addresses(held)
    for route in held.routes:
        yield from _route(route)


def _addresses(held: Held) -> Iterator[str]:
    for each in held.addresses:
        yield from _address(each)


def _address(address: Address) -> Iterator[str]:
    yield from ("[Address]", f"Address={address.ip}")
    if address.scope != "global":
        # Never the source of what this host asks.
        yield f"Scope={address.scope}"
    if address.label not in (None, address.link):
        yield f"Label={plain_name(str(address.label))}"
    if address.deprecated:
        yield "PreferredLifetime=0"
    if address.ip.version == 6:
        # It would fail where another host of the cluster holds the VIP as well.
        yield "DuplicateAddressDetection=none"


def _route(route: Route) -> Iterator[str]:
    # A VIP that got lost is not to go back to the director. As the kernel's by its protocol, it
    # stays where networkd reads its files again.
    yield from ("[Route]", f"Destination={route.destination}", f"Type={route.route_kind}")
    yield from (f"Metric={route.metric}", "Protocol=kernel")
