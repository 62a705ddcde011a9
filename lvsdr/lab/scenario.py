"""The data of a scenario: a cluster, what was set up wrongly by hand, what the witness must see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from lvsdr.model.late_dataclasses import dataclass, field

Document = dict[str, Any]
Witness = Literal["answering", "entry", "serving", "looping", "reaching", "lasting"]


@dataclass(frozen=True, slots=True)
class Cable:
    """One more link between a host and the switch; its `mac` is unique."""

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
    """A real server whose eth0 has its other end not at the switch, but at `port` of a host.

    The scenario's `machine` connects the two (a host route, a bridge). With `from_host` lvsdr runs
    on the host, with --netns, else inside the guest.
    """

    name: str
    host: str
    port: str
    from_host: bool = False


@dataclass(frozen=True, slots=True)
class ByHand:
    """Commands that somebody typed on a host, and those that undo them.

    A line that starts with `net/` sets a sysctl (PATH=VALUE); one that starts with `bridge`,
    `ipvsadm` or `modprobe` is a command of that program; any other is a command of ip(8).
    """

    host: str
    do: tuple[str, ...]
    undo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedFinding:
    """The id of a finding that `lvsdr verify` on a host must report as long as the trouble lasts.

    The director and the real servers use their own profile, other hosts the director's, or the
    real servers' where `role` says so.
    """

    host: str
    rule: str
    role: Literal["realserver"] | None = None


@dataclass(frozen=True, slots=True)
class ByKeepalived:
    """A table that keepalived has on the director, by this file, and whose real servers it checks.

    Where keepalived is not installed, `instead` makes the same table, which nobody checks.
    """

    conf: str
    instead: ByHand


@dataclass(frozen=True, slots=True)
class WatchedLink:
    """A link on which a witness counts frames."""

    host: str
    link: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A set-up that has the ARP problem without lvsdr, and does not have it with lvsdr.

    - `machine`: how the hosts are built; it stays to the end
    - `by_hand`: the set-up without lvsdr, in which `witness` must see `trouble`; it is undone
      before the real servers' profiles are applied, after which `witness` must see `mended`
    - `mend`: what else has to be done by hand; it is undone at the end
    - `refused`: lvsdr must refuse the set-up by hand (exit 6), and touch nothing
    - `director_late`: the director's profile is applied after the trouble, which is its own, and
      not at the start
    - `profiles`: by host name, the profiles of real servers that do not have the common one
    - `dip`: the director's address, where it matters; if it is a RIP, the director is a real
      server of itself
    - `own_clients`: hosts that send requests to the VIP at the end, and the finding by which
      verify says that they reach themselves
    - `accident`: what befalls a cluster that serves, while the client asks all the time: first
      the set-up by hand, then hosts that lvsdr has set up, the director by `lvsdr director keep`,
      which runs until all is taken back. On the director the keeper undoes it, elsewhere `undo`
    - `settles`: so many seconds after it the witness `lasting` begins to judge who is served
    - `keepalived`: whose table it is in the set-up by hand
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
    accident: tuple[ByHand, ...] = ()
    settles: float = 0.0
    keepalived: ByKeepalived | None = None


def held_by_hand(host: str, vip: str, holder: str = "lo") -> ByHand:
    """Return the commands of a careful script that sets up a real server, settings first."""
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
    """Return the commands that put the VIP on lo, and set arp_ignore on the links `quiet` alone."""
    return ByHand(
        host,
        (*(f"net/ipv4/conf/{link}/arp_ignore=1" for link in quiet), f"address add {vip}/32 dev lo"),
        (f"address del {vip}/32 dev lo", *(f"net/ipv4/conf/{link}/arp_ignore=0" for link in quiet)),
    )


def director_document(
    vip: str,
    *rips: str,
    protocol: str = "tcp",
    port: int = 80,
    method: str = "dr",
    **fields: object,
) -> Document:
    """Return a director's profile with one virtual server, round robin over `rips`.

    `fields` are further fields of each real server.
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


def realserver_document(vip: str, **fields: object) -> Document:
    """Return a real server's profile that holds one VIP, by default on a dummy link."""
    whole = {"role": "realserver", "interface": "eth0", "holder": "dummy", "vips": [vip]}
    return {**whole, **fields}
