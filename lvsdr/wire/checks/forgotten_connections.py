"""Connections that checks have opened, and whose reset got lost: they are reset once more."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.wire.checks.answer_keys import OPEN, STALE, Heard
from lvsdr.wire.checks.budget import Budget
from lvsdr.wire.checks.watched_path import WatchedPath
from lvsdr.wire.frames.ip import TCP

_RATE = 2000
# The end of a key of TCP: our port, and the number that was acknowledged.
_PORT, _NUMBER, _END = slice(-6, -4), slice(-4, None), -6
_IPV4_KEY = 16


class ForgottenConnections:
    """Reset what accepts a connection that no check waits for any more.

    A real server says so again and again for a minute, and half open it takes room from clients.
    When it is asked anew from the same port meanwhile, it says which number it waits for.
    """

    def __init__(self, watched: Iterable[WatchedPath], now: float) -> None:
        self._budget = Budget(_RATE, now)
        self._by_target: dict[bytes, list[WatchedPath]] = {}
        for each in watched:
            path, route = each.item.path, each.item.route
            # Without the VIP the answer is for an address of this host, whose kernel resets it.
            if path.vip is None or not path.sees_vip:
                continue
            own = route.source if path.vip.version == route.source.version else route.other_source
            if own is not None:
                key = path.vip.packed + own.packed + path.port.to_bytes(2)
                self._by_target.setdefault(key, []).append(each)

    def resets(self, frame: bytes, said: Heard, now: float) -> list[bytes]:
        """Return what is to be sent upon an answer that no check waits for."""
        protocol = frame[23] if len(said.key) == _IPV4_KEY else frame[20]
        if said.kind not in (OPEN, STALE) or protocol != TCP or self._budget.spent(now):
            return []
        for watched in self._by_target.get(said.key[:_END], ()):
            asked = watched.questions
            if asked is not None and asked.reset is not None and watched.hop.mac == said.mac:
                self._budget.spend(1)
                return [asked.reset.frame(said.mac, said.key[_PORT], said.key[_NUMBER])]
        return []


def closing(watched: WatchedPath, said: Heard) -> list[bytes]:
    """Return what resets the connection that an answer accepts."""
    asked = watched.questions
    if asked is None or asked.reset is None:
        return []
    return [asked.reset.frame(watched.hop.mac, said.key[_PORT], said.key[_NUMBER])]
