"""What is said of real servers that others have put into our services, as the probes found them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from lvsdr.model.address import endpoint
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.path import Path, Proof
from lvsdr.rules.host.ipvs_table import FLAGS

Fault = Callable[[Sequence[Proof]], Finding]

# What says that nobody is served there: who is sent there is no worse off without it. Others may
# let somebody in, or serve those who are there already.
_USELESS = frozenset(
    {"down", "vip-missing", "vip-missing-and-forwards", "no-tunnel", "port-closed"}
)
LOOK = (
    "who has put it there (keepalived, ldirectord, a person), and whether it is meant: then name it"
    " in the profile"
)


def foreign_findings(proofs: Iterable[Proof], fault: Callable[[Proof], Fault]) -> Iterator[Finding]:
    """Yield a finding for each foreign real server; `fault` returns what tells of its fault.

    Of one whose port differs from the service's PORT-DIFFERS tells.
    """
    told: dict[object, Proof] = {}
    for proof in proofs:
        path = proof.path
        if path.foreign and not _has_other_port(path):
            key = path.service, path.rip, path.port
            if key not in told or _serves(told[key]):
                told[key] = proof
    for proof in told.values():
        yield _finding(proof, fault)


def _has_other_port(path: Path) -> bool:
    # Port 0 of a service is all of them, and a firewall mark has none: any may be asked there.
    return path.method in ("dr", "tunnel") and path.service.port not in (0, path.port)


def _finding(proof: Proof, fault: Callable[[Proof], Fault]) -> Finding:
    path = proof.path
    broken = proof.verdict is not None and not _serves(proof)
    useless = proof.verdict in _USELESS
    place = endpoint(path.rip, path.port) if path.port else str(path.rip)
    return Finding(
        "TABLE-FOREIGN",
        ERROR if broken and path.weight else WARNING,
        f"{place} of {path.service}",
        f"real server {place} ({path.method}, weight {path.weight}) of {path.service} is in the"
        f" table, and no profile names it: {_found(proof, fault)}",
        _removal(path, place) if useless else "",
        vip=path.vip,
        rip=path.rip,
        look="" if useless else LOOK,
    )


def _found(proof: Proof, fault: Callable[[Proof], Fault]) -> str:
    if not _serves(proof):
        return fault(proof)([proof]).message
    if proof.path.method == "masquerade":
        return (
            "it answers this host; whether its answers to clients come back this way is not known"
        )
    return "it holds the VIP" if proof.detail == "vip-held" else "it serves what is sent there"


def _serves(proof: Proof) -> bool:
    return proof.verdict == "served"


def _removal(path: Path, place: str) -> str:
    service = path.service
    if service.vip is None:
        six = " -6" if service.family == "inet6" else ""
        return f"ipvsadm -d -f {service.fwmark}{six} -r {path.rip}"
    where = endpoint(service.vip, service.port)
    return f"ipvsadm -d {FLAGS[service.protocol]} {where} -r {place}"
