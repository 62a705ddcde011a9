"""What became of telling one neighbour where the VIPs are."""

from __future__ import annotations

from collections.abc import Sequence

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToldNeighbour:
    """A neighbour that was asked in the VIPs' name: to which it answered, and to which it did not.

    Whoever answers has learnt where the VIP is.
    """

    address: IPAddress
    told: Sequence[IPAddress]
    untold: Sequence[IPAddress]
