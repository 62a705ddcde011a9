"""What the replies to the probes of one path say about it."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.path import Path, PathDetail, PathVerdict
from lvsdr.wire.paths.probe import Reply

Judgement = tuple[PathVerdict | None, PathDetail]


@dataclass(frozen=True, slots=True)
class Heard:
    """The replies to a path's probes, None for silence.

    `service` is what a client would ask. The others are asked where that did
    not say enough: `vip` echo by the same way, `rip` echo of the host itself,
    `port` the service's port there, `tunnel` echo of the RIP through the
    tunnel. `limited`: the host may have kept an error to itself.
    """

    service: Reply | None = None
    vip: Reply | None = None
    rip: Reply | None = None
    port: Reply | None = None
    tunnel: Reply | None = None
    limited: bool = False


def judge(path: Path, heard: Heard, *, routed: bool) -> Judgement:
    """Return the verdict on a path whose next hop is there, and what to add to it."""
    reply = heard.service
    if reply is None:
        return _silent(path, heard, routed)
    if reply.kind == "open":
        return "served", ""
    closed = reply.kind == "closed" or (path.service.protocol, reply.kind) in _REFUSED
    if closed and not reply.outer:
        return "port-closed", _elsewhere(path, heard)
    return _refused(reply, path)


# A firewall may say the same; of a protocol that always answers, nobody else does.
_REFUSED = {("udp", "port"), ("sctp", "protocol")}


def _elsewhere(path: Path, heard: Heard) -> PathDetail:
    """Return whether the service listens at the RIP instead, the most common mistake."""
    if path.method == "masquerade":
        return ""
    if heard.port is not None:
        return "rip-listens" if heard.port.kind == "open" else ""
    return "rip-may-listen" if path.service.protocol == "udp" else ""


def _refused(reply: Reply, path: Path) -> Judgement:
    if reply.outer and reply.kind in ("protocol", "port"):
        # Without a module of its own the kernel knows no such protocol, with one no such tunnel.
        return "no-tunnel", ""
    if reply.outer and reply.kind in ("unreachable", "expired"):
        return "down", ""
    if path.method == "masquerade" and reply.kind in ("unreachable", "expired"):
        return "down", ""
    if reply.kind == "expired":
        return "vip-missing-and-forwards", ""
    if reply.kind == "unreachable":
        return "vip-missing", "unreachable"
    return "filtered", "rejected"


def _silent(path: Path, heard: Heard, routed: bool) -> Judgement:
    if heard.vip is not None:
        return _held(path, heard) if heard.vip.kind == "open" else _refused(heard.vip, path)
    if heard.rip is None and heard.port is None:
        # A router's MAC address proves nothing of the host behind it.
        return ("down", "") if routed else ("filtered", "mute")
    if heard.rip is not None and heard.rip.kind in ("unreachable", "expired"):
        return "down", ""
    # What carries the other family cannot carry an echo of the RIP.
    alike = path.vip is None or path.vip.version == path.rip.version
    if path.method == "tunnel" and alike and heard.tunnel is None:
        return "filtered", "reverse-path"
    return "vip-missing", ""


def _held(path: Path, heard: Heard) -> Judgement:
    if path.service.protocol != "udp":
        return "filtered", "held"
    # Who has nothing to say to an empty datagram says nothing; a closed port would be refused.
    return (None, "rate-limited") if heard.limited else ("served", "")
