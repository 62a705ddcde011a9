"""Bridges and their ports: what holds frames back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.kernel.netlink.netlink_messages import NOTHING, as_number, unpack_attributes
from lvsdr.kernel.netlink.rtm_link import RawLink
from lvsdr.model.bridge_state import Bridge

# linux/if_link.h
IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE = 1, 5
IFLA_BR_NF_CALL = {"iptables": 36, "ip6tables": 37, "arptables": 38}
IFLA_BRPORT_STATE = 1
# linux/if_bridge.h: BR_STATE_DISABLED and those after it.
STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
# The kernel counts in hundredths of a second here (USER_HZ).
TICKS = 100
SYSCTLS = tuple(f"net/bridge/bridge-nf-call-{name}" for name in IFLA_BR_NF_CALL)


def bridges(links: Iterable[RawLink]) -> Iterator[tuple[str, Bridge]]:
    """Yield each bridge among the links; raises OSError."""
    for link in links:
        if link.kind == "bridge":
            kinds = unpack_attributes(memoryview(link.data))
            data = {kind: as_number(value) for kind, value in kinds.items()}
            switched = (name for name, kind in IFLA_BR_NF_CALL.items() if data.get(kind))
            stp, delay = data.get(IFLA_BR_STP_STATE), data.get(IFLA_BR_FORWARD_DELAY, 0) / TICKS
            yield link.name, Bridge(bool(stp), delay, frozenset(switched))


def ports(links: Iterable[RawLink]) -> Iterator[tuple[str, str]]:
    """Yield the state of each port of a bridge; raises OSError."""
    for link in links:
        if link.part_of == "bridge":
            state = unpack_attributes(memoryview(link.part)).get(IFLA_BRPORT_STATE, NOTHING)
            yield link.name, STATES[as_number(state)]
