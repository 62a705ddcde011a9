"""Who is out of service as the proof sees it: no client is sent there, whatever its path says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.core.out_of_service import down_note, drained_notes
from lvsdr.core.situation import Situation
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key
from lvsdr.model.path import Proof
from lvsdr.model.profile import DirectorProfile


def as_it_serves(profile: DirectorProfile, situation: Situation, host: Host) -> DirectorProfile:
    """Return the profile with weight 0 for who is out, and the sorry servers that are in."""
    out = situation.out
    here = {each.key for each in host.real_servers} & situation.desired.keys()
    instead = [each for each in profile.sorry_servers if each.key in here]
    if not (out.drained or out.every or instead):
        return profile
    servers = (replace(it, weight=0) if out.has(it.key) else it for it in profile.real_servers)
    return replace(profile, real_servers=(*servers, *instead))


def out_of_service_notes(situation: Situation, proofs: Iterable[Proof]) -> Iterator[str]:
    """Yield who is out of service, and of those that are down what their paths are like."""
    out = situation.out
    verdicts = {
        key: each.verdict
        for each in proofs
        if (key := _key(each)) in out.every and not each.path.foreign
    }
    every = {**out.removed, **situation.desired}
    yield from drained_notes(out, situation.desired)
    for key in sorted(out.every.keys() & every.keys(), key=str):
        path = f"; its path: {_word(verdicts[key])}" if key in verdicts else ""
        yield down_note(every[key], out) + path


def with_down(situation: Situation, proofs: Iterable[Proof]) -> Iterator[Proof]:
    """Yield the proofs, those to real servers that are down with how they are."""
    for each in proofs:
        down = None if each.path.foreign else situation.out.every.get(_key(each))
        yield each if down is None else replace(each, down=down)


def _key(proof: Proof) -> Key:
    path = proof.path
    return ("real_server", *path.service.key, str(path.rip), path.port)


def _word(verdict: str | None) -> str:
    return "serves" if verdict == "served" else verdict or "not proven"
