"""What the proofs of the paths mean: which of them show one fault, and how bad it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.path import Proof
from lvsdr.rules.paths import unproven_paths
from lvsdr.rules.paths.foreign_paths import foreign_findings
from lvsdr.rules.paths.path_faults import FAULTS
from lvsdr.rules.paths.shared_mac import shared_by_paths, shared_mac_findings
from lvsdr.rules.paths.tunnel_mtu import too_long

# For these one finding tells of all paths to the real server, for these of all to one VIP there.
_OF_RIP = frozenset({"down", "duplicate-rip", "no-tunnel", "unproven", "routed"})
_OF_VIP = frozenset({"vip-missing", "vip-missing-and-forwards", "filtered"})
# These harm though no new connection is sent there.
_WHATEVER_WEIGHT = frozenset({"vip-missing-and-forwards", "duplicate-rip"})


def findings(proofs: Sequence[Proof]) -> Iterator[Finding]:
    """Yield a finding for each fault, however many paths it spoils."""
    # Whoever does not want them asked knows that nothing is proven.
    own = [proof for proof in proofs if not proof.path.foreign and proof.detail != "not-asked"]
    served = {(proof.path.service, proof.path.rip) for proof in own if _serves(proof)}
    groups: dict[object, list[Proof]] = {}
    held: dict[object, list[Proof]] = {}
    for proof in own:
        if not _serves(proof):
            groups.setdefault(_fault(proof), []).append(proof)
        elif proof.detail == "vip-held":
            held.setdefault((proof.path.service, proof.path.vip), []).append(proof)
    for group in groups.values():
        finding = FAULTS[_name(group[0])](group)
        mild = all(_is_mild(proof, served) for proof in group)
        yield replace(finding, severity=WARNING) if mild else finding
    yield from map(unproven_paths.held, held.values())
    yield from foreign_findings(proofs, lambda proof: FAULTS[_name(proof)])
    yield from too_long(own)
    yield from shared_mac_findings(shared_by_paths(proofs))


def hinted(proof: Proof) -> Proof:
    """Return the proof with the way to mend what it shows."""
    if _serves(proof):
        return proof
    fault = FAULTS[_name(proof)]([proof])
    return replace(proof, hint=fault.hint, look=fault.look, on=fault.on)


def _name(proof: Proof) -> str:
    if proof.path.method == "dr" and proof.gateway is not None:
        return "routed"
    return proof.verdict or "unproven"


def _fault(proof: Proof) -> object:
    """Return what the proofs of one fault have in common."""
    name, path = _name(proof), proof.path
    if name in _OF_RIP:
        return name, path.rip, proof.detail, path.tunnel
    return name, path.rip, path.vip, proof.detail, None if name in _OF_VIP else path.service


def _serves(proof: Proof) -> bool:
    return proof.verdict == "served"


def _is_mild(proof: Proof, served: Collection[object]) -> bool:
    """Return whether the fault does no harm now, or perhaps none at all."""
    path = proof.path
    if proof.verdict is None:
        return True
    if _name(proof) in _WHATEVER_WEIGHT or _name(proof) == "routed":
        return False
    # Of a firewall mark it is not known whether it stands for this VIP as well.
    return path.weight == 0 or (path.service.vip is None and (path.service, path.rip) in served)
