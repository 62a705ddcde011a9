"""A status and what verify saw, as people read it: a line for each object, answer and path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lvsdr.model.finding import ERROR
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import Object
from lvsdr.model.printable import printable
from lvsdr.model.silence import MOST_SILENCES, told
from lvsdr.render.page_width import USUAL, broken
from lvsdr.render.state_line import StateLine

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.change import Kept
    from lvsdr.model.client_connections import ConnectionsSeen
    from lvsdr.model.counters import Counters
    from lvsdr.model.neighbour_claim import Answer
    from lvsdr.model.path import Proof
    from lvsdr.render.object_rows import Row
    from lvsdr.render.results import Planned, Verified

COUNTED = ("active", "inactive", "persistent", "conn/s", "packets/s", "bytes/s")
# In which order they go where there is no room: what is left says most of a server that is sick.
DROPPED = ("bytes/s", "packets/s", "persistent", "conn/s")
GAP = 2
MOST_ANSWERS = 16
MOST_KEPT = 20
STRANGER = "unknown host"
# A state that is shorter has its place beside the columns, a longer one perhaps below.
SHORT = 20


def status_lines(rows: Iterable[Row], width: int = USUAL) -> Iterator[str]:
    """Yield a line for each object of the profile, with what is wrong with it.

    What is counted has its connections and rates; of the latter what comes in, since with direct
    routing and tunnels nothing goes back this way. What does not fit into `width` is left out: of
    the columns first what says least. A title that leaves no room has a line to itself.
    """
    # Escaped here already: the columns stand where the escaped title ends.
    found = [(printable(_shown(row)), row) for row in rows]
    counts = [_counts(row.counters) for _, row in found]
    states = [(_state(row), row.state) for _, row in found]
    state = max((len(full if len(full) < SHORT else word) for full, word in states), default=0)
    columns: tuple[Column, ...] = ()
    if any(row.counters for _, row in found):
        longest = max(len(title) for title, _ in found)
        columns = _fitting(_sized(counts), width - longest - GAP - max(state, len("state")))
    room = width - sum(each.width + GAP for each in columns) - GAP - state
    titles = max((len(title) for title, _ in found if len(title) <= room), default=0)
    if columns:
        names = "".join(f"{' ' * GAP}{each.name.rjust(each.width)}" for each in columns)
        yield f"{''.ljust(titles)}{names}  state"
    for (title, row), counted, (full, word) in zip(found, counts, states, strict=True):
        figures = "".join(f"{' ' * GAP}{counted[c.place].rjust(c.width)}" for c in columns)
        fits = len(title) <= titles
        if not fits:
            yield from broken(title, width).splitlines()
        line = f"{(title if fits else '').ljust(titles)}{figures}  "
        apart = full != word and len(line) + len(full) > width
        yield StateLine(line, word, word if apart else full)
        if apart:
            yield from broken(f"    {full}", width).splitlines()
        if row.down is not None:
            yield from broken(f"    {printable(row.down.story)}", width).splitlines()


def _state(row: Row) -> str:
    if row.seen is None or row.state != "differs":
        return row.state
    return f"{row.state}: {printable(row.seen.detail)}"


class Column(NamedTuple):
    """A column of figures: its place among those of COUNTED, its name, and how wide it is."""

    place: int
    name: str
    width: int
    empty: bool


def _sized(counts: Sequence[tuple[str, ...]]) -> tuple[Column, ...]:
    return tuple(
        Column(
            place,
            name,
            max(len(name), *(len(each[place]) for each in counts)),
            all(each[place] in {"", "0"} for each in counts),
        )
        for place, name in enumerate(COUNTED)
    )


def _fitting(columns: tuple[Column, ...], room: int) -> tuple[Column, ...]:
    """Return the columns that fit into `room`, but at least two."""
    nothing = [each for each in columns if each.name == "persistent" and each.empty]
    order = [*nothing, *(each for name in DROPPED for each in columns if each.name == name)]
    left = list(columns)
    for each in order:
        if sum(one.width + GAP for one in left) <= room:
            break
        if each in left:
            left.remove(each)
    return tuple(left)


def client_lines(rows: Iterable[Row], seen: ConnectionsSeen | None) -> Iterator[str]:
    """Yield how many clients of each real server got no answer, of so many beyond the segment."""
    told = [(row.subject.title, row.clients.beyond) for row in rows if row.clients is not None]
    shown = [(title, share) for title, share in told if share.connections]
    if shown and seen is not None:
        yield f"unanswered beyond the segment ({seen.extent}):"
    for title, share in shown:
        yield f"  {title}: {share.unanswered} of {share.connections}"


def answer_lines(heard: Iterable[Answer], names: Mapping[str, str]) -> Iterator[str]:
    """Yield who answered for each VIP; `names` say whose a MAC is.

    A forger invents as many hosts as it likes: of each VIP the first are told, known ones first.
    """
    seen: dict[IPAddress, dict[tuple[str, str], list[str]]] = {}
    for answer in sorted(heard, key=lambda item: (str(item.address), item.mac, item.form)):
        spoken = seen.setdefault(answer.address, {})
        spoken.setdefault((answer.mac, answer.sender), []).append(answer.form)
    for vip, spoken in seen.items():
        shown, more = list(spoken), len(spoken) - MOST_ANSWERS
        if more > 0:
            shown.sort(key=lambda said: names.get(said[0], STRANGER).startswith(STRANGER))
        for mac, sender in shown[:MOST_ANSWERS]:
            forms = spoken[mac, sender]
            who = f", says {sender}" if sender else f" ({names[mac]})" if mac in names else ""
            how = "" if forms == ["self"] and not sender else f" [{', '.join(forms)}]"
            yield f"{vip} is at {mac}{who}{how}"
        if more > 0:
            yield f"{vip} is at {more} more MAC addresses: --format json tells them"


def beside_a_plan(result: Planned) -> Iterator[str]:
    """Yield what a plan leaves to others, and what it takes from them."""
    yield from foreign_lines(result.foreign)
    yield from (f"warning: {line}" for line in told(result.silences, MOST_SILENCES))
    yield from kept_lines(result.kept)


def kept_lines(kept: Sequence[Kept]) -> Iterator[str]:
    """Yield what is kept as it is, and why; of many, some."""
    yield from (f"= {each}" for each in kept[:MOST_KEPT])
    if len(kept) > MOST_KEPT:
        yield f"= and {len(kept) - MOST_KEPT} more: --format json names them all"


def last_line(result: Verified) -> Iterator[str]:
    """Yield whether all is well; nothing where the findings have said what is not."""
    unproven = sum(proof.verdict is None for proof in result.paths)
    unserved = sum(each.verdict is None for each in result.services)
    if unproven and not any(finding.severity == ERROR for finding in result.findings):
        yield f"no errors, but {unproven} of {len(result.paths)} paths unproven"
    elif not result.findings:
        many = f"{unserved} of {len(result.services)} services unproven"
        yield f"no findings; {many}" if unserved else "verified: no findings"


def foreign_lines(items: Iterable[Object]) -> Iterator[str]:
    """Yield what others have put into a table."""
    for item in items:
        yield f"foreign: {item.noun} {item.title} ({item.detail}): no profile names it"


def path_lines(proofs: Iterable[Proof]) -> Iterator[str]:
    """Yield how many real servers serve each virtual server, and under it those that do not."""
    groups: dict[str, list[Proof]] = {}
    for proof in proofs:
        groups.setdefault(_title(proof), []).append(proof)
    for title, group in groups.items():
        yield f"{title}: {_counted(group)}"
        yield from (
            f"  {_place(proof)}: {proof.verdict or 'not proven'}"
            for proof in group
            if proof.verdict != "served" or proof.down is not None
        )


def _place(proof: Proof) -> str:
    path = proof.path
    said = "foreign" if path.foreign else "" if proof.down is None else "down"
    return f"{path.rip} ({said})" if said else str(path.rip)


def _counted(group: Sequence[Proof]) -> str:
    served = sum(proof.verdict == "served" for proof in group)
    if unproven := sum(proof.verdict is None for proof in group):
        return f"{served} of {len(group)} proven, {unproven} unproven"
    what = "hold the VIP" if all(proof.detail == "vip-held" for proof in group) else "serve"
    return f"{served} of {len(group)} real servers {what}"


def _shown(row: Row) -> str:
    """Return an object; a real server stands below its virtual server."""
    item = row.subject
    if not isinstance(item, RealServer):
        return str(item)
    absent = row.wanted is None and row.seen is None
    return f"  {item.place} ({'not in the table' if absent else item.detail})"


def _counts(counters: Counters | None) -> tuple[str, ...]:
    if counters is None:
        return ("",) * len(COUNTED)
    rates = counters.rates
    connections = (counters.active, counters.inactive, counters.persistent)
    shown = (*connections, rates.connections, rates.packets_in, rates.bytes_in)
    return tuple(str(each).removesuffix(".0") for each in shown)


def _title(proof: Proof) -> str:
    path = proof.path
    return (
        f"{path.service}" if path.service.vip or path.vip is None else f"{path.service}, {path.vip}"
    )
