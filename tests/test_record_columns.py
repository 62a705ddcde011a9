"""The columns of a record: never otherwise than if all of it had been read, whatever is in it."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsdr.core import book as books
from lvsdr.core.book import Book
from lvsdr.core.columns_on_disk import START
from lvsdr.core.record import Record
from lvsdr.core.unfolding import unfolded
from lvsdr.errors import CannotRun
from lvsdr.model.file_window import ROOM, FileWindow
from lvsdr.model.folded_servers import Mark
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import keyed

VIP = ip_address("192.0.2.10")
OWNER = "director:web"


def record_of(*counts: int) -> Record:
    """Return the record of a profile whose services have so many real servers each, all marked."""
    services = [Service("tcp", VIP, 80 + number) for number in range(len(counts))]
    services[-1] = Service("fwmark", fwmark=7, family="inet6")
    servers = [
        RealServer(service, ip_address(f"10.{n // 250}.0.{n % 250 + 1}"), service.port, n % 7)
        for service, count in zip(services, counts, strict=True)
        for n in range(count)
    ]
    wanted = keyed((*map(VirtualServer, services), *servers))
    made = Record().claim(OWNER, wanted, {}).settle(OWNER, wanted)
    marks = {
        service.key: Mark(f"said {service}", f"listed {service}", count)
        for service, count in zip(services, counts, strict=True)
    }
    return replace(made, marks={OWNER: marks})


def in_part(book: Book) -> Record:
    """Return a record that is read as far as it has to be, and then the rest of it."""
    books._LAST.clear()
    return unfolded(book.load(folding=True), ())


def as_a_whole(book: Book) -> Record:
    books._LAST.clear()
    return book.load()


def outcome(load: Callable[[Book], Record], book: Book) -> object:
    try:
        record = load(book)
    except CannotRun:
        return CannotRun
    # Marks are written in another order where some were folded.
    return record, list(record.notes)


def test_what_is_folded_is_read_and_written_without_its_columns(tmp_path: Path) -> None:
    book, record = Book("ns", tmp_path), record_of(3, 2, 1)
    book.save(record)
    before = book.path.read_bytes()

    loaded = book.load(folding=True)
    other = replace(loaded, given_back={"a": frozenset({("x",)})})
    book.save(other)

    assert len(loaded.folded[OWNER]) == 3
    assert (
        book.path.read_bytes().partition(START.encode())[2] == (before.partition(START.encode())[2])
    )
    assert in_part(book) == as_a_whole(book) == unfolded(other, ())
    assert book.load().claims == record.claims


def test_columns_are_those_of_the_record_that_was_read_though_it_was_replaced(
    tmp_path: Path,
) -> None:
    book, record = Book("ns", tmp_path), record_of(3, 2, 1)
    book.save(record)
    loaded = book.load(folding=True)
    book.save(record_of(1, 1, 4))

    assert unfolded(loaded, ()).claims == record.claims
    book.save(loaded)
    assert book.load().claims == record.claims


def test_some_that_are_folded_stand_beside_others_that_are_not(tmp_path: Path) -> None:
    book, record = Book("ns", tmp_path), record_of(3, 2, 5, 1, 4)
    book.save(record)
    for kept in ({0, 1, 3}, {2}, {0, 4}, set(), {1, 2, 3}):
        books._LAST.clear()
        loaded = book.load(folding=True)
        services = list(loaded.folded[OWNER].values())
        book.save(unfolded(loaded, {services[number].mark.said for number in kept}))

        assert in_part(book) == as_a_whole(book)
        assert book.load().claims == record.claims


def test_more_columns_than_are_looked_at_at_once(tmp_path: Path) -> None:
    """In one service there are more than a buffer holds, and all are more than are copied."""
    book, record = Book("ns", tmp_path), record_of(40, 12_000, 7, 9_000)
    book.save(record)
    loaded = book.load(folding=True)
    book.save(replace(loaded, given_back={"a": frozenset({("x",)})}))

    assert book.path.stat().st_size > 2 * ROOM
    assert in_part(book).claims == as_a_whole(book).claims == record.claims


def replaced(text: bytes, chosen: random.Random, by: bytes) -> bytes:
    place = chosen.randrange(len(text))
    return text[:place] + by + text[place + 1 :]


def inserted(text: bytes, chosen: random.Random, more: bytes) -> bytes:
    place = chosen.randrange(len(text))
    return text[:place] + more + text[place:]


def swapped(text: bytes, chosen: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    one, two = chosen.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]
    return b"".join(lines)


def twice(text: bytes, chosen: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    place = chosen.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


DAMAGE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a byte": lambda text, chosen: replaced(text, chosen, bytes([chosen.randrange(256)])),
    "a digit": lambda text, chosen: replaced(text, chosen, str(chosen.randrange(10)).encode()),
    "a byte less": lambda text, chosen: replaced(text, chosen, b""),
    "a blank more": lambda text, chosen: inserted(text, chosen, b" "),
    "a line more": lambda text, chosen: inserted(text, chosen, b"\n"),
    "a bracket more": lambda text, chosen: inserted(text, chosen, chosen.choice((b"]", b"}"))),
    "cut off": lambda text, chosen: text[: chosen.randrange(len(text))],
    "two lines the other way": swapped,
    "a line twice": twice,
    "written anew": lambda text, _: json.dumps(json.loads(text)).encode(),
    "indented": lambda text, _: json.dumps(json.loads(text), indent=1).encode(),
    "no columns": lambda text, _: text.partition(START.encode())[0] + b"}\n",
    "columns twice": lambda text, _: text[:-2] + START.encode() + b"{}\n]}\n",
    "more after it": lambda text, _: text + b"{}",
    "a blank after it": lambda text, _: text + b"\n",
    "other line ends": lambda text, _: text.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_says_the_same_in_part_and_as_a_whole(
    tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    book, chosen = Book("ns", tmp_path), random.Random(1)
    book.save(record_of(3, 2, 1))
    text = book.path.read_bytes()
    for _ in range(60):
        book.path.write_bytes(damage(text, chosen))

        assert outcome(in_part, book) == outcome(as_a_whole, book)


def test_columns_that_change_while_they_are_needed_are_not_trusted(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(record_of(3, 2, 1))
    loaded = book.load(folding=True)
    text = book.path.read_bytes()
    book.path.write_bytes(text.replace(b"10.0.0.1", b"10.0.0.9"))

    with pytest.raises(CannotRun, match="it is not a record of lvsdr"):
        unfolded(loaded, ())


def test_a_window_gives_what_is_ahead_and_less_at_the_end(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(5 * ROOM + 7)
    (tmp_path / "file").write_bytes(content)
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    chosen, place = random.Random(2), 3
    window = FileWindow(descriptor, place)

    while place < len(content):
        size = chosen.choice((1, 64, 1000, ROOM, ROOM + 1, 2 * ROOM))
        assert window.ahead(size) == content[place : place + size]
        step = chosen.randrange(1, size + 1)
        window.skip(min(step, len(content) - place))
        place += step

    assert len(window.ahead(1)) == 0
    os.close(descriptor)
