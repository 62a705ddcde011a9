"""What a link would answer, and why: the nouns of `lvsdr explain`."""

from __future__ import annotations

from ipaddress import IPv4Address

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """Whether this host would answer, and why; `proxy` is the kind of proxy that it would be."""

    answers: bool
    why: str
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a link: its values for `all` and the link, and the one that counts."""

    name: str
    every: int
    own: int
    effective: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Answering:
    """What a link would answer for one address: to a neighbour's own question, and to a probe."""

    address: IPv4Address
    asker: IPv4Address | None
    own: Reply | None
    probe: Reply


@dataclass(frozen=True, slots=True)
class Explanation:
    """One link: `through` is its master, which speaks for it."""

    link: str
    speaks: bool
    through: str | None
    settings: tuple[Setting, ...]
    answers: tuple[Answering, ...]
