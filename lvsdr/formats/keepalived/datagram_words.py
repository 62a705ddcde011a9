"""Datagrams of keepalived's checks: bytes in hexadecimal, and the question of DNS_CHECK."""

from __future__ import annotations

import re

from lvsdr.formats.keepalived.conf_syntax import Block

LONGEST = 1400
# A header of RFC 1035: an ID, recursion desired, one question.
HEADER = bytes.fromhex("6c76 0100 0001 0000 0000 0000")
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")


def hex_bytes(line: Block | None) -> bytes:
    """Return the bytes that a line has in hexadecimal, up to the first digit that may be any.

    Words of them follow one another; the last digit of an odd number of them is a byte by itself.
    """
    found = bytearray()
    for word in [] if line is None else line.words[1:]:
        for digits in re.findall(r"..?", word):
            if not re.fullmatch(r"[0-9A-Fa-f]{1,2}", digits) or len(found) == LONGEST:
                return bytes(found)
            found.append(int(digits, 16))
    return bytes(found)


def asked_name(name: str, kind: str) -> bytes | None:
    """Return the datagram that asks for a name; None for one that nobody can ask for."""
    labels = [each for each in name.rstrip(".").split(".") if name.rstrip(".")]
    if not all(LABEL.fullmatch(each) for each in labels) or len(name) > 253:
        return None
    number = TYPES.get(kind.upper())
    if number is None:
        return None
    asked = b"".join(bytes([len(each)]) + each.encode() for each in labels) + b"\0"
    return HEADER + asked + number.to_bytes(2) + (1).to_bytes(2)
