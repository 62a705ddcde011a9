"""The hosts behind the answers for a VIP: real servers, those like directors, and proxies."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.model.address import IPAddress, resolution_protocol
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.neighbour_claim import Answer
from lvsdr.rules.segment.lent_names import counted, speaks_of_another
from lvsdr.rules.segment.mac_owners import MacOwners


@dataclass(frozen=True, slots=True)
class AnsweringHost:
    """One host that claimed a VIP, its MACs, and in `spoken` the forms of answers of each MAC.

    `senders` are the MACs that said so, where none of its own did.
    """

    name: str
    macs: tuple[str, ...]
    spoken: frozenset[tuple[str, str]]
    rip: IPAddress | None
    senders: tuple[str, ...] = ()

    @property
    def forms(self) -> frozenset[str]:
        return frozenset(form for _, form in self.spoken)

    def answers(self, vip: IPAddress) -> str:
        """Return in words that it answers for `vip`."""
        return f"{self} answers {resolution_protocol(vip)} for {vip}"

    def __str__(self) -> str:
        said = f"; {', '.join(self.senders)} says so" if self.senders else ""
        return f"{self.name} ({', '.join(self.macs)}{said})"


def director_macs(
    vip: IPAddress, spoken: Iterable[Answer], owners: MacOwners
) -> tuple[frozenset[str], ...]:
    """Return the MACs of each host that answers for `vip` as a director does."""
    return tuple(frozenset(each.macs) for each in strangers(vip, hosts_of(spoken, owners))[0])


def hosts_that_answer(
    vip: IPAddress, spoken: Iterable[Answer], owners: MacOwners
) -> tuple[list[AnsweringHost], list[AnsweringHost], list[AnsweringHost]]:
    """Return the hosts that answer for `vip`: real servers, those like directors, and proxies."""
    hosts = hosts_of(spoken, owners)
    return ([host for host in hosts if host.rip is not None], *strangers(vip, hosts))


def answers_by_address(heard: Iterable[Answer]) -> dict[IPAddress, list[Answer]]:
    """Return the answers for each address."""
    found: dict[IPAddress, list[Answer]] = {}
    for answer in heard:
        found.setdefault(answer.address, []).append(answer)
    return found


def hosts_of(spoken: Iterable[Answer], owners: MacOwners) -> list[AnsweringHost]:
    """Return the hosts that the MACs belong to, in the order of these."""
    hosts: dict[str, list[Answer]] = {}
    for answer in sorted(counted(spoken, owners), key=lambda each: each.mac):
        hosts.setdefault(owners.same(answer.mac), []).append(answer)
    return [
        AnsweringHost(
            owners.host(answers[0].mac),
            tuple(dict.fromkeys(answer.mac for answer in answers)),
            frozenset((answer.mac, answer.form) for answer in answers),
            owners.rips.get(answers[0].mac),
            tuple(sorted({each.sender for each in answers if speaks_of_another(each, owners)})),
        )
        for answers in hosts.values()
    ]


def strangers(
    vip: IPAddress, hosts: Iterable[AnsweringHost]
) -> tuple[list[AnsweringHost], list[AnsweringHost]]:
    """Return the hosts that are not real servers: those like directors, and proxies."""
    found: tuple[list[AnsweringHost], list[AnsweringHost]] = [], []
    for host in hosts:
        if host.rip is None:
            found[as_proxy(host, vip)].append(host)
    return found


def as_proxy(host: AnsweringHost, vip: IPAddress) -> bool:
    """Return whether a host answered as a proxy does, and in no other form."""
    asked = host.forms - {"overheard"}
    # ARP's proxies are not asked by the 0.0.0.0 form; those of IPv6 mark what they say.
    return asked == ({"own"} if vip.version == 4 else {"proxy"})
