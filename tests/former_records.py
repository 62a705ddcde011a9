"""Records as versions before this one wrote them."""

import json
from typing import Any

from lvsdr.core.book import Book
from lvsdr.core.record_decoding import FORMER
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import Key


def make_former(book: Book, *new: str) -> None:
    """Make the record of `book` one of lvsdr/baseline/2, without the entries `new`."""
    plain = json.loads(book.path.read_text())
    absent = [key for key, before in book.load().baseline.items() if before is None]
    kept = {name: each for name, each in plain.items() if name not in new}
    former = {**kept, "format": FORMER, "absent": list(map(_entry, absent))}
    book.path.write_text(json.dumps(former))


def _entry(key: Key) -> list[Any]:
    *head, rip, port = key
    return [*head, [rip], port] if key[0] == RealServer.kind else list(key)
