"""What to ask a UDP service: a question that it answers, where its port tells which; else nothing.

An empty datagram harms nobody, and most services have nothing to say to it.
"""

from __future__ import annotations

from typing import Protocol

DNS, NTP = 53, 123
# RFC 1035, 4.1: one question, recursion desired; for the name servers of the root, in class IN.
_DNS_HEADER, _ROOT = bytes.fromhex("0100 0001 0000 0000 0000"), bytes.fromhex("00 0002 0001")
_DNS_SIZE = 12
# RFC 5905, 7.3: version 4, mode 3 (client); our transmit timestamp comes back as the origin's.
_NTP_START, _NTP_SIZE, _ORIGIN = bytes([0x23]) + bytes(39), 48, slice(24, 32)


class Secret(Protocol):
    """What is unpredictable for each probe."""

    @property
    def cookie(self) -> bytes: ...


def question(port: int, secret: Secret) -> bytes:
    """Return the data of a datagram to `port`."""
    if port == DNS:
        return expected(port, secret) + _DNS_HEADER + _ROOT
    if port == NTP:
        return _NTP_START + expected(port, secret)
    return b""


def expected(port: int, secret: Secret) -> bytes:
    """Return what an answer from `port` has to repeat."""
    if port == DNS:
        # Not 0 at its start: that is how a tunnel's packet begins.
        return bytes([secret.cookie[0] | 0x80, secret.cookie[1]])
    return secret.cookie if port == NTP else b""


def repeated(port: int, data: bytes) -> bytes | None:
    """Return what an answer from `port` repeats; None where it is not of the port's protocol."""
    if port == DNS and len(data) >= _DNS_SIZE:
        return data[:2]
    return data[_ORIGIN] if port == NTP and len(data) >= _NTP_SIZE else None
