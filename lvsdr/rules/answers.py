"""What the answers on the wire mean: who speaks for a VIP, and who should."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, Answer, Finding

PROXY = {
    "ARP": "on that host: ip neighbour show proxy; sysctl -a -r proxy_arp",
    "ND": "on that host: ip -6 neighbour show proxy; sysctl -a -r proxy_ndp",
}
APPLY = "on that host: lvsdr realserver apply; then on the director: lvsdr director announce"


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that was heard about the VIPs; `rips` say which real server a MAC belongs to.

    `heard` holds what this host answers as well, in the form "self".
    """

    heard: frozenset[Answer]
    rips: Mapping[str, IPAddress]

    def forms(self, vip: IPAddress) -> Mapping[str, frozenset[str]]:
        """Return the MACs that spoke for `vip`, and in which forms."""
        spoken: dict[str, set[str]] = {}
        for answer in self.heard:
            if answer.address == vip:
                spoken.setdefault(answer.mac, set()).add(answer.form)
        return {mac: frozenset(forms) for mac, forms in spoken.items()}


def answers(vips: Iterable[IPAddress], hearing: Hearing) -> Iterator[Finding]:
    """Yield a finding for each real server that spoke for a VIP, and where not one director did."""
    for vip in vips:
        spoken = hearing.forms(vip)
        for mac, forms in sorted(spoken.items()):
            if mac in hearing.rips:
                yield _real_server(vip, mac, hearing.rips[mac], forms)
        directors = sorted(mac for mac in spoken if mac not in hearing.rips)
        if not directors:
            yield _nobody(vip)
        if len(directors) > 1:
            yield _several(vip, directors, bool(hearing.rips))


def _real_server(vip: IPAddress, mac: str, rip: IPAddress, forms: frozenset[str]) -> Finding:
    protocol = _protocol(vip)
    who = f"real server {rip} ({mac})"
    if forms == {"overheard"}:
        rule, message = "SPEAKS", f"{who} speaks in the name of {vip} without being asked"
    elif forms == {"own"} and vip.version == 4:
        # A proxy is not asked by the 0.0.0.0 form.
        rule, message = "PROXY", f"{who} answers ARP for {vip} as a proxy"
    else:
        rule, message = (
            "ANSWER",
            f"{who} answers {protocol} for {vip}: traffic bypasses the director",
        )
    return Finding(
        f"{protocol}-{rule}",
        ERROR,
        str(rip),
        message,
        PROXY[protocol] if rule == "PROXY" else APPLY,
        vip=vip,
        mac=mac,
        rip=rip,
    )


def _nobody(vip: IPAddress) -> Finding:
    return Finding(
        f"{_protocol(vip)}-NOBODY",
        ERROR,
        str(vip),
        f"nobody answers {_protocol(vip)} for {vip}: no router can reach it",
        "on the director: lvsdr director apply",
        vip=vip,
    )


def _several(vip: IPAddress, macs: list[str], rips_known: bool) -> Finding:
    who = "hosts that are no real servers" if rips_known else "hosts"
    # Without the RIPs one of them may be a real server, and the director must not be the one to go.
    hint = (
        "take the VIP from all but the active director: on the other, lvsdr director withdraw"
        if rips_known
        else "no RIP is known to tell them by: lvsdr verify DIRECTOR-PROFILE, the real servers up"
    )
    return Finding(
        f"{_protocol(vip)}-TWO-DIRECTORS",
        ERROR,
        str(vip),
        f"{len(macs)} {who} answer for {vip}: {', '.join(macs)}",
        hint,
        vip=vip,
        mac=macs[0],
    )


def _protocol(vip: IPAddress) -> str:
    return "ARP" if vip.version == 4 else "ND"
