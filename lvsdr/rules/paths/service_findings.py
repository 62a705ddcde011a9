"""What a client's requests to the services show: those that nobody answers, or somebody refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.service_proof import ServiceProof
from lvsdr.rules.segment.mac_owners import MacOwners

_SHOWN = 3
_SOCKETS = {"tcp": "-ltnp", "udp": "-lunp", "sctp": "-lSnp"}
_WORDS = {
    "reset": "a reset",
    "refused": "connection refused",
    "port": "ICMP: port unreachable",
    "protocol": "ICMP: protocol unreachable",
    "prohibited": "ICMP: prohibited",
    "unreachable": "ICMP: host unreachable",
}
_BY_DIRECTOR = {
    "reset": "its firewall, or the service is not in its IPVS table",
    "port": "its firewall, or there is no real server in its IPVS table to send to",
    "unreachable": "it reaches no real server",
}
_BY_REAL_SERVER = {
    "reset": "nobody listens there",
    "unreachable": "it does not hold the VIP",
    "protocol": "it has no such protocol",
}
_LIMITED = "; the rest got no answer, as the rate of such errors is limited"
_BEYOND = (
    "lvsdr director verify on the director, lvsdr realserver verify on each real server, and"
    " lvsdr verify on a third host of their segment"
)
WHY_UNASKED = {
    "protocol": "what is sent over its protocol reaches the program that serves",
    "fwmark": "only the firewall of the director knows its addresses and ports",
    "every-port": "it is of every port, and none is named",
}


@dataclass(frozen=True, slots=True)
class _Fault:
    """What several services of a VIP have in common: who refuses them, or never answers.

    `mac` and `reason` are those of a refusal, empty where nobody answers. `rips` are the real
    servers at fault; `whole`: every request was lost.
    """

    vip: IPAddress | None
    protocol: str
    director: str | None
    mac: str | None
    reason: str
    rips: tuple[IPAddress, ...]
    whole: bool

    @property
    def rip(self) -> IPAddress | None:
        """Return the real server that it is about, if it is one."""
        return self.rips[0] if len(self.rips) == 1 else None

    @property
    def firewall(self) -> str:
        """Return how the firewall of a host is looked at."""
        six = self.vip is not None and self.vip.version == 6
        return f"nft list ruleset; {'ip6tables' if six else 'iptables'}-save"


class _Said(NamedTuple):
    """What is said of a fault, and where to look, on which host."""

    message: str
    look: str
    on: str = ""


def service_findings(proofs: Sequence[ServiceProof], owners: MacOwners) -> Iterator[Finding]:
    """Yield a finding for each fault, however many services of a VIP it spoils.

    And one where nothing at all could be asked.
    """
    groups: dict[_Fault, list[tuple[ServiceProof, int]]] = {}
    for proof in proofs:
        for fault, count in _faults(proof):
            groups.setdefault(fault, []).append((proof, count))
    for fault, spoilt in groups.items():
        told = [proof for proof, _ in spoilt]
        asked = sum(len(proof.replies) for proof in told)
        figures = f"{sum(count for _, count in spoilt)} of {asked}"
        yield (_refused if fault.reason else _silent)(fault, told, figures, owners)
    if proofs and all(proof.unasked in WHY_UNASKED for proof in proofs):
        yield _unproven(proofs)


def _faults(proof: ServiceProof) -> Iterator[tuple[_Fault, int]]:
    """Yield each fault of a service, and how many requests it spoils."""
    service, total = proof.service, len(proof.replies)
    about = service.vip, service.protocol, proof.director
    silent = proof.count("silent")
    if silent and not proof.limited:
        never = proof.never_answered if silent < total else ()
        yield _Fault(*about, None, "", never, silent == total), silent
    refused = (reply for reply in proof.replies if reply.kind == "refused")
    for (mac, reason), count in Counter((each.mac, each.reason) for each in refused).items():
        rips = proof.owners.get(mac or "", ())
        yield _Fault(*about, mac, reason, rips, count == total), count


def _silent(
    fault: _Fault, told: Sequence[ServiceProof], figures: str, owners: MacOwners
) -> Finding:
    said = _said_of_silence(fault, told, figures, owners)
    # A datagram may have no answer, though it is one that is asked for everywhere.
    proven = fault.protocol != "udp"
    message = said.message if proven else f"{said.message}; of UDP silence proves nothing"
    return Finding(
        "SERVICE-SILENT",
        ERROR if proven else WARNING,
        str(fault.rip or fault.vip),
        message,
        vip=fault.vip,
        mac=fault.director,
        rip=fault.rip,
        on=said.on,
        look=said.look,
    )


def _said_of_silence(
    fault: _Fault, told: Sequence[ServiceProof], figures: str, owners: MacOwners
) -> _Said:
    services, at_director = _services(told), f"lvsdr director verify; {fault.firewall}"
    if fault.director is None:
        return _Said(f"{services}: {figures} connections are not answered", _BEYOND)
    lost = f"{services}: {figures} first packets are not answered"
    if fault.whole:
        protocol = "ARP" if fault.vip is None or fault.vip.version == 4 else "ND"
        who = f"{_host(fault.director, owners)} answers {protocol} for the VIP"
        why = f"its firewall drops them, or {_nobody_behind(told)}"
        return _Said(f"{lost}, though {who}: {why}", at_director, "the director")
    if not fault.rips:
        others = f"{lost}; every real server that was met answered others"
        return _Said(others, at_director, "the director")
    many = "" if fault.rip else "s"
    return _Said(
        f"{lost}: nothing comes from real server{many} {_listed(fault.rips)}",
        f"lvsdr realserver verify; {fault.firewall}",
        str(fault.rip or "each of these real servers"),
    )


def _nobody_behind(told: Sequence[ServiceProof]) -> str:
    pinned = next((proof.pinned for proof in told if proof.pinned), "")
    if pinned:
        return f"the one real server that this host is given to ({pinned}) does not answer"
    return "none of its real servers answers"


def _refused(
    fault: _Fault, told: Sequence[ServiceProof], figures: str, owners: MacOwners
) -> Finding:
    how = _WORDS.get(fault.reason, fault.reason)
    rest = _LIMITED if any(proof.limited for proof in told) else ""
    said = _said_of_refusal(fault, told, f"{figures} ({how}{rest})", owners)
    return Finding(
        "SERVICE-REFUSED",
        ERROR,
        str(fault.rip or fault.vip),
        said.message,
        vip=fault.vip,
        mac=fault.mac,
        rip=fault.rip,
        on=said.on,
        look=said.look,
    )


def _said_of_refusal(
    fault: _Fault, told: Sequence[ServiceProof], figures: str, owners: MacOwners
) -> _Said:
    services = _services(told)
    if fault.director is None or fault.mac is None:
        return _Said(f"{services}: connections are refused, {figures}", _BEYOND)
    who = _host(fault.mac, owners)
    if fault.mac == fault.director:
        why = _BY_DIRECTOR.get(fault.reason, "its firewall")
        look = f"lvsdr director verify; {fault.firewall}; ipvsadm -Ln"
        return _Said(f"{services}: {who} itself refuses {figures}: {why}", look, "the director")
    if fault.rips:
        who = f"real server {_listed(fault.rips)} ({fault.mac})"
    why = _BY_REAL_SERVER.get(fault.reason, "its firewall")
    service, look = told[0].service, fault.firewall
    if fault.protocol == "udp" and fault.reason == "port":
        why = _BY_REAL_SERVER["reset"]
    if why == _BY_REAL_SERVER["reset"]:
        look = f"who listens: ss {_SOCKETS[service.protocol]} 'sport = :{service.port}'"
    elif fault.reason == "unreachable":
        look = f"lvsdr realserver verify; who holds it: ip address show to {fault.vip}"
    return _Said(f"{services}: {who} refuses {figures}: {why}", look, str(fault.rip or fault.mac))


def _unproven(proofs: Sequence[ServiceProof]) -> Finding:
    why = {proof.unasked: WHY_UNASKED[proof.unasked] for proof in proofs}
    return Finding(
        "SERVICE-UNPROVEN",
        WARNING,
        str(proofs[0].service),
        f"no service could be asked ({_services(proofs)}): {'; '.join(why.values())}",
        look="a client's own requests; on the director, lvsdr director verify",
    )


def _host(mac: str, owners: MacOwners) -> str:
    """Return a name for the host of a MAC: its address where one is known."""
    known = mac in owners.dips or mac in owners.rips
    return f"{owners.host(mac)} ({mac})" if known else f"the host at {mac}"


def _services(proofs: Iterable[ServiceProof]) -> str:
    return _listed(dict.fromkeys(proof.service for proof in proofs))


def _listed(many: Iterable[object]) -> str:
    names = list(map(str, many))
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join((*names[:_SHOWN], *more))
