"""Steps that every scenario is made of: lvsdr is run, something is typed, the witness is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.lab.lab_host import Host
from lvsdr.lab.rehearsal import run_step
from lvsdr.lab.scenario import ByHand
from lvsdr.lab.scenario_stage import Stage, as_typed
from lvsdr.lab.scenario_witnesses import WITNESSES
from lvsdr.model.rehearsal_step import Step

TROUBLE, MENDED = "without lvsdr", "with lvsdr"


def ran(built: Stage, host: Host, verb: str, *more: str, expect: int = 0) -> Step:
    """Run lvsdr for a host: inside it, or with --netns on the host that it is a guest of."""
    role = built.role(host)
    words = (verb, *more) if role is None else (role, verb, *more)
    where = host
    for guest in built.scenario.guests:
        if guest.name == host.name and guest.from_host:
            where, words = built.hosts[guest.host], (*words, "--netns", host.namespace)
    return run_step(where, words, built.file(host), expect=expect, run=built.run)


def by_hand(built: Stage, parts: Iterable[ByHand], what: str = "") -> Step:
    """Type the commands of `parts`."""
    parts = tuple(parts)
    built.do_by_hand(parts)
    return Step(f"{what}by hand", True, tuple(typed(parts)))


def undone(parts: Iterable[ByHand]) -> Iterator[ByHand]:
    """Yield what undoes each of `parts`."""
    return (ByHand(part.host, part.undo) for part in parts)


def typed(parts: Iterable[ByHand]) -> Iterator[str]:
    """Yield each command with the host that it is typed on."""
    return (f"{part.host}# {as_typed(line)}" for part in parts for line in part.do)


def seen(built: Stage, when: str, expected: frozenset[str]) -> Step:
    """Ask the witness; the step succeeds where it sees what is `expected`."""
    if when == MENDED:
        for host in (built.lab.client, built.lab.gateway, built.lab.director):
            host.wait_for_neighbours()
    title, found, lines = WITNESSES[built.scenario.witness](built)
    missed = () if found == expected else (f"expected: {', '.join(sorted(expected))}",)
    return Step(f"{when}: {title}", found == expected, (*lines, *missed))
