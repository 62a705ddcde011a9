"""Shell completion, as a user of bash has it once it is enabled as the manual says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What bash does when the tabulator is pressed: it calls the function with the words so far.
PRESSED = """
source /dev/stdin <<<"$ENABLE"
complete -p lvsdr >&2
COMP_WORDS=({words}) COMP_CWORD={place} COMPREPLY=()
_lvsdr_completion lvsdr
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def enabling() -> str:
    """Return the line of ~/.bashrc, as the manual shows it."""
    source = (ROOT / "man" / "lvsdr.8").read_text(encoding="utf-8")
    found = re.search(r"^\.Dl (eval .*bash_source.*)$", source, re.M)
    assert found is not None
    return found[1].replace(r"\(dq", '"')


def completed(words: str) -> list[str]:
    place = len(words.split(" ")) - 1
    done = subprocess.run(
        ["bash", "--norc", "-c", PRESSED.format(words=words, place=place)],
        env={"ENABLE": enabling(), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_lvsdr_completion lvsdr" in done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("lvsdr dir", ["director"]),
        ("lvsdr director a", ["announce", "apply"]),
        ("lvsdr director apply --for", ["--format"]),
        ("lvsdr realserver k", ["keep"]),
        ("lvsdr director keep --f", ["--format", "--fifo"]),
        ("lvsdr schema real", ["realserver"]),
        ("lvsdr no-such", []),
    ],
)
def test_bash_completes_what_is_typed(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_program_prints_what_makes_a_shell_ask(shell: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lvsdr"],
        env={"_LVSDR_COMPLETE": f"{shell}_source", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"_LVSDR_COMPLETE={shell}_complete" in done.stdout
