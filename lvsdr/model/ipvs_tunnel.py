"""What IPVS puts a packet into on its way to a real server: IP, UDP or GRE."""

from __future__ import annotations

TUNNEL_TYPES = ("ipip", "gue", "gre")
TUNNEL_CHECKSUMS = ("none", "csum", "remcsum")
Tunnel = tuple[int, int, int]
"""The kernel's type, port (host byte order) and flags of a tunnel."""
IPIP_TUNNEL: Tunnel = (0, 0, 0)


def tunnel_in_words(kind: int, port: int, flags: int) -> str:
    """Return a tunnel that is not plain IPIP: its type, port and checksum."""
    if not (kind or port or flags):
        return ""
    name = TUNNEL_TYPES[kind] if kind < len(TUNNEL_TYPES) else f"tunnel type {kind}"
    checks = [each for bit, each in ((1, "csum"), (2, "remcsum")) if flags & bit]
    return ", ".join([f"{name} port {port}" if port else name, *checks])
