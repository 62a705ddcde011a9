"""How often next hops are asked who they are, by whom it is wanted to be known."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import cast

from lvsdr.model.address import IPAddress
from lvsdr.wire.checks.check_link import CheckLink
from lvsdr.wire.checks.next_hop_watch import NextHopWatch

RIP, DIP = ip_address("192.0.2.11"), ip_address("192.0.2.1")


class Link:
    """A link on which nobody answers."""

    mac = "02:00:00:00:00:01"
    deaf = False

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def put(self, frames: Iterable[bytes]) -> None:
        self.sent += frames

    def hear_of(self, addresses: Iterable[IPAddress]) -> None:
        pass


def questions(seconds: float, *, often: bool) -> list[bytes]:
    """Return what is asked of a hop that has long been silent, in so many seconds."""
    link = Link()
    watch = NextHopWatch(cast(CheckLink, link), {RIP: DIP}, 0.0)
    hop = watch.hops[RIP]
    hop.tries = 100
    for step in range(int(seconds / 0.01)):
        watch.ask(hop, 10.0 + step * 0.01, often=often)
    return link.sent


def test_who_is_in_doubt_is_asked_so_often_that_losses_do_not_matter() -> None:
    """A fifth is lost each way; in half a second some questions in our own name get through."""
    asked = questions(0.5, often=True)

    # A host that has lost our MAC address learns it from a question in our name (RFC 826).
    in_our_name = [each for each in asked if each[28:32] == DIP.packed]
    assert len(asked) >= 12
    assert 0.2 ** len(in_our_name) < 1e-3


def test_who_is_long_silent_is_asked_seldom_where_nobody_doubts() -> None:
    assert len(questions(3.0, often=False)) <= 11
