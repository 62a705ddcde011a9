"""Paths as a person reads them: a line for each virtual server, and who does not serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.path import Proof


def lines(proofs: Iterable[Proof]) -> Iterator[str]:
    """Yield how many real servers serve each virtual server, and under it those that do not."""
    groups: dict[str, list[Proof]] = {}
    for proof in proofs:
        groups.setdefault(_title(proof), []).append(proof)
    for title, group in groups.items():
        served = sum(proof.verdict == "served" for proof in group)
        yield f"{title}: {served} of {len(group)} real servers serve"
        yield from (
            f"  {proof.path.rip}: {proof.verdict or 'not proven'}"
            for proof in group
            if proof.verdict != "served"
        )


def _title(proof: Proof) -> str:
    path = proof.path
    return (
        f"{path.service}" if path.service.vip or path.vip is None else f"{path.service}, {path.vip}"
    )
