"""What the tests of `lvsdr import` share: a file, its profiles, and what was told of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run

Document = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What an import has printed as JSON, and its exit code."""

    code: int
    said: Document

    @property
    def profiles(self) -> dict[str, Document]:
        return {each["file"]: each["profile"] for each in self.said["profiles"]}

    @property
    def director(self) -> Document:
        return self.profiles["director.json"]

    @property
    def servers(self) -> list[Document]:
        found: list[Document] = self.director["virtual_servers"]
        return found

    def lost(self, severity: str = "error") -> list[str]:
        """Return the lines of the file of which something is lost, each with what is said."""
        found = [each for each in self.said["findings"] if each["rule"] == "IMPORT-LOST"]
        return [
            f"{each['subject'].rpartition(':')[2]}: {each['message'].partition(': ')[2]}"
            for each in found
            if each["severity"] == severity
        ]


class Importer:
    """Imports files as the program does, on a host that nobody looks at."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        """Return the exit code of `lvsdr import`, and what was printed and said."""
        session = FakeSession(host(), self.folder / "run")
        code = run(("import", *map(str, words)), session)
        return code, *self._capsys.readouterr()

    def file(self, text: str, name: str = "keepalived.conf") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def told(self, text: str, *words: str, source: str = "keepalived") -> Told:
        """Return what comes of a file with this text."""
        code, printed, said = self.run(source, "--format", "json", *words, self.file(text))
        assert said == ""
        return Told(code, json.loads(printed))
