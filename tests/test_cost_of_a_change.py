"""What it costs to take one real server out, or back: it does not grow with all the others."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from lvsdr.core import book as books
from lvsdr.core.folding import known_texts
from lvsdr.core.record import Record
from lvsdr.core.unfolding import unfolded
from lvsdr.keeper.kept_profile import KeptProfile
from lvsdr.keeper.record_hands import RecordHands
from lvsdr.model.health import REMOVE, WEIGHT, Down, Health
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile import reader
from lvsdr.profile.reader import read
from test_folded_servers import Place, director, service

ROOMS = ("/lvsdr/core/", "/lvsdr/keeper/")
# Where a change costs nothing for each of the others but the bytes of the record, there are a few
# calls for each of runs of them.
MOST_EACH = 3.0


@pytest.fixture(autouse=True)
def small_is_large() -> Iterator[None]:
    """Read small profiles as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0)
        yield
    books._LAST.clear()


class Kept:
    """A host with so many services of two real servers, and what a keeper carries out there."""

    def __init__(self, folder: Path, services: int) -> None:
        self.place = Place(folder)
        data = director(*(service(1000 + number, 1, 1) for number in range(services)))
        self.place.apply(data)
        path = folder / "web.json"
        path.write_text(json.dumps(data))
        self.kept = KeptProfile(path, self._read, self.place.book)
        self.kept.take(self._read(path))
        self.hands = RecordHands(self.kept, self.place.kernel, self.place.book)
        self.hands.warm_up()
        assert isinstance(self.kept.profile, DirectorProfile)
        self.keys = [each.key for each in self.kept.profile.real_servers]

    def _read(self, path: Path) -> Profile:
        made = read(path, "director", known=lambda: known_texts(self.place.book))
        assert isinstance(made, DirectorProfile)
        return replace(made, health=Health())

    def set(self, number: int, how: Down | None) -> None:
        self.hands.out()
        self.hands.carry_out({self.keys[number]: how})

    def read_anew(self, *, folding: bool = False) -> Record:
        """Return the record as whoever knows nothing of it reads it."""
        last = dict(books._LAST)
        books._LAST.clear()
        found = self.place.book.load(folding=folding)
        books._LAST.update(last)
        return found


def calls(work: Callable[[], None]) -> int:
    """Return how many functions are called in the rooms that keep the record, the last time."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        if event in {"call", "c_call"} and any(it in frame.f_code.co_filename for it in ROOMS):
            count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("action", [WEIGHT, REMOVE])
def test_what_a_change_costs_does_not_grow_with_the_services(tmp_path: Path, action: str) -> None:
    found = list[tuple[int, int]]()
    for services in (64, 320):
        (folder := tmp_path / str(services)).mkdir()
        kept = Kept(folder, services)
        # What is made once is made.
        kept.set(3, Down(1, "is silent", action=action))
        out = calls(partial(kept.set, 40, Down(1, "is silent", action=action)))
        found.append((out, calls(partial(kept.set, 40, None))))

    grown = [(more - few) / 256 for few, more in zip(*found, strict=True)]
    assert max(grown) < MOST_EACH, (found, grown)


def test_what_is_known_without_reading_is_what_is_read(tmp_path: Path) -> None:
    kept = Kept(tmp_path, 20)
    book = kept.place.book

    for number in range(0, 40, 3):
        kept.set(number, Down(number, "is silent", action=(WEIGHT, REMOVE)[number % 2]))
        assert book.load(folding=True) == kept.read_anew(folding=True)
        assert unfolded(book.load(folding=True), ()) == kept.read_anew()
    for number in range(0, 40, 3):
        kept.set(number, None)
        assert book.load(folding=True) == kept.read_anew(folding=True)
        assert unfolded(book.load(folding=True), ()) == kept.read_anew()


def test_a_record_that_somebody_else_has_written_is_read(tmp_path: Path) -> None:
    kept = Kept(tmp_path, 4)
    kept.set(0, Down(1, "is silent"))
    path = kept.place.book.path
    path.write_text(path.read_text().replace("is silent", "is dead: "))

    assert [each.why for each in kept.hands.out().down.values()] == ["is dead: "]
