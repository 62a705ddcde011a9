"""A scrape reads no more of a large table than it has to tell of, and tells the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fake import FakeSession, host
from lvsdr.cli.figures_of_host import host_figures
from lvsdr.model.folded_servers import PartlyRead
from lvsdr.model.ipvs import RealServer
from lvsdr.model.metric import Gauge
from lvsdr.profile import reader
from lvsdr.render.gauges_of_host import gauges
from test_cli import DIP, Run
from test_folded_servers import director, service

NOTHING = director(service(80, 1, 2, 3), service(81, 4, 5), service(82, 6))


@pytest.fixture
def session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> FakeSession:
    session = FakeSession(host(DIP), tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0)
        file = tmp_path / "director.json"
        file.write_text(json.dumps(NOTHING), encoding="utf-8")
        assert Run(capsys, session, "director", "apply", str(file)).code == 0
    return session


def told(session: FakeSession, file: Path, *, partly: bool) -> list[Gauge]:
    """Return what a scrape tells, in an order that does not depend on how it was read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0 if partly else 1 << 30)
        figures = host_figures(session, [file], proven=False)
    return [
        replace(each, samples=tuple(sorted(each.samples, key=lambda it: str(it.labels))))
        for each in gauges(figures)
    ]


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Give what was read as a whole though it was known."""
    seen: list[object] = []
    whole = PartlyRead.whole

    def noted(servers: PartlyRead) -> Sequence[RealServer]:
        seen.append(servers)
        return whole(servers)

    monkeypatch.setattr(PartlyRead, "whole", noted)
    yield seen


def test_of_a_table_as_it_was_left_no_real_server_is_read(
    session: FakeSession, tmp_path: Path, unread: list[object]
) -> None:
    partly = told(session, tmp_path / "director.json", partly=True)

    assert unread == []
    assert partly == told(session, tmp_path / "director.json", partly=False)
    (numbers,) = (each for each in partly if each.name == "lvsdr_real_servers")
    serving = {it.labels["local_port"]: it.value for it in numbers.samples if it.value}
    assert serving == {"80": 3, "81": 2, "82": 1}


@pytest.mark.parametrize("what", ["drained", "drift", "lost", "new text", "fewer", "record gone"])
def test_whatever_has_become_of_it_is_told_as_if_all_had_been_read(
    what: str, session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, kernel, book = tmp_path / "director.json", session.kernel(), session.book()
    servers = [each for each in kernel.objects.values() if isinstance(each, RealServer)]
    if what == "drained":
        words = ("--rip", "192.168.1.20", "--timeout", "0")
        assert Run(capsys, session, "director", "drain", *words, str(file)).code in {0, 1}
    elif what == "drift":
        kernel.objects[servers[1].key] = replace(servers[1], weight=77)
    elif what == "lost":
        del kernel.objects[servers[1].key]
    elif what == "new text":
        file.write_text(json.dumps(director(service(80, 1, 2, 9), service(81, 4, 5))), "utf-8")
    elif what == "fewer":
        file.write_text(json.dumps(director(service(81, 4, 5))), "utf-8")
    else:
        book.path.unlink()

    partly = told(session, file, partly=True)

    assert partly == told(session, file, partly=False)
    assert partly
