"""A stranger finds his way by file names alone, and no file or function is too long to read."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from traced_files import TRACED

ROOT = Path(__file__).parent.parent
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION = 250, 40
# What Python itself asks for.
OF_PYTHON = {"__init__.py", "__main__.py"}


def files() -> list[Path]:
    return sorted((ROOT / "lvsdr").rglob("*.py"))


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Yield each function of a source and how many lines it has, decorators left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None, "it comes from a source"
            yield node.name, node.end_lineno - node.lineno + 1


def test_the_files_whose_tests_are_traced_are_there() -> None:
    assert TRACED
    assert [name for name in sorted(TRACED) if not (ROOT / "tests" / name).is_file()] == []


def test_no_file_name_stands_twice() -> None:
    names = Counter(path.name for path in files() if path.name not in OF_PYTHON)

    assert len(names) > 100
    assert [name for name, many in names.items() if many > 1] == []


def test_no_file_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files()}

    assert {path: many for path, many in lengths.items() if many > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_too_long() -> None:
    found = [
        (path.name, name, lines)
        for path in files()
        for name, lines in functions(path.read_text(encoding="utf-8"))
    ]

    assert len(found) > 1000
    assert [each for each in found if each[2] > MOST_LINES_OF_A_FUNCTION] == []


def test_a_function_is_measured_wherever_it_stands() -> None:
    source = "class A:\n @cached\n def f(\n  self,\n ):\n  async def g(): ...\n  return g\n"

    assert sorted(functions(source)) == [("f", 5), ("g", 1)]
