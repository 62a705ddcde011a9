"""The running program, to be started once more: isolated, and from where it runs now."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
START = "import sys; sys.path[:] = {path!r}; from lvsdr.cli.main import main; main()"


def lvsdr_command(*arguments: str) -> list[str]:
    """Return the words that run this program again, with `arguments`.

    Python is isolated (-I), for it may be root's: neither the current folder nor the environment
    adds to where modules come from. They come from where ours do, so that what runs there is what
    runs here, however it was started.
    """
    return [sys.executable, "-I", "-c", START.format(path=_path()), *arguments]


def _path() -> list[str]:
    # `python -m` and an empty part of PYTHONPATH put the current folder among the others.
    strange = {str(Path.cwd())} - {ROOT}
    kept = [entry for entry in sys.path if Path(entry).is_absolute() and entry not in strange]
    # An editable install has its root in no entry.
    return kept if ROOT in kept else [*kept, ROOT]
