"""The way back of a real server's answers, as far as the wire can tell: its next hops are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lvsdr.errors import CannotRun
from lvsdr.model.finding import Finding
from lvsdr.model.host import Host
from lvsdr.model.next_hop import HopAnswer, NextHop
from lvsdr.model.profile import RealServerProfile
from lvsdr.rules.host import ways_back
from lvsdr.rules.segment import gateway_answers

Gateways = Callable[[Sequence[NextHop]], Mapping[NextHop, HopAnswer]]
"""Ask the next hops of answers whether they are there, and whether they forward."""


def asked_gateways(
    profile: RealServerProfile, host: Host, gateways: Gateways | None
) -> tuple[Finding, ...]:
    """Return what is wrong with the next hops of answers; nothing without a way to ask them."""
    hops = ways_back.next_hops(profile, host)
    if gateways is None or not hops:
        return ()
    try:
        return tuple(gateway_answers.gateway_findings(gateways(hops)))
    except CannotRun as error:
        # What is known of the host itself needs no privilege.
        return (gateway_answers.unproven(hops, error.message),)
