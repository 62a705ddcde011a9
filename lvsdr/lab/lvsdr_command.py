"""The command that starts the running program once more, isolated, from the same files."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
START = "import sys; sys.path[:] = {path!r}; from lvsdr.cli.main import main; main()"


def lvsdr_command(*arguments: str) -> list[str]:
    """Return the command that runs this program again, with `arguments`.

    Python is isolated (-I), for it may run as root: neither the current folder nor the environment
    adds folders of modules. Nor does it look for more of them (-S): all are named. They are those
    of the running program, so that the same program runs, however this one was started.
    """
    return [sys.executable, "-I", "-S", "-c", START.format(path=_path()), *arguments]


def _path() -> list[str]:
    # `python -m` and an empty part of PYTHONPATH put the current folder among the others.
    strange = {str(Path.cwd())} - {ROOT}
    kept = [entry for entry in sys.path if Path(entry).is_absolute() and entry not in strange]
    # An editable install has its root in no entry.
    return kept if ROOT in kept else [*kept, ROOT]
