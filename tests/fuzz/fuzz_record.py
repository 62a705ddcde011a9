"""Fuzz the reader of the record in /run: any bytes are a record or CannotRun, nothing else.

    PYTHONPATH=tests python -m fuzz.fuzz_record -atheris_runs=1000000

It drives lvsdr.core.book.Book._parse, which is all of `load` but the opening of the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from fuzz.mutations import atheris, run

with atheris.instrument_imports(include=["lvsdr", "json", "ipaddress"]):
    from lvsdr.core.book import BOOT_ID, Book
    from lvsdr.core.record import Record
    from lvsdr.core.record_decoding import FORMAT
    from lvsdr.core.record_text import text_of
    from lvsdr.errors import CannotRun
    from lvsdr.model.health import REMOVE, WEIGHT, Down
    from lvsdr.model.ipvs import RealServer, Service, VirtualServer
    from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
    from lvsdr.model.objects import Address, Link, Object, ProxyNeighbour, Route, Sysctl, keyed
    from lvsdr.model.plain_data import KINDS

BOOK = Book("fuzz", Path("/run/lvsdr"))
WEB = Service("tcp", ip_address("192.0.2.10"), 80)
MARK = Service("fwmark", fwmark=7, family="inet6")
OBJECTS: tuple[Object, ...] = (
    Sysctl("net/ipv4/conf/all/arp_ignore", "1"),
    Link("lvsdr0", "dummy", up=True, arp=False),
    Address("lvsdr0", ip_interface("192.0.2.10/32"), "lvsdr0", "host"),
    Address("lvsdr0", ip_interface("2001:db8::2/128"), deprecated=True),
    Route(ip_network("192.0.2.10/32"), 4_294_967_294),
    ProxyNeighbour("eth0", ip_address("192.0.2.10"), there=False),
    ProxyNeighbour("", ip_address("192.0.2.10")),
    ProxyNeighbour("eth0", ip_address("2001:db8::2"), router=True, protocol=4),
    VirtualServer(WEB, "wlc", 300),
    VirtualServer(MARK),
    RealServer(WEB, ip_address("192.0.2.11"), 80),
    RealServer(MARK, ip_address("2001:db8::11"), 0, tunnel=(1, 2, 3)),
    Timeout("tcp_fin", 120),
    SyncDaemon("backup", "eth0", 1, 1452, ip_address("ff02::51"), 8848, 1),
)


def one(raw: bytes) -> None:
    """Read `raw`; what is a record can be written again, and is the same."""
    try:
        record = BOOK._parse(raw)
    except CannotRun as refused:
        assert refused.hints
        assert refused.message.isprintable()
        return
    if not record.notes:
        assert BOOK._parse(written(record)) == record


def written(record: Record) -> bytes:
    """Return `record` as it lies on disk."""
    start = {"format": FORMAT, "boot": BOOT_ID.read_text().strip(), "namespace": BOOK.namespace}
    return "".join(text_of(record, start, None)).encode()


def seeds() -> Iterator[bytes]:
    """Yield records with each kind of object there before and not."""
    for item in OBJECTS:
        for before in ({}, keyed([item])):
            intended = Record().claim("director:a", keyed([item]), before)
            yield written(intended)
            yield written(intended.settle("director:a", keyed([item])))
    record = Record().claim("director:a", keyed(OBJECTS), keyed(OBJECTS[::2]))
    yield written(record.claim("realserver:b", keyed(OBJECTS[:4]), {}))
    claims = keyed(OBJECTS)
    settled = Record().claim("director:a", claims, {}).settle("director:a", claims)
    servers = [item.key for item in OBJECTS if isinstance(item, RealServer)]
    for action in (WEIGHT, REMOVE):
        down = dict.fromkeys(servers, Down(1, "is silent", action=action))
        yield written(settled.downing("director:a", down))
        yield written(Record().downing("director:a", down))


def words() -> Iterator[str]:
    """Yield the names of the kinds and of their fields, and those of a record."""
    yield from ("format", "boot", "namespace", "baseline", "claims", "intents", "down")
    yield from ("key", "before", "object")
    for kind, made in KINDS.items():
        yield kind
        yield from made.__dataclass_fields__
    yield from Service.__dataclass_fields__
    yield from Down.__dataclass_fields__


if __name__ == "__main__":
    run(one, json.loads, lambda data: json.dumps(data).encode(), seeds(), words())
