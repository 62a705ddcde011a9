"""What an answer to a check, or silence, says of a real server, in few words."""

from __future__ import annotations

from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import UdpCheck
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.checks.answer_keys import CLOSED, OPEN, Heard
from lvsdr.wire.checks.questions_again import DatagramQuestion
from lvsdr.wire.checks.watched_path import Check, WatchedPath
from lvsdr.wire.paths import udp_questions

# Who has said what is wrong is not asked for its reason again so soon: hosts limit their errors.
_REMEMBERED = 5.0
# Linux sends a host one error a second (icmp_ratelimit in icmp(7)), of whatever port.
_LIMIT = 1.1
# So seldom a real server is spared because its MAC address has changed.
_SPARED = 5.0
# So often somebody has to be asked by ARP before silence says anything.
_ASKED = 3
FORWARDS, LOST = "has lost the VIP, and forwards", "has lost the VIP"
NO_TUNNEL, UNREACHABLE = "has no tunnel", "is not reachable"
# What concerns all services of a VIP at a real server.
OF_THE_HOST = frozenset({FORWARDS, LOST, NO_TUNNEL, UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Meaning:
    """Why a real server does not serve, "" where it does; `told` where it said so itself."""

    why: str = ""
    silent: bool = False
    told: bool = False


SERVES = Meaning()


def meaning(watched: WatchedPath, said: Heard) -> Meaning | None:
    """Return what an answer says; None where it says nothing of the service."""
    if said.kind == OPEN:
        return SERVES
    why = _why(watched, said)
    return None if why is None else Meaning(why, told=True)


def _why(watched: WatchedPath, said: Heard) -> str | None:
    path, kind = watched.item.path, said.kind
    if kind in ("expired", "unreachable"):
        if said.outer or not path.sees_vip or path.vip is None:
            return UNREACHABLE
        return FORWARDS if kind == "expired" else LOST
    if said.outer and kind in ("protocol", "port"):
        return NO_TUNNEL
    alike = {CLOSED: CLOSED, "other": "other"}.get(kind)
    return _WHY.get(alike or (watched.path.transport, kind), "a firewall rejects it")


_WHY: dict[str | tuple[str, str], str | None] = {
    CLOSED: "refuses the connection",
    ("udp", "port"): "refuses the datagram",
    ("sctp", "protocol"): "refuses the connection",
    "other": None,
}


def datagram_meaning(item: CheckedPath, cookie: bytes, data: bytes) -> Meaning | None:
    """Return what a datagram says that answers one of ours, which asked it to repeat `cookie`."""
    if isinstance(item.check, UdpCheck):
        expected = data.startswith(item.check.expect)
        return SERVES if expected else Meaning("answers with something else", told=True)
    repeated = udp_questions.repeated(item.path.port, data)
    # Not of that protocol: then anything is an answer, but for one that repeats something else.
    return SERVES if repeated in (None, cookie) or not cookie else None


def held_without_answer(check: Check, now: float) -> Meaning | None:
    """Return what it says that the VIP answers an echo, and nobody a datagram.

    Who has nothing to say to a datagram says nothing. Who refuses it says so, but not each time.
    """
    watched = check.watched
    return None if now - watched.why_at < _LIMIT * watched.neighbours else SERVES


def silence(check: Check, now: float) -> Meaning | None:
    """Return what it says that nothing has come until the end; None where that may be our doing."""
    watched, hop = check.watched, check.watched.hop
    if check.unasked or _spared(check, now):
        return None
    routed = watched.item.route.routed
    if check.doubted:
        return Meaning(FORWARDS if watched.item.path.sees_vip else UNREACHABLE)
    if hop.heard < check.since:
        how = "ARP" if hop.address.version == 4 else "neighbour discovery"
        whose = f"its gateway {hop.address} does" if routed else "does"
        return Meaning(f"{whose} not answer {how}", silent=True)
    # Who is asked more than once a second has no errors left where a guard route refuses: both the
    # route and the error take from the same measure (ip_error in net/ipv4/route.c).
    if watched.why in OF_THE_HOST or now - watched.why_at < _REMEMBERED:
        return Meaning(watched.why)
    lost = _echoed(watched) and not routed and watched.item.path.sees_vip
    # A host that was heard at the beginning alone may have been cut off since, as all others.
    return Meaning(LOST if lost else "does not answer", silent=routed or not check.midst)


def _spared(check: Check, now: float) -> bool:
    """Return whether it was asked at another MAC address than its own, or at none."""
    watched, hop = check.watched, check.watched.hop
    if hop.since > check.since or hop.rival:
        if now - watched.spared > _SPARED:
            watched.spared = now
            return True
        return False
    # At the start there are so many to ask that some have had no time to answer.
    return not check.sent and hop.tries < _ASKED


def _echoed(watched: WatchedPath) -> bool:
    """Return whether an echo was sent to the VIP, which whoever has it answers."""
    asked = watched.questions
    if asked is None or isinstance(watched.item.check, UdpCheck):
        return False
    return not watched.path.port or isinstance(asked.service, DatagramQuestion)
