"""The ledger: a notice is read, written down, under way, settled; and what overtakes it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lvsdr.core.book import Book
from lvsdr.errors import CannotRun
from lvsdr.keepalived import ledger as module
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.vrrp_states import Notice

A_MASTER, A_BACKUP = 'INSTANCE "A" MASTER 100', 'INSTANCE "A" BACKUP 100'
B_MASTER, B_BACKUP = 'INSTANCE "B" MASTER 100', 'INSTANCE "B" BACKUP 100'


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book("test", tmp_path)


def states(ledger: Ledger) -> list[str]:
    return [str(each) for each in ledger.notices().values()]


def test_of_what_was_read_the_last_of_each_instance_is_written_in_its_order(book: Book) -> None:
    ledger = Ledger(book)

    ledger.read([A_MASTER, B_MASTER, "VS [192.0.2.10]:tcp:80 UP", A_BACKUP])
    before = states(ledger)
    keys = ledger.write_down()

    assert before == []
    assert keys == {"INSTANCE A", "INSTANCE B"}
    assert states(ledger) == ["INSTANCE B MASTER", "INSTANCE A BACKUP"]
    assert ledger.write_down() == set()


def test_what_could_not_be_written_down_stays_read(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise CannotRun("cannot write: no space left on device (ENOSPC)")

    ledger = Ledger(book)
    ledger.read([A_MASTER, B_BACKUP])
    with monkeypatch.context() as broken:
        broken.setattr(module, "replace_file", full)
        with pytest.raises(CannotRun):
            ledger.write_down()
    before = states(ledger)

    ledger.write_down()

    assert (before, states(ledger)) == ([], ["INSTANCE A MASTER", "INSTANCE B BACKUP"])


def test_a_line_that_is_refused_is_told_once_as_every_line(book: Book) -> None:
    ledger = Ledger(book)

    ledger.read(['INSTANCE "\x07" MASTER 100', A_MASTER])
    lines, refused = ledger.untold()

    assert lines == ['INSTANCE "\x07" MASTER 100', A_MASTER]
    assert [each.message[:20] for each in refused] == ["cannot take the name"]
    assert ledger.untold() == ([], [])


def test_who_follows_one_name_has_nothing_to_do_with_another(book: Book) -> None:
    ledger = Ledger(book, name="A")
    Ledger(book).add(Notice("INSTANCE", "B", "MASTER", told_at=1))

    ledger.read([A_BACKUP, B_MASTER])
    ledger.write_down()

    assert states(ledger) == ["INSTANCE A BACKUP"]
    assert ledger.masters() == []


@pytest.mark.parametrize(
    ("under_way", "more", "expected"),
    [
        pytest.param(A_MASTER, [], False, id="nothing newer"),
        pytest.param(A_MASTER, [A_MASTER], False, id="the same again"),
        pytest.param(A_MASTER, [B_MASTER], False, id="the same of another"),
        pytest.param(A_MASTER, [A_BACKUP], True, id="the opposite"),
        pytest.param(A_MASTER, [B_BACKUP], True, id="the opposite of another"),
        pytest.param(A_MASTER, [A_BACKUP, A_MASTER], False, id="there and back"),
        pytest.param(A_BACKUP, [B_MASTER], True, id="to be the director after all"),
        pytest.param(A_BACKUP, ['INSTANCE "A" FAULT 100'], False, id="one that is none either"),
    ],
)
@pytest.mark.parametrize("by_another_run", [False, True])
def test_what_is_under_way_is_overtaken_by_the_opposite(
    book: Book, under_way: str, more: list[str], expected: bool, by_another_run: bool
) -> None:
    later = list(more)
    ledger = Ledger(book, more=lambda: [] if by_another_run else [later.pop(0) for _ in more])
    ledger.read([under_way])
    ledger.write_down()
    ledger.begin(*ledger.notices().values())
    if by_another_run:
        another = Ledger(book)
        another.read(more)
        another.write_down()

    assert ledger.overtaken() == expected


def test_nothing_is_overtaken_where_nothing_is_under_way(book: Book) -> None:
    ledger = Ledger(book, more=lambda: [A_BACKUP])

    assert not ledger.overtaken()


@pytest.mark.parametrize(
    ("read", "assumed", "expected"),
    [
        ([], "STOP", ["INSTANCE A STOP"]),
        ([], "MASTER", ["INSTANCE A MASTER"]),
        ([B_MASTER], "MASTER", ["INSTANCE A MASTER", "INSTANCE B MASTER"]),
        ([B_BACKUP], "MASTER", ["INSTANCE A MASTER", "INSTANCE B BACKUP"]),
        ([A_BACKUP], "MASTER", ["INSTANCE A BACKUP"]),
        ([B_MASTER, A_MASTER], "STOP", ["INSTANCE B MASTER", "INSTANCE A MASTER"]),
    ],
)
def test_what_is_assumed_of_a_master_comes_before_what_was_read(
    book: Book, read: list[str], assumed: str, expected: list[str]
) -> None:
    ledger = Ledger(book)
    ledger.settle(ledger.add(Notice("INSTANCE", "A", "MASTER", told_at=1)))

    ledger.read(read)
    ledger.assume(assumed)
    ledger.write_down()

    assert states(ledger) == expected


def test_a_ledger_of_an_earlier_version_is_read_and_written_as_it_was(book: Book) -> None:
    entry = {"state": "MASTER", "born": 7, "number": 3, "settled": True}
    told = {"/a": {"INSTANCE A b": entry}}
    ledger = Ledger(book, "/a")
    ledger.path.write_text(json.dumps({"format": "lvsdr/ledger/2", "told": told}))

    seen = ledger.newest("INSTANCE A b")
    ledger.add(Notice("GROUP", "G", "BACKUP", priority=50, told_at=9))

    assert seen == Notice("INSTANCE", "A b", "MASTER", told_at=7, number=3, settled=True)
    kept = json.loads(ledger.path.read_text())["told"]["/a"]
    assert kept["INSTANCE A b"] == entry
    assert kept["GROUP G"] == {"state": "BACKUP", "born": 9, "number": 4, "settled": False}


def test_what_a_notice_became_is_not_settled_by_an_older_one(book: Book) -> None:
    ledger = Ledger(book)
    old = ledger.add(Notice("INSTANCE", "A", "MASTER", told_at=1))
    new = ledger.add(replace(old, state="BACKUP", told_at=2))

    ledger.settle(old)

    assert ledger.newest("INSTANCE A") == new
    assert not new.settled
