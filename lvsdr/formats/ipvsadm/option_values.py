"""The values of ipvsadm's options: numbers, addresses, ports and masks, as it takes them.

Each raises Ends for what ipvsadm refuses, for it reads no further then.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from lvsdr.formats.ipvsadm.option_words import Ends
from lvsdr.model.address import IPAddress, parsed_address
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS

LookUp = Callable[[str], str]
"""From the name of a host to its IPv4 address; raises OSError where it has none."""

# strtol(3) skips blanks and takes a sign.
NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]{1,4000})\Z")
# inet_aton(3) takes one to four parts: decimal, octal or hexadecimal.
USUAL = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
PART = re.compile(r"0[xX][0-9a-fA-F]{1,64}|[0-9]{1,64}")
LARGEST, LARGEST_PORT = 2**31 - 1, 65535
LONGEST_TIMEOUT = 31 * 86400
USUAL_PERSISTENCE = 360
UNNAMED_FLAGS = {"flag-1": 0x08, "flag-2": 0x10, "flag-3": 0x20}


def number(text: str | None, least: int, most: int, what: str) -> int:
    """Return the number that `text` is, from `least` to `most`."""
    found = NUMBER.match(text or "")
    if found is None or not least <= int(found[1][:24]) <= most or len(found[1]) > 24:
        raise Ends(f"{what} is a number from {least} to {most}, not {text}")
    return int(found[1])


def persistence(text: str | None) -> int:
    """Return the seconds that a client stays with its real server."""
    if text is None:
        return USUAL_PERSISTENCE
    return number(text, 1, LONGEST_TIMEOUT, "the timeout of -p")


def fwmark(text: str | None) -> int:
    """Return a firewall mark."""
    return number(text, 1, 2**32 - 1, "a firewall mark")


def ipv4_of(text: str) -> IPv4Address | None:
    """Return the address that inet_aton(3) makes of `text`: 10.1 is 10.0.0.1; None for none."""
    if USUAL.fullmatch(text):
        # Nearly all of them are written so, and many more than once.
        try:
            found = parsed_address(text)
        except ValueError:
            return None
        return found if isinstance(found, IPv4Address) else None
    # What follows a blank does not count.
    parts = text.split(" ", maxsplit=1)[0].split(".")
    if len(parts) > 4 or not all(PART.fullmatch(each) for each in parts):
        return None
    numbers = []
    for each in parts:
        base = 16 if each[:2].lower() == "0x" else 8 if each[0] == "0" else 10
        try:
            numbers.append(int(each, base))
        except ValueError:
            return None
    *first, last = numbers
    if any(each > 255 for each in first) or last >= 256 ** (4 - len(first)):
        return None
    high = sum(each << 8 * (3 - place) for place, each in enumerate(first))
    return IPv4Address(high + last)


def ipv6_of(text: str) -> IPv6Address | None:
    """Return the address that inet_pton(3) makes of `text`, None for none; it knows no zones."""
    if ":" not in text or "%" in text:
        return None
    try:
        return IPv6Address(text)
    except ValueError:
        return None


def place(
    text: str | None, protocol: str, look_up: LookUp, what: str
) -> tuple[IPAddress, int | None]:
    """Return the address and port that `text` is; the port is None where it names none.

    `protocol` is whose names of /etc/services count.
    """
    host, port = _parted(text or "", what)
    address = ipv6_of(host)
    if address is None and port is None and not (text or "").startswith("["):
        # Only what is no IPv6 address is cut at its last colon.
        host, colon, last = host.rpartition(":")
        host, port = (host, last) if colon else (last, None)
    found = address or ipv4_of(host) or _looked_up(host, look_up, text, what)
    return found, None if port is None else port_number(port, protocol, text, what)


def _parted(text: str, what: str) -> tuple[str, str | None]:
    if not text.startswith("["):
        return text, None
    host, closed, rest = text[1:].partition("]")
    if not closed or not rest.startswith(":"):
        raise Ends(f"{what} has a port behind its brackets, not {text}")
    return host, rest[1:]


def _looked_up(host: str, look_up: LookUp, text: str | None, what: str) -> IPv4Address:
    try:
        return IPv4Address(look_up(host))
    except (OSError, ValueError) as error:
        raise Ends(f"{what} is an address that can be found, not {text}") from error


def port_number(text: str, protocol: str, whole: str | None, what: str) -> int:
    """Return the port that `text` is, a number or a name of that protocol in /etc/services."""
    found = NUMBER.match(text)
    if found is not None and len(found[1]) < 24 and 0 <= int(found[1]) <= LARGEST_PORT:
        return int(found[1])
    try:
        return socket.getservbyname(text, protocol)
    except (OSError, ValueError) as error:
        raise Ends(f"{what} has a port that is known here, not {whole}") from error


def netmask(text: str | None, look_up: LookUp) -> IPv4Address:
    """Return the mask of -M for IPv4: an address, so that 24 is 0.0.0.24."""
    host = text or ""
    return ipv4_of(host) or _looked_up(host, look_up, text, "the mask of -M")


def prefix_of(mask: IPv4Address) -> int | None:
    """Return the prefix length that a mask is; None where it is none, as 255.0.255.0."""
    inverse = ~int(mask) & 0xFFFFFFFF
    return None if inverse & (inverse + 1) else 32 - inverse.bit_length()


def prefix6(text: str | None) -> int:
    """Return the prefix length of -M for IPv6: what is behind its digits does not count."""
    found = re.match(r"[ \t\n\v\f\r]*([+-]?[0-9]{1,9})", text or "")
    if found is None or not 1 <= int(found[1]) <= 128:
        raise Ends(f"the prefix length of -M is a number from 1 to 128, not {text}")
    return int(found[1])


def scheduler_flags(text: str | None, scheduler: str) -> int:
    """Return the flags of -b, as one number; `scheduler` is that of -s, empty before it."""
    flags = 0
    for each in filter(None, (text or "").split(",")):
        if each in UNNAMED_FLAGS:
            flags |= UNNAMED_FLAGS[each]
            continue
        if each not in SCHEDULER_FLAGS:
            raise Ends(f"{each} is no flag of a scheduler")
        owner, bit = SCHEDULER_FLAGS[each]
        if scheduler not in ("", owner):
            raise Ends(f"{each} is a flag of {owner}, not of {scheduler}")
        flags |= bit
    return flags
