"""What the replies to the probes of one path say about it."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.path import Path, PathDetail, PathVerdict
from lvsdr.wire.paths.probe import ProbeReply

_Verdict = tuple[PathVerdict | None, PathDetail]


@dataclass(frozen=True, slots=True)
class PathReplies:
    """The replies to a path's probes, None for silence.

    `service` is the reply to what a client would send. The others are sent
    where that does not say enough: `vip` an echo to the VIP by the same path,
    `rip` an echo to the RIP, `port` the service's port on the RIP, `tunnel` an
    echo to the RIP inside the tunnel. `limited` is True where the host's ICMP
    rate limit may have held an error back. `stranger` is the MAC of a host that answered to the
    service's probe, and is not the one that it was sent to; `guessed` is True where somebody
    answered datagrams that nobody had sent.
    """

    service: ProbeReply | None = None
    vip: ProbeReply | None = None
    rip: ProbeReply | None = None
    port: ProbeReply | None = None
    tunnel: ProbeReply | None = None
    limited: bool = False
    stranger: str | None = None
    guessed: bool = False


def path_verdict(path: Path, replies: PathReplies, *, routed: bool) -> _Verdict:
    """Return the verdict on a path whose next hop answers, and its detail."""
    reply = replies.service
    if path.vip is None and path.sees_vip:
        # What was asked is the RIP: all that it can say is that it is down.
        down = reply is not None and reply.kind in ("unreachable", "expired")
        return ("down", "") if down else (None, "no-vip")
    if reply is None:
        return _silent(path, replies, routed)
    if reply.kind == "open":
        return _open(path, replies)
    closed = reply.kind == "closed" or (path.transport, reply.kind) in _REFUSED
    if closed and not reply.outer:
        return "port-closed", _elsewhere(path, replies)
    return _refused(reply, path)


def _open(path: Path, replies: PathReplies) -> _Verdict:
    if not path.port:
        return ("served", "vip-held") if path.sees_vip else (None, "no-port")
    guessed = replies.guessed and path.transport == "udp"
    return (None, "guessed") if guessed else ("served", "")


# A firewall may say the same; of a protocol that always answers, nobody else does.
_REFUSED = {("udp", "port"), ("sctp", "protocol")}


def _elsewhere(path: Path, replies: PathReplies) -> PathDetail:
    """Return whether the service listens at the RIP instead, the most common mistake."""
    if path.method == "masquerade":
        return ""
    if replies.port is not None:
        return "rip-listens" if replies.port.kind == "open" else ""
    return "rip-may-listen" if path.transport == "udp" else ""


def _refused(reply: ProbeReply, path: Path) -> _Verdict:
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


def _silent(path: Path, replies: PathReplies, routed: bool) -> _Verdict:
    heard = (replies.vip, replies.rip, replies.port, replies.tunnel)
    if replies.stranger and not any(heard):
        # A link of it from which it sends all that it says; or a host that has seen the probes.
        return None, "other-mac"
    if replies.vip is not None:
        return _held(path, replies) if replies.vip.kind == "open" else _refused(replies.vip, path)
    if replies.rip is None and replies.port is None:
        # A router's MAC address proves nothing of the host behind it.
        return ("down", "") if routed else ("filtered", "mute")
    if replies.rip is not None and replies.rip.kind in ("unreachable", "expired"):
        return "down", ""
    # What carries the other family cannot carry an echo of the RIP.
    alike = path.vip is None or path.vip.version == path.rip.version
    if path.method == "tunnel" and alike and replies.tunnel is None:
        return "filtered", "reverse-path"
    return "vip-missing", ""


def _held(path: Path, replies: PathReplies) -> _Verdict:
    if path.transport != "udp":
        return "filtered", "held"
    # Who has nothing to say to a datagram says nothing, and so does a firewall that drops it.
    return None, "rate-limited" if replies.limited else "no-answer"
