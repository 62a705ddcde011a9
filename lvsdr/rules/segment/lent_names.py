"""Who claims an address for another MAC than its own: the sender is named, not the innocent one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from lvsdr.model.address import IPAddress, resolution_protocol
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.neighbour_claim import Answer, NeighbourClaim
from lvsdr.rules.segment.mac_owners import MacOwners, of_virtual_router

LOOK = (
    "what sends it, at the port of the switch where {sender} is; a bond may send from another of"
    " its host's MAC addresses"
)
# Of each address so many senders are told one by one: a forger invents as many as it likes.
_SHOWN = 8


def speaks_of_another(said: Answer | NeighbourClaim, owners: MacOwners) -> bool:
    """Return whether a host claims an address for the MAC of another host."""
    if not said.sender or owners.same(said.sender) == owners.same(said.mac):
        return False
    # A virtual router's MAC stands for whichever router speaks; a real server is none.
    return said.sender in owners.rips or not of_virtual_router(said.mac)


def counted(spoken: Iterable[Answer], owners: MacOwners) -> list[Answer]:
    """Return the answers for one VIP that tell about the hosts of the MACs inside.

    What one host says of another is left out. Where nobody speaks for itself but real servers, it
    counts as a director's, for a bond may send from another of its MACs; of a real server, of this
    host or as a proxy, never.
    """
    every = tuple(spoken)
    own = [answer for answer in every if not speaks_of_another(answer, owners)]
    if any(answer.mac not in owners.rips for answer in own):
        return own
    lent: dict[str, list[Answer]] = {}
    for answer in every:
        known = answer.mac in owners.rips or answer.mac in owners.mine
        if not known and speaks_of_another(answer, owners):
            lent.setdefault(answer.mac, []).append(answer)
    as_owners = (each for each in lent.values() if any(answer.as_owner for answer in each))
    return [*own, *(answer for each in as_owners for answer in each)]


def lent_findings(
    vips: AbstractSet[IPAddress],
    spoken: Mapping[IPAddress, Sequence[Answer]],
    owners: MacOwners,
) -> Iterator[Finding]:
    """Yield who claims an address for another's MAC, and so leads its packets astray.

    It does not where that MAC speaks for itself, or where nobody else is known to have the address.
    """
    for address, heard in spoken.items():
        led = sorted(
            {(answer.sender, answer.mac) for answer in _astray(heard, owners, vip=address in vips)}
        )
        for number, (sender, mac) in enumerate(led[:_SHOWN]):
            more = len(led) - _SHOWN if number == _SHOWN - 1 else 0
            rip = owners.rips.get(sender)
            yield Finding(
                f"{resolution_protocol(address)}-SENDER",
                ERROR,
                str(rip or sender),
                words(address, sender, mac, owners) + (f"; and {more} more" if more > 0 else ""),
                vip=address if address in vips else None,
                mac=sender,
                rip=rip,
                look=LOOK.format(sender=sender),
                on=str(rip or sender),
            )


def _astray(heard: Sequence[Answer], owners: MacOwners, *, vip: bool) -> Iterator[Answer]:
    own = (
        counted(heard, owners)
        if vip
        else [answer for answer in heard if not speaks_of_another(answer, owners)]
    )
    # A real server's own claim on a VIP is not right, and makes that of nobody else right.
    right = {owners.same(each.mac) for each in own if not vip or each.mac not in owners.rips}
    if vip or right:
        lent = (answer for answer in heard if speaks_of_another(answer, owners))
        yield from (answer for answer in lent if owners.same(answer.mac) not in right)


def words(address: IPAddress, sender: str, mac: str, owners: MacOwners) -> str:
    """Return who says what of whom."""
    return (
        f"{owners.host(sender)} ({sender}) says that {address} is at {mac}, {owners.host(mac)}:"
        " the frame comes from the one MAC address and claims it for the other"
    )
