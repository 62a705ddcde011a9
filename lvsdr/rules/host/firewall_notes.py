"""That a firewall is there: said with where to look, for nobody can tell what all rules do."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.firewall import Firewall
from lvsdr.model.host import Host


def firewall_notes(host: Host) -> Iterator[str]:
    """Yield a note for each tool whose rules the packets of this host meet."""
    for tool in dict.fromkeys(each.tool for each in host.firewalls):
        places = [each for each in host.firewalls if each.tool == tool]
        if any(each.rules is None for each in places):
            yield f"whether a firewall is here was not read: run it as root, or look: {tool}"
            continue
        yield (
            f"a firewall is here, and was not judged ({', '.join(map(_told, places))}): it has to"
            f" let in clients, wherever they are, and let out answers from the VIPs: {tool}"
        )


def _told(place: Firewall) -> str:
    rules = f"{place.rules} rule{'' if place.rules == 1 else 's'}"
    return f"{place.place}: {rules}{', policy drop' if place.drops else ''}"
