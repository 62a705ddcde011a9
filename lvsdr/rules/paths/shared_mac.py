"""Real servers that are several hosts, and have one MAC address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.path import Proof, SharedMac


def shared_by_paths(proofs: Iterable[Proof]) -> Iterator[SharedMac]:
    """Yield each MAC that several real servers have, as the proofs of their paths say."""
    yield from dict.fromkeys(shared for proof in proofs for shared in proof.shared)


def shared_mac_findings(shared: Iterable[SharedMac]) -> Iterator[Finding]:
    """Yield a finding for each MAC that several real servers share."""
    for mac, rips in shared:
        places = ", ".join(map(str, rips))
        yield Finding(
            "PATH-SHARED-MAC",
            ERROR,
            places,
            f"real servers {places} have the same MAC address ({mac}) and are not one host: a"
            " switch sends what is for any of them to the one that spoke last, and clients'"
            " connections break",
            mac=mac,
            rip=rips[0],
            look="which is a copy of the other, as cloned virtual machines are, and give it a MAC"
            " address of its own: ip link show",
            on="each of them",
        )
