"""What is too long for a tunnel: clients send what the real server allows, and it allows more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.path import Path, Proof
from lvsdr.rules.host.tunnel_ends import longest_segment

Where = tuple[IPAddress, IPAddress, int, int]


def too_long(proofs: Iterable[Proof]) -> Iterator[Finding]:
    """Yield the VIPs of real servers behind a tunnel that want longer segments than fit into it.

    The director answers a long packet with ICMP, and the client sends shorter ones, unless a
    firewall between the two drops the answer: then the connection stands still.
    """
    told: dict[Where, Proof] = {}
    for proof in proofs:
        path, fits = proof.path, _fits(proof)
        if fits is not None and proof.segment is not None and proof.segment > fits:
            assert path.vip is not None, "a tunnel's packet is one for a VIP"
            told.setdefault((path.rip, path.vip, proof.segment, fits), proof)
    for (rip, vip, segment, fits), proof in told.items():
        yield Finding(
            "TUNNEL-MTU",
            WARNING,
            str(rip),
            f"real server {rip} has clients of {vip} send segments of {segment} bytes, and {fits}"
            f" fit into its tunnel (MTU {proof.mtu}): longer packets are lost where ICMP is"
            " filtered",
            _clamp(proof.path, fits),
            vip=vip,
            rip=rip,
            on=str(rip),
        )


def _fits(proof: Proof) -> int | None:
    path = proof.path
    if path.method != "tunnel" or path.vip is None or not proof.mtu:
        return None
    return longest_segment(path.tunnel, path.vip.version, path.rip.version, proof.mtu)


def _clamp(path: Path, fits: int) -> str:
    assert path.vip is not None, "a tunnel's packet is one for a VIP"
    program = "iptables" if path.vip.version == 4 else "ip6tables"
    return (
        f"{program} -t mangle -A OUTPUT -s {path.vip} -p tcp --tcp-flags SYN,RST SYN"
        f" -j TCPMSS --set-mss {fits}"
    )
