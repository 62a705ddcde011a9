"""Lines for the journal begin with their priority; nobody else's do."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from fake import FakeSession, host
from lvsdr.cli.journal_priorities import ERROR, INFO, NOTICE, WARNING, priority
from lvsdr.cli.main import run
from lvsdr.cli.nonblocking_output import NonblockingOutput


@pytest.fixture
def stream() -> Iterator[TextIO]:
    end, beginning = os.pipe()
    with os.fdopen(end), os.fdopen(beginning, "w") as writer:
        yield writer


def name_of(stream: TextIO) -> str:
    seen = os.fstat(stream.fileno())
    return f"{seen.st_dev}:{seen.st_ino}"


def test_each_severity_has_the_priority_of_syslog(
    stream: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", name_of(stream))

    found = [priority(each, stream) for each in (ERROR, WARNING, NOTICE, INFO)]

    assert found == ["<3>", "<4>", "<5>", "<6>"]


@pytest.mark.parametrize("named", [None, "", "1:1", "no numbers"])
def test_another_stream_than_the_journals_has_none(
    named: str | None, stream: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """keepalived's hooks have the variable of keepalived, and a stream of their own."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if named is not None:
        monkeypatch.setenv("JOURNAL_STREAM", named)

    assert priority(ERROR, stream) == ""


def test_a_stream_of_pythons_alone_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")

    assert priority(ERROR, io.StringIO()) == ""


def test_each_line_of_several_has_it(stream: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", name_of(stream))
    monkeypatch.setattr(sys, "stdout", stream)
    lines = NonblockingOutput()
    lines.say("one", "two", severity=ERROR)
    lines.say("three")

    assert lines.end() == 0
    stream.flush()
    text = os.read(os.open(f"/proc/self/fd/{stream.fileno()}", os.O_RDONLY | os.O_NONBLOCK), 999)
    assert text.decode() == "<3>one\n<3>two\n<5>three\n"


def test_why_a_command_failed_is_an_error_of_the_journals(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the units that run once, too, each line, with its notes and hints."""
    profile = tmp_path / "director.json"
    profile.write_text('{"role": "director"', encoding="utf-8")
    with os.fdopen(os.dup(2), "w") as errors:
        monkeypatch.setattr(sys, "stderr", errors)
        monkeypatch.setenv("JOURNAL_STREAM", name_of(errors))
        code = run(["director", "apply", str(profile)], FakeSession(host(), tmp_path / "run"))

    told = capfd.readouterr().err.splitlines()
    assert code == 2
    assert len(told) > 1
    assert {line[:3] for line in told} == {"<3>"}
