"""Who answered for the VIPs, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.neighbour_claim import Answer


def answers(heard: Iterable[Answer], names: Mapping[str, str]) -> Iterator[str]:
    """Yield who answered for each VIP; `names` say whose a MAC is."""
    seen: dict[tuple[IPAddress, str], list[str]] = {}
    for answer in sorted(heard, key=lambda item: (str(item.address), item.mac, item.form)):
        seen.setdefault((answer.address, answer.mac), []).append(answer.form)
    for (vip, mac), forms in seen.items():
        who = f" ({names[mac]})" if mac in names else ""
        how = "" if forms == ["self"] else f" [{', '.join(forms)}]"
        yield f"{vip} is at {mac}{who}{how}"
