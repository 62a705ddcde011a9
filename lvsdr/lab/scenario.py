"""What a scenario is: a cluster, what was set up wrongly by hand, and what must be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Document = dict[str, Any]
Witness = Literal["answering", "entry", "serving", "looping", "reaching"]


@dataclass(frozen=True, slots=True)
class Cable:
    """One more link between a host and the switch; `mac` is how it is told from the others."""

    host: str
    link: str
    mac: str


@dataclass(frozen=True, slots=True)
class ExtraHost:
    """One more host on the segment, beside the director and the real servers.

    `address` has its prefix.
    """

    name: str
    address: str
    mac: str


@dataclass(frozen=True, slots=True)
class Guest:
    """A real server whose eth0 is not at the switch but at a veth link `port` of another host.

    What joins the two (a host route, a bridge) is part of the scenario's `machine`. With
    `from_host` lvsdr runs on the host, with --netns, else inside the guest.
    """

    name: str
    host: str
    port: str
    from_host: bool = False


@dataclass(frozen=True, slots=True)
class ByHand:
    """What somebody did on a host, and how it is undone.

    A line that starts with `net/` sets a sysctl (PATH=VALUE), one that starts with `bridge`,
    `ipvsadm`, `iptables-legacy` or `modprobe` is a command of that program, any other is one for
    ip(8).
    """

    host: str
    do: tuple[str, ...]
    undo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedFinding:
    """A finding that `lvsdr verify` on a host has to name while the trouble is there, by its id.

    The director and the real servers are asked by their own profile, others by the director's, or,
    with `role`, as what they were: by the real servers' profile.
    """

    host: str
    rule: str
    role: Literal["realserver"] | None = None


@dataclass(frozen=True, slots=True)
class WatchedLink:
    """A link on which a witness counts frames."""

    host: str
    link: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A machine that the ARP problem lives on.

    `machine` is how the hosts are built, and stays. `by_hand` is the set-up without lvsdr, which
    has to show the `trouble` to the `witness` and is undone before the real servers' profiles are
    applied; then `mended` must be seen. `mend` is what else has to be done by hand, and is undone
    at the end. With `refused`, lvsdr has to decline the set-up as it was done by hand (exit 6),
    before anything is touched. The director's profile is there from the start, unless the trouble
    is the director's own: `director_late`. `profiles` are those of real servers that have not
    the common one, by their names. `dip` is the director's address where it matters; among the
    RIPs, the director is a real server of itself. `own_clients` are hosts that ask for the VIP in
    the end, when all is well, and the finding by which verify tells what that leads to.
    """

    name: str
    summary: str
    director: Document
    realserver: Document
    witness: Witness
    trouble: frozenset[str]
    mended: frozenset[str]
    by_hand: tuple[ByHand, ...]
    machine: tuple[ByHand, ...] = ()
    mend: tuple[ByHand, ...] = ()
    extra_hosts: tuple[ExtraHost, ...] = ()
    guests: tuple[Guest, ...] = ()
    cables: tuple[Cable, ...] = ()
    profiles: Mapping[str, Document] = field(default_factory=dict)
    expected_findings: tuple[ExpectedFinding, ...] = ()
    own_clients: tuple[ExpectedFinding, ...] = ()
    dip: str | None = None
    watched: WatchedLink = WatchedLink("observer", "eth0")
    refused: bool = False
    director_late: bool = False


def held_by_hand(host: str, vip: str, holder: str = "lo") -> ByHand:
    """Return how a careful script sets up a real server."""
    up, down = (
        ((), ()) if holder == "lo" else ((f"link set {holder} up",), (f"link set {holder} down",))
    )
    return ByHand(
        host,
        (
            "net/ipv4/conf/all/arp_ignore=1",
            "net/ipv4/conf/all/arp_announce=2",
            *up,
            f"address add {vip}/32 dev {holder}",
        ),
        (
            f"address del {vip}/32 dev {holder}",
            *down,
            "net/ipv4/conf/all/arp_ignore=0",
            "net/ipv4/conf/all/arp_announce=0",
        ),
    )


def held_with(host: str, vip: str, *quiet: str) -> ByHand:
    """Return how a real server gets its VIP on lo, and arp_ignore on the links `quiet` alone."""
    return ByHand(
        host,
        (*(f"net/ipv4/conf/{link}/arp_ignore=1" for link in quiet), f"address add {vip}/32 dev lo"),
        (f"address del {vip}/32 dev lo", *(f"net/ipv4/conf/{link}/arp_ignore=0" for link in quiet)),
    )


def director(
    vip: str,
    *rips: str,
    protocol: str = "tcp",
    port: int = 80,
    method: str = "dr",
    **fields: object,
) -> Document:
    """Return a director's profile with one virtual server, round robin over `rips`.

    `fields` are those of each real server.
    """
    real_servers = [{"rip": rip, "forwarding_method": method, **fields} for rip in rips]
    server = {"vip": vip, "protocol": protocol, "port": port, "scheduler": "rr"}
    return {
        "role": "director",
        "name": "web",
        "interface": "eth0",
        "vips": [{"address": vip}],
        "virtual_servers": [{**server, "real_servers": real_servers}],
    }


def realserver(vip: str, **fields: object) -> Document:
    """Return a real server's profile that holds one VIP, by default on a dummy link."""
    whole = {"role": "realserver", "interface": "eth0", "holder": "dummy", "vips": [vip]}
    return {**whole, **fields}
