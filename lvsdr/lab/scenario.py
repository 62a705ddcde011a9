"""What a scenario is: a cluster, what was set up wrongly by hand, and what must be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Document = dict[str, Any]
Witness = Literal["answering", "entry", "serving"]


@dataclass(frozen=True, slots=True)
class Cable:
    """One more link between a host and the switch; `mac` is how it is told from the others."""

    host: str
    link: str
    mac: str


@dataclass(frozen=True, slots=True)
class ByHand:
    """What somebody did on a host, and how it is undone.

    A line that starts with `net/` sets a sysctl (PATH=VALUE), any other is one for ip(8).
    """

    host: str
    do: tuple[str, ...]
    undo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A machine that the ARP problem lives on.

    `machine` is how the hosts are built, and stays. `by_hand` is the set-up without lvsdr, which
    has to show the `trouble` to the `witness` and is undone before the real servers' profile is
    applied; then `mended` must be seen. With `refused`, lvsdr has to decline the set-up as it was
    done by hand (exit 6), before anything is touched.
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
    cables: tuple[Cable, ...] = ()
    refused: bool = False


def director(
    vip: str, *rips: str, protocol: str = "tcp", port: int = 80, method: str = "dr"
) -> Document:
    """Return a director's profile with one virtual server, round robin over `rips`."""
    real_servers = [{"rip": rip, "forwarding_method": method} for rip in rips]
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
