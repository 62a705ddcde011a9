"""Bridges and their ports: what holds frames back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lvsdr.kernel.links import kind_of
from lvsdr.model.inspection import Bridge

# linux/if_bridge.h: BR_STATE_DISABLED and those after it.
STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
# The kernel counts in hundredths of a second here (USER_HZ).
TICKS = 100
FILTERS = ("iptables", "ip6tables", "arptables")
SYSCTLS = tuple(f"net/bridge/bridge-nf-call-{name}" for name in FILTERS)


def bridges(links: Iterable[Any]) -> Iterator[tuple[str, Bridge]]:
    """Yield each bridge among the messages of a dump."""
    for link in links:
        if kind_of(link) == "bridge":
            data = link.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
            switched = (f for f in FILTERS if data.get_attr(f"IFLA_BR_NF_CALL_{f.upper()}"))
            yield (
                link.get_attr("IFLA_IFNAME"),
                Bridge(
                    bool(data.get_attr("IFLA_BR_STP_STATE")),
                    data.get_attr("IFLA_BR_FORWARD_DELAY") / TICKS,
                    frozenset(switched),
                ),
            )


def ports(links: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Yield the state of each port of a bridge."""
    for link in links:
        info = link.get_attr("IFLA_LINKINFO")
        if info is not None and info.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge":
            state = info.get_attr("IFLA_INFO_SLAVE_DATA").get_attr("IFLA_BRPORT_STATE")
            yield link.get_attr("IFLA_IFNAME"), STATES[state]
