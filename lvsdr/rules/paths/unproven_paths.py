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
    "no-answer": Reason(
        "it holds the VIP, and nothing answers a datagram: the service may have nothing to say to"
        " it, or something drops it",
        "whether the service answers a client of its own kind, and whether a firewall of {rip} lets"
        " {port} in",
    ),
    "not-heard": Reason(
        "its MAC address was not heard, as frames came faster than they could be read",
        "who floods the segment: tcpdump -e -n -c 100 arp or icmp6",
    ),
    "not-asked": Reason("no path was probed", "verify again without --no-paths"),
    "no-vip": Reason(
        "the profile names no VIP at which it could be asked",
        "which addresses the firewall marks: write one as probe_vip of that virtual server, and"
        " its port as probe_port",
    ),
    "no-port": Reason(
        "the profile names no port at which it could be asked",
        "write the port that serves as probe_port of that virtual server",
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
        "port": f"{path.transport} {path.port}",
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


def held(group: Group) -> Finding:
    """Return the finding that of a service no more is known than that its VIP is held."""
    path = group[0].path
    rips = dict.fromkeys(str(proof.path.rip) for proof in group)
    many = "real server" if len(rips) == 1 else f"{len(rips)} real servers"
    return Finding(
        "PATH-UNPROVEN",
        WARNING,
        str(path.service),
        f"{many} of {path.service} hold{'s' if len(rips) == 1 else ''} {path.vip}; whether anything"
        " serves there is not known, for the profile names no port to ask",
        vip=path.vip,
        look="write the port that serves as probe_port of that virtual server",
    )


def services_of(group: Group) -> str:
    """Return the services of a fault, the first few by name."""
    names = [str(name) for name in dict.fromkeys(proof.path.service for proof in group)]
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join((*names[:_SHOWN], *more))
