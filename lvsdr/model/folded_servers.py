"""The real servers of a virtual server in one piece: known by fingerprints, and not looked at.

What the profile says is as it was, and what the kernel lists is as lvsdr left it: then nothing of
them is to be done, and none of them is made into an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard, overload

from lvsdr.model.address import IPAddress, parsed_address
from lvsdr.model.ipvs import REAL_SERVERS, RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.objects import Key, Object

if TYPE_CHECKING:
    from lvsdr.model.servers_in_columns import ServersInColumns

# Of fewer real servers there is nothing to be gained: they are objects, and a list of them is not
# known by its fingerprint; computing some takes as long.
MANY = 256


def in_columns(item: Object | None) -> TypeGuard[ServersInColumns]:
    """Return whether an object is all the real servers of a service, as columns."""
    return item is not None and item.kind == REAL_SERVERS


class Place(Protocol):
    """Where the columns of real servers are on disk; `name` is their size and fingerprint."""

    @property
    def name(self) -> str: ...


class Unfolding(Protocol):
    """Makes the real servers of an entry objects: all, or those `at` a RIP as a key has it.

    `whole` is the entry with its columns. `told` is the place of each and its settings, as people
    say them, once it is `understood`. Each of the others raises CannotRun where they are none.
    """

    def __call__(self) -> tuple[RealServer, ...]: ...

    def at(self, rip: str) -> tuple[RealServer, ...]: ...

    def whole(self) -> dict[str, Any]: ...

    def understood(self) -> None: ...

    def told(self) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """By what the real servers of a virtual server are known; there are `count` of them.

    `said` is the fingerprint of the text in which the profile says them, `listed` that of what
    the kernel lists where they are there, and no others.
    """

    said: str
    listed: str
    count: int


Said = Mapping[Key, str]
"""What a profile's file says of virtual servers: fingerprints of their texts, by Service.key."""
NOT_SAID: Said = {}

WasAndWanted = tuple[RealServer, Object | None]
"""A real server as it was, and as it is wanted; None where it is not."""


class ListedIf(NamedTuple):
    """By what the kernel's list of the real servers of a virtual server is known.

    `now` is the fingerprint of the list as it is, `before` what it would be if some of them were as
    they were; `exact` is whether each of these is listed as it is wanted.
    """

    now: str
    before: str
    exact: bool


@dataclass(frozen=True, slots=True)
class FoldedServers:
    """The real servers of `service` as the record has them; `unfolded` makes them objects.

    `place` is where their columns are on disk, None where the entry has them; `entry` is as it is
    written. Those `apart` are objects as well: as they were when they were taken out of it.
    """

    service: Service
    mark: Mark
    entry: dict[str, Any] | list[Any]
    unfolded: Unfolding = field(compare=False, repr=False)
    place: Place | None = field(default=None, compare=False, repr=False)
    apart: Mapping[Key, RealServer] = field(default_factory=dict)

    def at(self, rip: str) -> tuple[RealServer, ...]:
        """Return the real servers at `rip`, which is written as a key has it."""
        return self.unfolded.at(rip)


@dataclass(frozen=True, slots=True)
class ProfileText:
    """What the file of a profile was like: fingerprints of its parts, one after the other.

    `head` is all before the first virtual server, `tail` all after the last; sizes are in bytes.
    `services` has the size and the fingerprint of each virtual server.
    """

    head: tuple[int, str]
    services: tuple[tuple[int, str], ...]
    tail: str


KnownText = tuple[ProfileText, Mapping[str, VirtualServer]]
"""What a profile's file was like, and which virtual servers its texts were, by fingerprint."""


class LateServers(Sequence[RealServer]):
    """Real servers that are objects once somebody asks for one: `whole` makes them then."""

    def __init__(self, whole: Callable[[], Sequence[RealServer]]) -> None:
        self._whole = whole
        self._all: Sequence[RealServer] | None = None

    def whole(self) -> Sequence[RealServer]:
        """Return all of them."""
        if self._all is None:
            self._all = self._whole()
        return self._all

    def __len__(self) -> int:
        return len(self.whole())

    def __iter__(self) -> Iterator[RealServer]:
        return iter(self.whole())

    @overload
    def __getitem__(self, place: int) -> RealServer: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[RealServer]: ...

    def __getitem__(self, place: int | slice) -> RealServer | Sequence[RealServer]:
        return self.whole()[place]


class PartlyRead(LateServers):
    """The real servers of a profile of which only some have been read, since the rest is known.

    `read` are those, `unread` the fingerprints of the texts of the other virtual servers, by
    Service.key. Whoever asks for more gets all, and `whole` reads them.
    """

    def __init__(
        self,
        read: tuple[RealServer, ...],
        unread: Mapping[Key, str],
        whole: Callable[[], Sequence[RealServer]],
    ) -> None:
        super().__init__(whole)
        self.read = read
        self.unread = unread


class ReadInColumns(LateServers):
    """The real servers of a profile, by their virtual servers, as they were read."""

    def __init__(self, pieces: Sequence[ServersInColumns]) -> None:
        super().__init__(lambda: [server for each in pieces for server in each.objects])
        self.pieces = pieces

    def rips(self) -> tuple[IPAddress, ...]:
        """Return each RIP once, in their order."""
        texts = dict.fromkeys(text for each in self.pieces for text in each.texts)
        return tuple(map(parsed_address, texts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class ComingServers(ReadInColumns):
    """Real servers of which nobody knows any: they are planned by their virtual servers."""

    def planned(self) -> Iterator[Object]:
        """Yield what is planned: by themselves those alone that are not all of one family."""
        for each in self.pieces:
            yield from [each] if each.of_one_family else each
