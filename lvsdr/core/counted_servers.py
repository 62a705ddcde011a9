"""How many real servers each virtual server of a profile has, without looking at those known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from lvsdr.core.record import Record, owner_of
from lvsdr.model.folded_servers import PartlyRead
from lvsdr.model.ipvs import Service
from lvsdr.model.profile import DirectorProfile


def counted_servers(profile: DirectorProfile, record: Record) -> Mapping[Service, int]:
    """Return the number of real servers by service; `record` is one that is loaded folding.

    Of those that were not read, since the record knows them, it knows how many they are.
    """
    servers = profile.real_servers
    if isinstance(servers, PartlyRead):
        folded = record.folded.get(owner_of(profile), {})
        known = [it for key, it in folded.items() if it.mark.said == servers.unread.get(key)]
        # Else the record has changed since the profile was read.
        if len(known) == len(servers.unread):
            counts = Counter(server.service for server in servers.read)
            counts.update({each.service: each.mark.count for each in known})
            return counts
    return Counter(server.service for server in servers)
