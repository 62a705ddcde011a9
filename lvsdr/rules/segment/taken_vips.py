"""A VIP that this host has lost, and that another one answers for by now."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.model.address import IPAddress
from lvsdr.model.neighbour_claim import Answer
from lvsdr.rules.segment.answering_hosts import answers_by_address, hosts_that_answer
from lvsdr.rules.segment.mac_owners import MacOwners


def harm_of_taking(vips: Iterable[IPAddress], answers: Iterable[Answer], owners: MacOwners) -> str:
    """Return that another host, no real server, answers for one of `vips` that is to be taken."""
    spoken = answers_by_address(answers)
    for vip in vips:
        for other in hosts_that_answer(vip, spoken.get(vip, ()), owners)[1]:
            return f"{other.answers(vip)}, and may be the director now"
    return ""
