"""What a host will no longer answer on ARP: the price of keeping silent for its VIPs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from lvsdr.model.late_dataclasses import dataclass

EVERYBODY, OTHER_SUBNETS = "everybody", "other subnets"
# Of what falls silent people are told so many links, and so many addresses of each.
MOST_SILENCES = 8


@dataclass(frozen=True, slots=True)
class Silence:
    """`link` answers for `address` now, and will not any more; `holders` are the links with it.

    `to` are those who get no answer: everybody, or askers of other subnets.
    """

    link: str
    address: IPv4Address
    holders: tuple[str, ...]
    to: str = EVERYBODY

    def __str__(self) -> str:
        where = ", ".join(name for name in self.holders if name != self.link)
        return f"{self.address} ({where})" if where else str(self.address)


def told(silences: Iterable[Silence], most: int | None = None) -> Iterator[str]:
    """Yield a line for each link and for whom it falls silent, at most `most` in all."""
    places: dict[tuple[str, str], list[Silence]] = {}
    for each in silences:
        places.setdefault((each.link, each.to), []).append(each)
    for number, ((link, to), group) in enumerate(places.items()):
        if number == most:
            yield f"and so do {len(places) - number} links more"
            return
        whom = " to other subnets" if to == OTHER_SUBNETS else ""
        yield f"{link} falls silent on ARP{whom} for {_listed(group, most)}"


def _listed(group: list[Silence], most: int | None) -> str:
    shown = group if most is None else group[:most]
    more = f" and {len(group) - len(shown)} more" if len(group) > len(shown) else ""
    return ", ".join(map(str, shown)) + more
