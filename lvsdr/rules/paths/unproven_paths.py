"""What is said of paths of which nothing is proven: why, and what would prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.path import PathDetail, Proof

Group = Sequence[Proof]
"""The proofs of one fault; never empty."""

_SHOWN = 3


class Reason(NamedTuple):
    """Why nothing is proven, where to look, and on which host, by default this one."""

    why: str
    look: str
    on: str = ""


REASONS: Mapping[PathDetail, Reason] = {
    "local": Reason(
        "it is this host itself",
        "lvsdr director verify, with this profile",
        on="another host of the segment",
    ),
    "no-source": Reason(
        "this host has no address that is no VIP to ask from",
        "give this host an address of its own (DIP) on the link towards the real server",
    ),
    "no-ethernet": Reason(
        "no Ethernet link leads there",
        "which route leads to {rip}, and whether it is the one that is meant",
    ),
    "rate-limited": Reason(
        "it sends a limited number of errors, and silence may be one that it kept back",
        "a minute later, verify again",
    ),
    "other-mac": Reason(
        "all answers came from MAC address {stranger}, which does not say that it is {hop}: it has"
        " another link on this segment, or another host answers in its place",
        "whether {stranger} is a link of {rip} (a bond, a second card)",
    ),
    "guessed": Reason(
        "somebody sends answers in its name to questions that were never asked, and may have"
        " guessed the one that was",
        "which host of the segment sends datagrams as {vip}: their source MAC on the switch",
    ),
}


def unproven(group: Group) -> Finding:
    """Return the finding that nothing is known of a real server."""
    path, gateway = group[0].path, group[0].gateway
    reason = REASONS[group[0].detail]
    words = {
        "rip": path.rip,
        "vip": path.vip or path.rip,
        "hop": gateway or path.rip,
        "stranger": group[0].stranger,
    }
    return Finding(
        "PATH-UNPROVEN",
        WARNING,
        str(path.rip),
        f"nothing is known of real server {path.rip}: {reason.why.format(**words)}"
        f" ({services_of(group)})",
        mac=group[0].stranger,
        rip=path.rip,
        look=reason.look.format(**words),
        on=reason.on,
    )


def services_of(group: Group) -> str:
    """Return the services of a fault, the first few by name."""
    names = [str(name) for name in dict.fromkeys(proof.path.service for proof in group)]
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join((*names[:_SHOWN], *more))
