"""What is heard while watching a segment, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lvsdr.model.address import IPAddress

Utterance = Literal["request", "reply", "announcement"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """Somebody spoke in the name of `address`, and hearers learn that it is at `mac`.

    `form` is the kind of frame: a question or an answer, of ARP or IPv6, or an announcement: ARP
    that is gratuitous (the address is sender and target), or an advertisement that overrides what
    caches hold though nobody asked, or somebody in nobody's name.
    """

    address: IPAddress
    mac: str
    form: Utterance


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on the segment; `count` of them, where they were too many to tell.

    Of severity error it is an alarm. `host` says whose `mac` it is.
    """

    rule: str
    severity: str
    message: str
    hint: str
    vip: IPAddress | None = None
    mac: str | None = None
    host: str | None = None
    rip: IPAddress | None = None
    form: Utterance | None = None
    count: int = 1
