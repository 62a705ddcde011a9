"""Ask the segment who answers for an address, and hear every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Answer, Form
from lvsdr.wire import arp, ethernet, nd
from lvsdr.wire.ethernet import Frame, FrameError
from lvsdr.wire.link import PacketSocket, paced

_ROUNDS = 3
_GAP = 0.15
# Progress is told after so many questions, then so many times while listening.
_STEP = 50
_TICKS = 16


@dataclass(frozen=True, slots=True)
class Asker:
    """Our MAC address, and the address in whose name we ask, where there is one."""

    mac: str
    source4: IPv4Address | None
    source6: IPv6Address | None


def who_has(  # noqa: PLR0913 - each is a question of its own, and none can be derived
    link: str,
    addresses: Iterable[IPAddress],
    *,
    source4: IPv4Address | None,
    source6: IPv6Address | None,
    seconds: float = 1.6,
    progress: Callable[[float], None] | None = None,
) -> frozenset[Answer]:
    """Ask on `link` for `addresses` three times in both forms, and return every answer.

    Listens `seconds` after the last question: a proxy answers up to 0.8 s
    late. A source that is itself asked for is not used, for such a question
    would claim it. `progress` is called with the fraction done, up to 1.0.
    Only other hosts are heard, never this one. A proxy keeps no more than 64
    questions (proxy_qlen): of many addresses it answers some. Raises CannotRun.
    """
    wanted = frozenset(addresses)
    if not wanted:
        return frozenset()
    with PacketSocket(link, *_ethertypes(wanted)) as wire:
        wire.wait_for_carrier()
        asker = Asker(
            wire.mac,
            None if source4 in wanted else source4,
            None if source6 in wanted else source6,
        )
        schedule = paced(questions(asker, wanted), _ROUNDS, _GAP)
        heard = _converse(wire, schedule, seconds, progress or (lambda _: None))
        answers = {answer(frame, asker, wanted) for frame in heard}
        # Again: what was pulled while we listened could not be heard either.
        wire.wait_for_carrier()
    return frozenset(found for found in answers if found)


def questions(asker: Asker, addresses: Iterable[IPAddress]) -> list[bytes]:
    """Return the frames that ask for `addresses` in each form that `asker` can use."""
    return [
        frame
        for address in addresses
        for frame in (
            _arp_questions(asker, address)
            if isinstance(address, IPv4Address)
            else _nd_questions(asker, address)
        )
    ]


def answer(data: bytes, asker: Asker, addresses: frozenset[IPAddress]) -> Answer | None:
    """Return what a frame says about one of `addresses`, or None.

    Where the MAC address inside differs from the frame's source, the one
    inside counts: it is the one that caches learn.
    """
    try:
        frame = ethernet.decode(data)
        # Our own frame, come back through a loop of the segment.
        if frame.source == asker.mac:
            return None
        read = {ethernet.ARP: _arp_answer, ethernet.IPV6: _nd_answer}.get(frame.ethertype)
        found = read(frame, asker) if read else None
    except FrameError:
        return None
    return found if found and found.address in addresses else None


def _ethertypes(addresses: Iterable[IPAddress]) -> set[int]:
    return {ethernet.ARP if address.version == 4 else ethernet.IPV6 for address in addresses}


def _converse(
    wire: PacketSocket,
    schedule: Sequence[tuple[float, bytes]],
    seconds: float,
    progress: Callable[[float], None],
) -> Iterator[bytes]:
    """Send each question when it is due, and yield all frames that come meanwhile and after."""
    start = monotonic()
    asking = schedule[-1][0]
    for number, (due, question) in enumerate(schedule):
        yield from wire.frames(start + due)
        wire.send(question)
        if number % _STEP == 0:
            progress(due / (asking + seconds))
    start = monotonic()
    for tick in range(1, _TICKS + 1):
        listened = seconds * tick / _TICKS
        yield from wire.frames(start + listened)
        progress((asking + listened) / (asking + seconds))


def _arp_questions(asker: Asker, address: IPv4Address) -> Iterator[bytes]:
    yield arp.broadcast(arp.probe(asker.mac, address))
    if asker.source4:
        yield arp.broadcast(arp.question(asker.mac, asker.source4, address))


def _nd_questions(asker: Asker, address: IPv6Address) -> Iterator[bytes]:
    yield nd.multicast(asker.mac, nd.probe(address))
    if asker.source6:
        yield nd.multicast(asker.mac, nd.question(asker.mac, asker.source6, address))


def _arp_answer(frame: Frame, asker: Asker) -> Answer:
    packet = arp.decode(frame.payload)
    form: Form = "overheard"
    if packet.operation == arp.REPLY and packet.target_ip == arp.NOBODY:
        form = "probe"
    elif packet.operation == arp.REPLY and packet.target_ip == asker.source4:
        form = "own"
    return Answer(packet.sender_ip, packet.sender_mac, form)


def _nd_answer(frame: Frame, asker: Asker) -> Answer:
    message = nd.decode(frame.payload)
    # Without the option the answer still comes from where its frame comes from.
    mac = message.mac or frame.source
    if isinstance(message, nd.Solicitation):
        return Answer(message.source, mac, "overheard")
    forms: dict[IPv6Address | None, Form] = {asker.source6: "own", nd.ALL_NODES: "probe"}
    return Answer(message.target, mac, forms.get(message.destination, "overheard"))
