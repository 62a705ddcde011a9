"""Which questions not every host has answered that answered another one."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from lvsdr.model.address import IPAddress
from lvsdr.model.neighbour_claim import Answer
from lvsdr.wire.arp_nd_questions import Asker, Questions, neighbour_questions

_OWN = frozenset({"own", "proxy"})


def unanswered_questions(
    asker: Asker, addresses: Iterable[IPAddress], answers: Iterable[Answer]
) -> Questions:
    """Return the questions for `addresses` that nobody has answered, or not each host of `answers`.

    One that answers in one form alone is a proxy, a bond or behind a filter, or an answer got lost.
    """
    own: dict[IPAddress, set[str]] = {}
    probe: dict[IPAddress, set[str]] = {}
    for each in answers:
        if each.form in _OWN:
            own.setdefault(each.address, set()).add(each.mac)
        elif each.form == "probe":
            probe.setdefault(each.address, set()).add(each.mac)
    late: list[IPAddress] = []
    prompt: list[IPAddress] = []
    for address in addresses:
        to_own, to_probe = own.get(address, set()), probe.get(address, set())
        silent = not to_own and not to_probe
        if silent or (isinstance(address, IPv4Address) and to_probe - to_own):
            late.append(address)
        if silent or to_own - to_probe:
            prompt.append(address)
    # Of IPv6 there is one form alone, and of IPv4 only this one is prompt.
    return Questions(
        neighbour_questions(asker, late).late, neighbour_questions(asker, prompt).prompt
    )
