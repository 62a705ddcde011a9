"""Folders of files: profile, observed and baseline → plan; a new case needs no code.

A folder below tests/cases holds `profile.json` (or none, for a withdrawal), `observed.json` (the
host: links, addresses and objects; sysctls of links count as objects), `baseline.json` (how
things were before lvsdr, and what this profile claims) and `plan.txt`, the expected lines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fake import FakeKernel
from lvsdr.core.book import Book
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.record import Record, owner_of
from lvsdr.core.situation import Situation
from lvsdr.core.withdrawal import plan_withdrawal
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.objects import keyed
from lvsdr.model.plain_data import from_plain
from lvsdr.model.profile import Profile
from lvsdr.profile.reader import read

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """One folder."""

    path: Path

    @cached_property
    def profile(self) -> Profile:
        return read(self.path / "profile.json")

    @property
    def withdraws(self) -> bool:
        return (self.path / "withdraw").exists()

    @property
    def expected(self) -> list[str]:
        return (self.path / "plan.txt").read_text().splitlines()

    def kernel(self) -> FakeKernel:
        plain = json.loads((self.path / "observed.json").read_text())
        links = {each["name"]: HostLink(**each) for each in plain["links"]}
        kernel = FakeKernel(
            Host(links, tuple(map(_address, plain.get("addresses", [])))),
            keyed(map(_object, plain.get("objects", []))),
        )
        kernel.takes_along = False
        return kernel

    def book(self, root: Path) -> Book:
        """Return a book that holds the case's baseline."""
        book = Book("case", root)
        record = self._record()
        if record != Record():
            book.save(record)
        return book

    def situation(self, kernel: FakeKernel, book: Book) -> Situation:
        return (plan_withdrawal if self.withdraws else plan_apply)(self.profile, kernel, book)

    def _record(self) -> Record:
        path = self.path / "baseline.json"
        if not path.exists():
            return Record()
        plain = json.loads(path.read_text())
        owner = owner_of(self.profile)
        claims = {owner: keyed(map(_object, plain["claims"]))}
        claims |= {
            other: keyed(map(_object, items)) for other, items in plain.get("others", {}).items()
        }
        before = keyed(map(_object, plain["before"]))
        keys = {key for objects in claims.values() for key in objects}
        return Record({key: before.get(key) for key in keys}, claims)


def all_cases() -> list[Case]:
    return [Case(path) for path in sorted(FOLDER.iterdir()) if path.is_dir()]


def _object(plain: dict[str, Any]) -> Any:
    fields = {name: value for name, value in plain.items() if name != "object"}
    return from_plain(plain["object"], fields)


def _address(plain: dict[str, str]) -> HeldAddress:
    from ipaddress import ip_interface

    return HeldAddress(plain["link"], ip_interface(plain["ip"]))
