"""What the kernel tells of links, addresses and routes, as soon as somebody has changed them."""

from __future__ import annotations

from typing import Literal

from lvsdr.model.late_dataclasses import dataclass

What = Literal["link", "address", "route", "overrun"]


@dataclass(frozen=True, slots=True)
class RouteEvent:
    """A link, an address of one, or a dead end among the routes has come, changed, or `gone`.

    `link` is its name, empty for one that has none any more, `index` its number; `subject` the
    address with its prefix length, or the route's destination. `port` is the netlink port of
    whoever asked for it, 0 for the kernel itself, and `who` the name of a process of this number:
    the first socket of a process has that. An overrun says that something was not told.
    """

    what: What
    link: str = ""
    index: int = 0
    subject: str = ""
    gone: bool = False
    port: int = 0
    who: str = ""
