"""What has to change though it is equal: who speaks in the name of a VIP by the order of things."""

from __future__ import annotations

from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.objects import Address, Object


def out_of_place(seen: Object | None, wanted: Object | None) -> bool:
    """Return whether an object that is as it is wanted has to be set up anew all the same.

    An address that stands before the host's own is what the host sends from, but where it is of
    scope host. A sync daemon sends from what was first when it was started.
    """
    # By their types: this is asked of each real server that is as it should be.
    if type(seen) is Address:
        return seen.ahead and isinstance(wanted, Address) and wanted.scope == "global"
    if type(seen) is SyncDaemon:
        return isinstance(wanted, SyncDaemon) and seen.source in wanted.never_from
    return False
