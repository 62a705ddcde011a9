"""The gauges of what was proven on the wire: who answers, who is silent, which paths serve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.host_figures import ProfileFigures, ProofFigures
from lvsdr.render.metric_labels import Labels, backend_labels

Told = Iterator[tuple[Labels, float]]


def _at(_: ProfileFigures, proof: ProofFigures) -> Told:
    yield {}, proof.at


def _findings(_: ProfileFigures, proof: ProofFigures) -> Told:
    counted = Counter((each.rule, each.severity) for each in proof.findings)
    for (rule, severity), number in sorted(counted.items()):
        yield {"rule": rule, "severity": severity}, number


def _faults(_: ProfileFigures, proof: ProofFigures) -> Told:
    counted = Counter(each.severity for each in proof.findings)
    for severity in (ERROR, WARNING):
        yield {"severity": severity}, counted[severity]


def _answerers(profile: ProfileFigures, proof: ProofFigures) -> Told:
    for vip, macs in _macs(profile, proof).items():
        yield {"local_address": str(vip)}, len(macs)


def _answers(profile: ProfileFigures, proof: ProofFigures) -> Told:
    for vip, macs in _macs(profile, proof).items():
        for mac in sorted(macs):
            host = proof.names.get(mac, "")
            yield {"local_address": str(vip), "mac": mac, "host": host}, 1


def _macs(profile: ProfileFigures, proof: ProofFigures) -> dict[IPAddress, set[str]]:
    macs: dict[IPAddress, set[str]] = {vip: set() for vip in profile.vips}
    for answer in proof.answers:
        if answer.address in macs:
            macs[answer.address].add(answer.mac)
    return macs


def _silent(_: ProfileFigures, proof: ProofFigures) -> Told:
    for vip, at in proof.silent.items():
        yield {"local_address": str(vip)}, at


def _paths(profile: ProfileFigures, proof: ProofFigures) -> Told:
    for each in proof.paths:
        if each.verdict == "served" and not profile.apart:
            continue
        path = each.path
        labels = backend_labels(path.service, path.rip, path.port)
        yield {**labels, "verdict": each.verdict or "unproven"}, each.verdict == "served"


Say = Callable[[ProfileFigures, ProofFigures], Told]
PROOF_GAUGES: Mapping[str, tuple[str, Say]] = {
    "verify_timestamp_seconds": ("When the profile was verified last.", _at),
    "verify_faults": ("How many findings the last verify had, by severity.", _faults),
    "verify_findings": ("Which findings the last verify had.", _findings),
    "vip_answerers": ("How many MAC addresses answer for the VIP.", _answerers),
    "vip_answered_by": ("Who answers for the VIP.", _answers),
    "silence_proven_timestamp_seconds": (
        "When it was last proven that nobody but the director answers for the VIP.",
        _silent,
    ),
    "path_serves": ("Whether a probe along the path to the real server was served.", _paths),
}
