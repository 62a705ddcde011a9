"""Who claims an address on the segment: what one frame of ARP or neighbour discovery says."""

from __future__ import annotations

from typing import Literal

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass

ClaimForm = Literal["request", "reply", "announcement"]
AnswerForm = Literal["own", "probe", "proxy", "overheard", "self"]


@dataclass(frozen=True, slots=True)
class NeighbourClaim:
    """A frame says that `address` is at `mac`, and whoever receives it may learn that.

    `form` is the kind of frame: a request or a reply of ARP or neighbour discovery, or an
    announcement: gratuitous ARP (the address is sender and target), or an advertisement that
    overrides caches although nobody asked, or answers a question of the unspecified address.
    `to` is the address that it is for: ARP's target, IPv6's destination. `override` is False for
    an advertisement without the override flag: a proxy's (RFC 4861, 7.2.8). `sender` is the MAC
    that the frame came from, where that is another than the one that it claims the address for.
    """

    address: IPAddress
    mac: str
    form: ClaimForm
    to: IPAddress | None = None
    override: bool = True
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A host claims `address` for `mac`; `form` says in answer to which of our questions.

    - own: to the question that has our own address as its sender
    - probe: to the question without a sender address (0.0.0.0, or the unspecified address); an
      advertisement to all IPv6 nodes counts as such, although it may have come unsolicited
    - proxy: to either of them, on IPv6, as a proxy does: without the override flag. On IPv4 a
      proxy is known by answering the own form alone
    - overheard: to none of ours
    - self: what this host itself answers, which it does not hear

    `sender` is as in a claim: who says so, where that is not `mac` itself.
    """

    address: IPAddress
    mac: str
    form: AnswerForm
    sender: str = ""

    @property
    def as_owner(self) -> bool:
        """Whether who has the address answers so; an ARP proxy answers the own form alone."""
        return self.form == "probe" or (self.form == "own" and self.address.version == 6)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a segment's answers; of `lost` frames not, so that silence is no proof."""

    answers: frozenset[Answer] = frozenset()
    lost: int = 0
