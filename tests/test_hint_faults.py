"""Every finding that a host can have is a row of the hints' table, or typed in another test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from hint_elsewhere_faults import FAILOVER, ROUTED, TUNNELS, VRF
from hint_faults import ROWS

ROOT = Path(__file__).parents[1]
# What no host has: it is said of files.
OF_FILES = {
    "Between profiles",
    "In keepalived.conf",
    "In an export",
    "In what is taken over",
}

# Typed where a systemd-networkd runs, by test_networkd.
ELSEWHERE = {"OWNER-NETWORK"}


def typed() -> Iterator[str]:
    """Yield the rules whose source gives a hint."""
    for path in (ROOT / "lvsdr/rules").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Finding":
                named = {each.arg: each.value for each in call.keywords}
                hint = call.args[4] if len(call.args) > 4 else named.get("hint")
                if hint is not None and ast.unparse(hint) != "''":
                    yield ast.literal_eval(call.args[0])


def ids() -> set[str]:
    """Return the findings of the manual page that a host can have."""
    page = (ROOT / "man/lvsdr.8").read_text(encoding="utf-8")
    section = page.split("\n.Sh FINDINGS\n")[1].split("\n.Sh ")[0]
    parts = re.split(r"^\.Ss (.+)$", section, flags=re.MULTILINE)
    told = zip(parts[1::2], parts[2::2], strict=True)
    return {
        rule
        for title, text in told
        if title.removeprefix(r"\&") not in OF_FILES
        for rule in re.findall(r"^\.It ([A-Z][A-Z0-9-]+)$", text, re.MULTILINE)
    }


def test_each_finding_of_a_host_is_made_under_traffic_or_by_a_test_that_names_it() -> None:
    made = {row.fault.rule for row in ROWS}
    files = (ROOT / "tests").rglob("test_*.py")
    text = "\n".join(each.read_text(encoding="utf-8") for each in files if each != Path(__file__))

    assert [rule for rule in ids() - made if f'"{rule}"' not in text] == []
    assert made <= ids()


def test_each_hint_is_typed_under_traffic() -> None:
    made = {row.fault.rule for row in (*ROWS, *TUNNELS, *VRF, *ROUTED, *FAILOVER) if row.typed}
    hinted = set(typed())

    assert {"DRIFT", "VIP-GIVEN-UP", *ELSEWHERE} <= hinted
    assert sorted(hinted - made - ELSEWHERE) == []
