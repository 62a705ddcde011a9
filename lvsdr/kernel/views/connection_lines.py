"""The lines of /proc/net/ip_vs_conn: where each field is, and how addresses are written there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.client_connections import Conversation

# Of an address in hexadecimal, by its version: that of IPv6 has colons.
_WIDTHS = {4: 8, 6: 39}
_VERSIONS = {width: version for version, width in _WIDTHS.items()}
_PROTOCOL, _HEADER, _FIELDS = 3, b"Pro", 9


class Form(NamedTuple):
    """What the lines of one form have in common, and where in them the parts end.

    `version` is that of the client's and the service's addresses. After the protocol, which ends
    at `start`, the parts are the client, its port, the service, and the state with its time; behind
    them stands what a persistence engine knows. From net/netfilter/ipvs/ip_vs_conn.c:
    "%-3s %08X %04X %08X %04X %08X %04X %-11s %7u", with 39 characters for an address of IPv6.
    """

    protocol: bytes
    version: int
    start: int
    client: int
    client_port: int
    service: int
    end: int


def form(protocol: bytes, version: int, real_version: int) -> Form:
    """Return the form of the lines of a protocol, by the versions of client and real server."""
    start = max(_PROTOCOL, len(protocol)) + 1
    client = start + _WIDTHS[version]
    service = client + 5 + 1 + _WIDTHS[version] + 5
    end = service + 1 + _WIDTHS[real_version] + 25
    return Form(protocol, version, start, client, client + 5, service, end)


# Both have lines of the same length, and no other form has.
_USUAL = (form(b"TCP", 4, 4), form(b"UDP", 4, 4))


def by_form(lines: Sequence[bytes]) -> Iterator[tuple[Form, list[bytes]]]:
    """Yield the lines of each form; the form of most is told by their length."""
    rest: Sequence[bytes] = lines
    for usual in _USUAL:
        end, first = usual.end, usual.protocol[0]
        mine = [line for line in rest if len(line) == end and line[0] == first]
        yield usual, mine
        if len(mine) == len(rest):
            return
        rest = [line for line in rest if len(line) != end or line[0] != first]
    forms: dict[Form, list[bytes]] = {}
    for line in rest:
        if (found := _form_of(line)) is not None:
            forms.setdefault(found, []).append(line)
    yield from forms.items()


def _form_of(line: bytes) -> Form | None:
    """Return the form of a line, None for the header and the empty one at the end."""
    fields = line.split(maxsplit=_FIELDS)
    if len(fields) < _FIELDS or fields[0] == _HEADER:
        return None
    version, real_version = (_VERSIONS.get(len(fields[place])) for place in (1, 5))
    return form(fields[0], version, real_version) if version and real_version else None


def address_in(text: bytes) -> IPAddress:
    """Return the address that is written so."""
    number = int(text.replace(b":", b""), 16)
    return IPv4Address(number) if len(text) == _WIDTHS[4] else IPv6Address(number)


def beginnings(networks: Iterable[IPNetwork], version: int) -> tuple[bytes, ...]:
    """Return how the addresses of `networks` of one version begin."""
    return tuple(
        start for each in networks if each.version == version for start in _beginnings(each)
    )


def start_of(each: Conversation) -> bytes:
    """Return how the line of a conversation begins, up to the port of the service."""
    ends = _written(each.client), each.client_port, _written(each.vip), each.port
    return b"%-3s %s %04X %s %04X" % (each.protocol.upper().encode(), *ends)


def _beginnings(network: IPNetwork) -> Iterator[bytes]:
    """Yield the beginnings of one network: several where it ends within a digit."""
    digits, more = (network.prefixlen + 3) // 4, -network.prefixlen % 4
    step = network.max_prefixlen - 4 * digits
    colons = max(0, digits - 1) // 4 if network.version == 6 else 0
    for number in range(1 << more):
        yield _written(network.network_address + (number << step))[: digits + colons]


def _written(address: IPAddress) -> bytes:
    return (address.exploded if address.version == 6 else f"{int(address):08X}").encode()
