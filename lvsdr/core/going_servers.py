"""Real servers that go with their virtual servers: none of them is looked at, or made an object.

The kernel deletes them with the service. Where it lists them as lvsdr left them, and no others
beside, the record's columns say all that there is to be said of them.
"""

from __future__ import annotations

from collections.abc import Set

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.record import Record
from lvsdr.core.unfolding import unfolded
from lvsdr.model.folded_servers import FoldedServers
from lvsdr.model.ipvs import VirtualServer
from lvsdr.model.objects import Key


def going_with_services(
    owner: str, record: Record, kernel: Kernel
) -> tuple[Record, tuple[FoldedServers, ...]]:
    """Return the record in which of all real servers those alone stay folded that so go, and these.

    They are real servers of `owner`. Raises CannotRun where the record lies.
    """
    claims = record.claims.get(owner, {})
    foldable = [
        each
        for each in record.folded.get(owner, {}).values()
        if not each.apart and _goes((VirtualServer.kind, *each.service.key), claims.keys(), record)
    ]
    seen = kernel.fingerprints([each.service for each in foldable]) if foldable else {}
    going = tuple(each for each in foldable if seen[each.service.key] == each.mark.listed)
    for each in going:
        # What could not be understood later could be neither told nor brought back.
        each.unfolded.understood()
    return unfolded(record, {each.mark.said for each in going}), going


def _goes(service: Key, claimed: Set[Key], record: Record) -> bool:
    """Return whether a virtual server is deleted once it is given back."""
    return service in claimed and record.baseline[service] is None
