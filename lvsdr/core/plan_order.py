"""The orders in which a plan may be carried out: by layers, or something else before them."""

from __future__ import annotations

from collections.abc import Callable

from lvsdr.model.change import Change
from lvsdr.model.ipvs import RealServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.objects import Sysctl

Rank = tuple[bool, ...]
Order = Callable[[Change], Rank]
"""What comes before the layers: the smaller rank is first, and within one rank layers count."""

# Clients use their ports again. Without it the SYN is sent where the port's last connection was,
# whatever the weight: to the other box, which may have forgotten it, and choose this one.
EXPIRE_NODEST_CONN = Sysctl("net/ipv4/vs/expire_nodest_conn", "1")


def by_layers(_: Change) -> Rank:
    """Rank all alike: the layers are what makes `apply` and `withdraw` safe."""
    return ()


def to_take_over(change: Change) -> Rank:
    """Rank for a standby that becomes the director: others get no more, daemons stop, the rest.

    IPVS passes a synced standby by until its backup daemon stops. From then on two boxes that are
    both director and real server would send each other what is new, in a loop, unless this one
    chooses itself before. And with both daemons at once it would be passed by still.
    """
    return not _takes_new_ones_away(change), not _stops_a_daemon(change)


def to_stand_by(change: Change) -> Rank:
    """Rank for a director that becomes a standby: its daemons first, of them the one that stops.

    From then on IPVS is passed by, whatever is in its table.
    """
    return not _is_of_a_daemon(change), not _stops_a_daemon(change)


def _takes_new_ones_away(change: Change) -> bool:
    """Return whether a real server that is there gets no new connections any more."""
    weight = isinstance(change.after, RealServer) and not change.after.weight
    return change.after == EXPIRE_NODEST_CONN or (weight and change.before is not None)


def _stops_a_daemon(change: Change) -> bool:
    return change.after is None and _is_of_a_daemon(change)


def _is_of_a_daemon(change: Change) -> bool:
    return change.key[0] == SyncDaemon.kind
