"""Whether an object has to change to be the wanted one: mostly where the two are not equal."""

from __future__ import annotations

from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address, Object

# Of these, what is equal may yet have to change, and what differs may do.
PARTICULAR = frozenset({Address, SyncDaemon})
# IFA_F_NOPREFIXROUTE of linux/if_addr.h: NetworkManager sets it on every address.
NOPREFIXROUTE = 0x200


def must_change(seen: Object | None, wanted: Object | None) -> bool:
    """Return whether `seen` has to change to be `wanted`."""
    if seen is None or wanted is None:
        return seen is not wanted
    if seen != wanted:
        return not _will_do(seen, wanted)
    if type(seen) not in PARTICULAR:
        return False
    return out_of_place(seen, wanted) or _limited(seen) is not _limited(wanted)


def out_of_place(seen: Object | None, wanted: Object | None) -> bool:
    """Return whether an object that is as it is wanted has to be set up anew all the same.

    An address that stands before the host's own is what the host sends from, but where it is of
    scope host. A sync daemon sends from what was first when it was started.
    """
    if isinstance(seen, Address):
        return seen.ahead and isinstance(wanted, Address) and wanted.scope == "global"
    if isinstance(seen, SyncDaemon):
        return isinstance(wanted, SyncDaemon) and seen.source in wanted.never_from
    return False


def _limited(item: Object | None) -> bool:
    """Return whether the kernel would remove an address by itself: a VIP stays for good."""
    return isinstance(item, Address) and item.attributes is not None and item.attributes.limited


def _will_do(seen: Object | None, wanted: Object | None) -> bool:
    """Return whether a VIP of a holder is NetworkManager's, which cannot say scope host.

    It would be back at the next `nmcli connection up`. Where the host then sends from it, that is
    found as such.
    """
    if not isinstance(seen, Address) or not isinstance(wanted, Address) or not seen.attributes:
        return False
    theirs = seen.scope == "global" and seen.attributes.flags & NOPREFIXROUTE
    return bool(theirs) and wanted.scope == "host" and replace(seen, scope="host") == wanted
