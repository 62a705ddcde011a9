"""The files of lvsdr import each other in no circle, not even inside of functions.

Imports for type checkers alone (`if TYPE_CHECKING:`) are left out: at run time they are none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return each file of lvsdr by the name that it is imported by."""
    found = {}
    for path in sorted((root / "lvsdr").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yield `node` and all below it, but for what only a type checker reads."""
    yield node
    skipped = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    below = node.orelse if skipped and isinstance(node, ast.If) else ast.iter_child_nodes(node)
    for each in below:
        yield from at_run_time(each)


def imported(source: str, known: Mapping[str, object]) -> set[str]:
    """Return which of the `known` modules a source imports."""
    found: set[str] = set()
    for node in at_run_time(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "lvsdr imports by full names"
            # What a package gives is one of its modules, or a name that the package itself holds.
            names = [f"{node.module}.{each.name}" for each in node.names]
            found |= {name if name in known else str(node.module) for name in names}
    return found & set(known)


def graph(root: Path = ROOT) -> dict[str, set[str]]:
    known = modules(root)
    return {
        name: imported(path.read_text(encoding="utf-8"), known) - {name}
        for name, path in known.items()
    }


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of a circle in the order in which they are imported; empty for none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_file_imports_itself_by_way_of_others() -> None:
    imports = graph()

    assert len(imports) > 100
    assert "lvsdr.kernel.linux" in imports["lvsdr.cli.session"]
    assert circle(imports) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f():\n from lvsdr import a\n", {"lvsdr.a"}),
        ("from lvsdr.a import b\nimport lvsdr\n", {"lvsdr.a", "lvsdr"}),
        ("if TYPE_CHECKING:\n from lvsdr import a\nelse:\n import lvsdr\n", {"lvsdr"}),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, found: set[str]) -> None:
    assert imported(source, {"lvsdr": 0, "lvsdr.a": 0}) == found


def test_a_circle_is_named() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}

    assert sorted(set(circle(imports))) == ["a", "b", "c"]
