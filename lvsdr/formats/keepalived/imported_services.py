"""The virtual servers of keepalived.conf as those of a profile, each default of keepalived's said.

What becomes of the table is what counts: what the kernel or keepalived itself refuses is not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.conf_losses import Losses, shown
from lvsdr.formats.keepalived.imported_health import Checked, checked_as
from lvsdr.formats.keepalived.real_server_lines import RealServerLines
from lvsdr.formats.keepalived.real_server_meaning import (
    Around,
    place_in,
    real_server,
    sorry_server,
)
from lvsdr.formats.keepalived.server_settings import USUAL_PERSISTENCE, ServerSettings
from lvsdr.formats.keepalived.service_places import Place
from lvsdr.formats.keepalived.spread_meaning import spread
from lvsdr.model.address import IPAddress
from lvsdr.model.imported import Document
from lvsdr.model.late_dataclasses import dataclass, field

# Of all services together: a profile of more is larger than lvsdr reads.
MOST = 300_000
Key = tuple[Any, ...]
Servers = list[tuple[Document, RealServerLines]]


@dataclass(slots=True)
class Services:
    """The virtual servers of a profile as they come together, by what the kernel knows them by.

    `vips` are all of the profile: no real server may be one of them. `health` is how each service
    is checked, None where it is not.
    """

    vips: frozenset[IPAddress]
    losses: Losses
    entries: dict[Key, Document] = field(default_factory=dict)
    health: dict[Key, Document | None] = field(default_factory=dict)
    _many: int = 0

    def add(self, read: ServerSettings, places: Sequence[Place]) -> None:
        """Take a virtual_server for each of the services that it stands for."""
        if any(not each.port for each in places if each.vip is not None):
            read.persistence = read.persistence or USUAL_PERSISTENCE
        for place in places:
            self._count(read, place)
            self._add(read, place)

    def usual_health(self) -> Document | None:
        """Return the health that most services have, every field; None where none is checked."""
        checked = [each for each in self.health.values() if each is not None]
        counts = Counter(map(repr, checked))
        usual = counts.most_common(1)[0][0] if counts else ""
        return next((each for each in checked if repr(each) == usual), None)

    def documents(self, usual: Document | None) -> list[Document]:
        """Return the virtual servers, each with what of its health is not as `usual`."""
        return [_with_health(entry, self.health[key], usual) for key, entry in self.entries.items()]

    def _add(self, read: ServerSettings, place: Place) -> None:
        around = Around(read, place, _is_six(read, place), self.vips, self.losses)
        servers = _real_servers(around)
        if not servers:
            self.losses.error(
                read.block,
                "no real server of this virtual_server can be taken over, and so it is not either",
                "see what is said of them",
            )
            return
        documents = [document for document, _ in servers]
        key = _key(read, place, around.six)
        known = self.entries.get(key)
        if known is not None:
            self._merge(known, documents, read)
            return
        checked = checked_as(read, place, [lines for _, lines in servers], self.losses)
        checked = self._where_it_can_be(checked, around)
        sorry = sorry_server(documents, around)
        self.health[key] = None if checked is None else checked.health
        self.entries[key] = {
            **_named(read, place),
            **({} if checked is None else checked.probe),
            **spread(read, place, around.six, self.losses),
            **({} if sorry is None else {"sorry_server": sorry}),
            "real_servers": documents,
        }
        self._quorum(read, documents, sorry)

    def _where_it_can_be(self, checked: Checked | None, around: Around) -> Checked | None:
        """Return the checks, None where nobody knows which VIP to ask at."""
        six, place = around.six, around.place
        known = place.vip is not None or any((each.version == 6) == six for each in self.vips)
        if checked is None or known:
            return checked
        self.losses.error(
            around.read.block,
            f"no VIP of the mark {place.mark} is in the file: its real servers are not checked",
            'write the address as "probe_vip" of the virtual server, and its "health"',
        )
        return None

    def _count(self, read: ServerSettings, place: Place) -> None:
        self._many += len(read.real_servers) + 1
        if self._many > MOST:
            raise ProfileError(
                f"cannot import {place.line.file}:{place.line.line}: more than {MOST} servers, all"
                " services together",
                hints=["import fewer files at a time"],
            )

    def _merge(self, known: Document, documents: list[Document], read: ServerSettings) -> None:
        """Add the real servers of a service that is there: keepalived does, and nothing else."""
        here = {place_in(each) for each in known["real_servers"]}
        known["real_servers"] += [each for each in documents if place_in(each) not in here]
        self.losses.warning(
            read.block,
            f"{shown(read.block.value)} is there before: its real servers are added to that one,"
            " and nothing else counts, here as with keepalived",
            "write one virtual_server of the two",
        )

    def _quorum(
        self, read: ServerSettings, servers: Sequence[Document], sorry: Document | None
    ) -> None:
        total = sum(each.get("weight", 1) for each in servers)
        line = read.block.first("quorum") or read.block
        if sorry and not total:
            self.losses.error(
                read.block,
                "each real server has weight 0, and keepalived has the sorry server in the table"
                " in their place; here it comes where they fail",
                "write the sorry server as the one real server",
            )
        elif min(read.quorum, total) > 1:
            told = f"quorum {read.quorum}: here a service is up while one real server serves"
            if sorry:
                self.losses.error(line, told, "see that one can bear it alone")
            else:
                self.losses.warning(line, told, 'write a program as "on_change" that counts them')


def why_ignored(read: ServerSettings, places: Sequence[Place]) -> tuple[str, str] | None:
    """Return why keepalived ignores a virtual_server, and what to do; None where it does not."""
    if not read.real_servers:
        return "no real server is left of this virtual_server", "write one, or remove it"
    if len({each.vip.version for each in places if each.vip is not None}) > 1:
        return "its group has IPv4 and IPv6 addresses", "write a group of each family"
    return None


def _real_servers(around: Around) -> Servers:
    found: dict[tuple[str, int], tuple[Document, RealServerLines]] = {}
    for each in around.read.real_servers:
        document = real_server(each, around)
        if document is not None:
            # Of two that are the same the first counts.
            found.setdefault(place_in(document), (document, each))
    return list(found.values())


def _is_six(read: ServerSettings, place: Place) -> bool:
    """Return whether a service is of IPv6, as keepalived finds out of a mark."""
    if place.vip is not None:
        return place.vip.version == 6
    for said in (place.inet6, read.inet6):
        if said is not None:
            return said
    return all(each.rip.version == 6 for each in read.real_servers)


def _key(read: ServerSettings, place: Place, six: bool) -> Key:
    if place.vip is None:
        return ("fwmark", place.mark, six)
    return (read.protocol, place.vip, place.port)


def _named(read: ServerSettings, place: Place) -> Document:
    if place.vip is None:
        return {"fwmark": place.mark}
    return {"vip": str(place.vip), "protocol": read.protocol, "port": place.port}


def _with_health(entry: Document, health: Document | None, usual: Document | None) -> Document:
    if health == usual:
        return entry
    own: Document | None = None
    if health is not None:
        own = {name: value for name, value in health.items() if (usual or {}).get(name) != value}
    after = ("sorry_server", "real_servers")
    first = {name: value for name, value in entry.items() if name not in after}
    return {**first, "health": own, **{name: entry[name] for name in after if name in entry}}
