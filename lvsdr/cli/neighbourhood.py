"""How a session reaches a director's neighbours: who has the VIPs already, and who is told of them.

The part of a session that is about taking VIPs; tests put other wires into a subclass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from lvsdr.errors import LvsdrError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lvsdr.core.announced_vips import Announcer
    from lvsdr.model.address import IPAddress
    from lvsdr.model.neighbour_claim import Heard
    from lvsdr.model.next_hop import HopAnswer, NextHop
    from lvsdr.model.path import SharedMac
    from lvsdr.proof.segment_hosts import Question


class Neighbourhood:
    """The neighbours on the segment, the gateways among them."""

    def tell(self, notes: Iterable[str]) -> None:
        """Say on stderr what people have to know though nothing failed."""
        raise NotImplementedError

    def ask_hops(self, hops: Sequence[NextHop]) -> Mapping[NextHop, HopAnswer]:
        """Ask the next hops of a real server's answers, and see whether they forward."""
        from lvsdr.wire.paths.gateway_probes import ask_gateways

        return ask_gateways(hops)

    def tell_apart(
        self, question: Question, macs: Mapping[IPAddress, Collection[str]]
    ) -> Iterable[SharedMac]:
        """Return which MACs several hosts have, of those that answer for each address."""
        from lvsdr.wire.paths.shared_macs import shared_macs

        return shared_macs(question.link, macs, (question.source4, question.source6))

    def next_hops(self, link: str | None = None) -> tuple[IPAddress, ...]:
        """Return the gateways of this host's routes, on `link` or on every link."""
        from lvsdr.kernel.views.gateways import next_hops

        return next_hops(link)

    def announcer(self, link: str) -> AbstractContextManager[Announcer]:
        """Return what announces VIPs on `link`, and asks the gateways there in their name."""
        from lvsdr.wire.announce import Announcer

        try:
            gateways = self.next_hops(link)
        except LvsdrError as failure:
            # Most of them heed an announcement, and clients wait for it.
            self.tell([f"no gateway is asked in the VIPs' name: {failure.message}"])
            gateways = ()
        return Announcer(link, gateways)

    def told(
        self, link: str, vips: Iterable[IPAddress], neighbours: Collection[IPAddress]
    ) -> frozenset[tuple[IPAddress, IPAddress]]:
        """Ask neighbours in the name of VIPs; return which neighbour answered to which VIP."""
        from lvsdr.wire.vip_questions import answered

        return answered(link, vips, neighbours)

    def ask_briefly(self, question: Question) -> Heard:
        """Ask the segment who owns addresses, in a quarter of a second."""
        from lvsdr.wire.who_has import who_has

        return who_has(
            question.link,
            question.addresses,
            source4=question.source4,
            source6=question.source6,
            briefly=True,
        )
