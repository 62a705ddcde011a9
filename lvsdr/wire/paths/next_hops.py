"""The MAC addresses of the next hops towards real servers."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.model.address import IPAddress
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.path import RealServerRoute
from lvsdr.wire.who_has import who_has

_NEIGHBOURS = 0.5


def next_hop_macs(link: str, routes: Iterable[RealServerRoute]) -> dict[IPAddress, tuple[str, ...]]:
    """Return the MAC addresses that answer for the next hop of each of `routes`.

    A next hop has no MAC where nobody answers, several where several hosts do. Raises CannotRun.
    """
    found: dict[IPAddress, list[Answer]] = {}
    sources: dict[int, IPAddress] = {}
    for route in routes:
        found[route.next_hop] = []
        sources.setdefault(route.source.version, route.source)
    answers = who_has(
        link,
        found,
        source4=sources.get(4),  # type: ignore[arg-type]
        source6=sources.get(6),  # type: ignore[arg-type]
        seconds=_NEIGHBOURS,
    )
    for answer in answers:
        found[answer.address].append(answer)
    return {address: tuple(sorted(macs_of(heard))) for address, heard in found.items()}


def macs_of(answers: Iterable[Answer]) -> set[str]:
    """Return the MACs that answer for one next hop; of a bond only the one that it gives to us.

    A bond (balance-alb) may answer a probe, whose sender is 0.0.0.0, with another MAC than a
    question of ours. Two hosts, or two links, answer both.
    """
    forms: dict[str, set[str]] = {"own": set(), "probe": set()}
    for answer in answers:
        forms.setdefault(answer.form, set()).add(answer.mac)
    if len(forms["own"]) == len(forms["probe"]) == 1:
        return forms["own"]
    return set().union(*forms.values())
