"""The questions that find every host that answers for an address, and when to send them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.pacing import paced

Timed = tuple[float, bytes]

_GAP = 0.15
_FEW, _MANY = 3, 2
# From so many questions on, one round takes so long that the next meets another state of the wire.
_CROWD = 1000
# Whoever answers for itself does so at once; this much is for a host that is busy.
_PROMPT = 0.5
# Who is about to take an address waits no longer than this after the last question.
_BRIEF = 0.15
# Frames go out in bursts of this length, for between two of them we look whether one came.
_BURST = 0.0015


@dataclass(frozen=True, slots=True)
class Asker:
    """Our MAC address, and our IP address of each family, where we have one to ask from."""

    mac: str
    source4: IPv4Address | None
    source6: IPv6Address | None


@dataclass(frozen=True, slots=True)
class Questions:
    """Frames that ask: `late` ones, which proxies answer with a delay, and `prompt` ones."""

    late: tuple[bytes, ...]
    prompt: tuple[bytes, ...]


def neighbour_questions(asker: Asker, addresses: Iterable[IPAddress]) -> Questions:
    """Return the frames that ask for `addresses` in each form that `asker` can use.

    A question from its own address finds proxies; an ARP probe, from 0.0.0.0, finds hosts that do
    not answer senders of another subnet (rp_filter). On IPv6 a question from the unspecified
    address is used only where the asker has no address.
    """
    late: list[bytes] = []
    prompt: list[bytes] = []
    for address in addresses:
        if isinstance(address, IPv4Address):
            late += _arp_questions(asker, address)
            prompt.append(arp.broadcast(arp.probe(asker.mac, address)))
        elif asker.source6:
            late.append(
                neighbour_discovery.multicast(
                    asker.mac, neighbour_discovery.question(asker.mac, asker.source6, address)
                )
            )
        else:
            # Answered to all nodes, and so that caches are overridden (RFC 4861, 7.2.4): a real
            # server that answers leads the router to itself, and nobody but us has asked it to.
            late.append(
                neighbour_discovery.multicast(asker.mac, neighbour_discovery.probe(address))
            )
    return Questions(tuple(late), tuple(prompt))


def many(asked: Questions) -> bool:
    """Return whether one round of the questions takes long."""
    return len(asked.late) + len(asked.prompt) >= _CROWD


def schedule(asked: Questions, seconds: float, rate: float) -> tuple[list[Timed], float]:
    """Return when to send each question, and when to stop listening, in seconds after the start.

    The questions that proxies answer go first. Proxies have `seconds` to answer, during which the
    prompt questions go out: only owners answer those, and at once.

    Questions are repeated because frames get lost in bursts: a queue overflows, a switch learns a
    port anew. Few questions are sent in three rounds, 0.15 s apart. Many are sent in two rounds, as
    far apart as one takes, so that each address is asked for twice in every form.
    """
    rounds = _MANY if many(asked) else _FEW
    late = paced(asked.late, rounds, _GAP, rate)
    last = late[-1][0] if late else 0.0
    shift = last + max(_GAP, 1 / rate) if late else 0.0
    prompt = [(shift + due, frame) for due, frame in paced(asked.prompt, rounds, _GAP, rate)]
    both = _bursts((*late, *prompt))
    return both, max(last + seconds, both[-1][0] + min(seconds, _PROMPT))


def schedule_again(asked: Questions, seconds: float, rate: float) -> tuple[list[Timed], float]:
    """Return the same for questions that some hosts have not answered, each once more.

    Only owners are waited for: proxies have had their time.
    """
    timed = _bursts(paced((*asked.late, *asked.prompt), 1, 0.0, rate))
    return timed, timed[-1][0] + min(seconds, _PROMPT)


def brief_schedule(asked: Questions, rate: float) -> tuple[list[Timed], float]:
    """Return when to send each question and when to stop listening, as `schedule` does, in haste.

    Owners answer at once, in a millisecond: a quarter of a second is for two rounds of few
    questions, and of many, each in two forms, one round is enough. A proxy may be late.
    """
    frames = (*asked.late, *asked.prompt)
    rounds = 2 if len(frames) < _CROWD / 10 else 1
    timed = _bursts(paced(frames, rounds, 0.1, rate))
    return timed, timed[-1][0] + _BRIEF


def _bursts(timed: Iterable[Timed]) -> list[Timed]:
    return [(due - due % _BURST, frame) for due, frame in timed]


def _arp_questions(asker: Asker, address: IPv4Address) -> Iterator[bytes]:
    if asker.source4:
        yield arp.broadcast(arp.question(asker.mac, asker.source4, address))
