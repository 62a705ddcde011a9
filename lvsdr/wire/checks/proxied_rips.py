"""RIPs behind a proxy of the segment, as those of containers: probes need room for one more hop.

Such a host says that the TTL of a probe has expired, as a real server does that has lost the VIP
and forwards. So it is asked for the RIP, by an echo of the same TTL: the real server answers that.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.model.address import IPAddress
from lvsdr.wire.checks.questions_again import question
from lvsdr.wire.checks.watched_path import WatchedPath
from lvsdr.wire.paths.path_probes import LAST_HOP
from lvsdr.wire.paths.probe import Mark


class ProxiedRips:
    """Find out whether a proxy is before a RIP, and remember it for all checks of that RIP."""

    def __init__(self, watched: Iterable[WatchedPath]) -> None:
        self._by_rip: dict[IPAddress, list[WatchedPath]] = {}
        for each in watched:
            self._by_rip.setdefault(each.item.path.rip, []).append(each)
        for alike in self._by_rip.values():
            for each in alike:
                each.neighbours = len(alike)

    def question(
        self, watched: WatchedPath, mac: str, port: bytes, secret: bytes
    ) -> tuple[bytes, bytes]:
        """Return the echo for the RIP, and the key of its answer."""
        made = question(watched.resolved().rip_echo(), mac, Mark(0, 0))
        return made.ask(watched.hop.mac, port, secret)

    def learn(self, watched: WatchedPath) -> None:
        """Give probes to this RIP one more hop from now on."""
        for each in self._by_rip[watched.item.path.rip]:
            each.hops, each.questions = LAST_HOP + 1, None
