"""Ask the segment who has an address, and return every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import groupby
from operator import itemgetter
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.neighbour_claim import Answer, AnswerForm, Heard, NeighbourClaim
from lvsdr.wire.arp_nd_questions import (
    Asker,
    Timed,
    brief_schedule,
    many,
    neighbour_questions,
    schedule,
    schedule_again,
)
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.frames.claim_of_frame import claim_on
from lvsdr.wire.pacing import CATCH_UP, QUICK, RATE
from lvsdr.wire.socket_group import SocketGroup
from lvsdr.wire.unanswered_questions import unanswered_questions

_TICKS = 16
# A forger may invent MAC addresses faster than memory lasts. Long before, the verdict is clear.
_MOST = 100_000
_REPEATED = 100_000


def who_has(  # noqa: PLR0913 - each is a question of its own, and none can be derived
    link: str,
    addresses: Iterable[IPAddress],
    *,
    apart: Iterable[IPAddress] = (),
    source4: IPv4Address | None,
    source6: IPv6Address | None,
    seconds: float = 1.6,
    rate: float | None = None,
    briefly: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Heard:
    """Ask on `link` who has `addresses`, several times in each form, and return every answer.

    Listens `seconds` after the last question that a proxy would answer: it answers up to 0.8 s
    late. A source that is among `addresses` is not used, for a question from it would claim it.
    What is said of those `apart` takes no room from what is said of the others. `rate` is in
    frames a second: 5,000, and 10,000 for many questions; of what goes out faster than 5,000, that
    is asked once more which not each host answers. `progress` is called with the fraction done, up
    to 1.0. Answers of this host itself are not received. With `briefly`, owners are asked for in
    haste, for a quarter of a second, and `seconds` do not count. Raises CannotRun.

    A proxy queues 64 of the questions that it will answer (proxy_qlen): it is found however many
    addresses are asked for, but answers for no more than fit into its queue.
    """
    wanted = frozenset(addresses)
    if not wanted:
        return Heard()
    special = wanted.intersection(apart)
    with SocketGroup(link, (special, wanted - special)) as wire:
        wire.wait_for_carrier()
        sources = (None if source4 in wanted else source4, None if source6 in wanted else source6)
        hearing = _Hearing(Asker(wire.mac, *sources), wanted)
        for timed, end in _plans(hearing, seconds, rate, briefly=briefly):
            hearing.take(_converse(wire, timed, end, progress))
            progress = None  # for nobody knew before that there is more to ask
        lost = wire.count_lost() + hearing.left_out
        # Again: what was pulled while we listened could not be heard either.
        wire.wait_for_carrier()
    return Heard(frozenset(hearing.answers), lost)


def answer(data: bytes, asker: Asker, addresses: frozenset[IPAddress]) -> Answer | None:
    """Return how a frame answers `asker` about one of `addresses`, or None if it does not."""
    claim = claim_on(addresses, data)
    # With our own MAC inside it is our own frame, come back through a loop of the segment.
    if claim is None or (claim.mac == asker.mac and not claim.sender):
        return None
    return Answer(claim.address, claim.mac, _answer_form(claim, asker), claim.sender)


@dataclass(slots=True)
class _Hearing:
    """The distinct answers about `addresses`, and how many there was no room for."""

    asker: Asker
    addresses: frozenset[IPAddress]
    answers: set[Answer] = field(default_factory=set)
    left_out: int = 0
    # Each round brings the same bytes again: reading them once is enough.
    _known: set[bytes] = field(default_factory=set)

    def take(self, frames: Iterable[bytes]) -> None:
        """Take what the frames answer."""
        # Each address has an answer in either form, and a few hosts may have it.
        most = max(_MOST, 8 * len(self.addresses))
        for frame in frames:
            if frame in self._known:
                continue
            if len(self._known) < _REPEATED:
                self._known.add(frame)
            one = answer(frame, self.asker, self.addresses)
            if one is None or one in self.answers:
                continue
            if len(self.answers) < most:
                self.answers.add(one)
            else:
                self.left_out += 1


def _plans(
    hearing: _Hearing, seconds: float, rate: float | None, *, briefly: bool
) -> Iterator[tuple[list[Timed], float]]:
    """Yield when to send each question and when to stop listening; the last, for what is silent."""
    asked = neighbour_questions(hearing.asker, hearing.addresses)
    if briefly:
        yield brief_schedule(asked, rate or RATE)
        return
    pace = rate or (QUICK if many(asked) else RATE)
    yield schedule(asked, seconds, pace)
    if many(asked) and pace > RATE:
        # A queue on the way may be too short for this pace: each time the same answers get lost.
        again = unanswered_questions(hearing.asker, hearing.addresses, hearing.answers)
        if again.late or again.prompt:
            yield schedule_again(again, seconds, RATE)


def _converse(
    wire: SocketGroup,
    timed: Sequence[Timed],
    end: float,
    progress: Callable[[float], None] | None,
) -> Iterator[bytes]:
    """Send each question when it is due, and yield the frames received until `end`.

    Where a question was sent late, listening lasts longer by as much. A host that was busy does not
    make up for all of it: what goes out at once must fit the queues on its way.
    """
    start, late = monotonic(), 0.0
    tell = progress or (lambda _: None)
    for due, batch in groupby(timed, itemgetter(0)):
        yield from wire.frames(start + due)
        start = max(start, monotonic() - due - CATCH_UP)
        wire.send_all([question for _, question in batch])
        late = max(late, monotonic() - start - due)
        tell(due / end)
    asked, start = timed[-1][0], start + late
    for tick in range(1, _TICKS + 1):
        until = asked + (end - asked) * tick / _TICKS
        yield from wire.frames(start + until)
        tell(until / end)
    yield from wire.rest()


def _answer_form(claim: NeighbourClaim, asker: Asker) -> AnswerForm:
    """Return which of our questions a claim answers, by the address that it is sent to."""
    if claim.form == "request":
        return "overheard"
    if claim.to in (arp.NOBODY, neighbour_discovery.ALL_NODES):
        form: AnswerForm = "probe"
    elif claim.to is not None and claim.to in (asker.source4, asker.source6):
        form = "own"
    else:
        return "overheard"
    # Only a proxy leaves it to others to override what caches hold (RFC 4861, 7.2.8).
    return form if claim.override else "proxy"
