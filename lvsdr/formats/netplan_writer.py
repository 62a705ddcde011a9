"""VIPs for netplan(5), which amends what its other files say of a link."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.formats.held_vips import Held, held_vips, scope_lost, silence_first
from lvsdr.formats.plain_names import plain_name
from lvsdr.model.exported import PRIVATE, Exporting, NewFile, lost
from lvsdr.model.finding import Finding
from lvsdr.model.objects import GUARD_METRIC, Address, Route

# From 2^31 on, netplan 0.106 writes a negative number. 1.1, which knows dummies, does not.
LARGEST = 2**31 - 1
FILE = "/etc/netplan/90-lvsdr.yaml"


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the files: silence, then the links."""
    yield from silence_first(host)
    held = held_vips(host, "netplan")
    head = f"# Made by lvsdr export, from {host.names}."
    yield NewFile(FILE, (head, *_lines(held)), PRIVATE)
    for each in held:
        yield from _lost(each)


def _lines(held: list[Held]) -> Iterator[str]:
    yield from ("network:", "  version: 2")
    dummies = [each for each in held if each.holder and each.holder.link_kind == "dummy"]
    others = [each for each in held if each not in dummies]
    if dummies:
        yield "  # netplan 0.106 knows none, 1.1 does."
        yield "  dummy-devices:"
        for each in dummies:
            yield from _device(each)
    if others:
        if any(each.holder is None for each in others):
            yield "  # The same kind and name as in the file that sets up the interface: ethernets,"
            yield "  # bonds, bridges or vlans."
        yield "  ethernets:"
        for each in others:
            yield from _device(each)


def _device(held: Held) -> Iterator[str]:
    # Quoted: YAML has numbers, truths and nothing for what is a name here.
    yield f'    "{held.name}":'
    if held.holder is not None:
        yield "      optional: true"
    else:
        # networkd takes addresses away and brings them back at a restart, and where the carrier
        # was lost: its VIPs would be ahead of the host's own address then.
        yield from ("      critical: true", "      ignore-carrier: true")
    yield "      addresses:"
    for each in held.addresses:
        yield from _address(each)
    if held.routes:
        yield "      routes:"
    for route in held.routes:
        yield f'        - to: "{route.destination}"'
        yield f"          type: {route.route_kind}"
        yield f"          metric: {_metric(route, held)}"


def _metric(route: Route, held: Held) -> int:
    """Return a metric that each netplan can write which knows such a holder."""
    known = held.holder is not None and held.holder.link_kind == "dummy"
    return route.metric if known else min(route.metric, LARGEST)


def _address(address: Address) -> Iterator[str]:
    said = []
    if address.label not in (None, address.link):
        said.append(f'label: "{plain_name(str(address.label))}"')
    if address.deprecated:
        said.append("lifetime: 0")
    yield f'        - "{address.ip}"' + (":" if said else "")
    yield from (f"            {each}" for each in said)


def _lost(held: Held) -> Iterator[Finding]:
    if held.routes:
        metrics = sorted({_metric(each, held) for each in held.routes} - {GUARD_METRIC})
        for metric in metrics:
            message = f"the guard routes have metric {metric}, for netplan 0.106 turns a larger one"
            yield lost(
                held.name,
                f"{message} negative, and networkd leaves such a route out",
                "lvsdr realserver plan finds its own missing, which may stand beside them",
            )
    look = "lvsdr export networkd, which knows it, where networkd carries netplan out"
    yield from scope_lost(held, "netplan", look)
    if held.holder is None and any(each.ip.version == 6 for each in held.addresses):
        yield lost(
            held.name,
            f"netplan cannot leave out the detection of duplicates: an IPv6 VIP on {held.name} is"
            " not used where another host of the segment holds it on a link that talks",
        )
