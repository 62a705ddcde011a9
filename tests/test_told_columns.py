"""Real servers of a record as people say them: many at once as each by itself."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsdr.cli.painting import painted
from lvsdr.cli.plain_output import LINES_AT_ONCE
from lvsdr.model.compact_objects import from_rows, to_rows
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.strange_columns import refuse_strange
from lvsdr.model.told_columns import told

SERVICE = Service("tcp", ip_address("192.0.2.100"), 80)
NUMBERS = st.one_of(st.just(0), st.integers(1, 2**32 - 1))
TUNNELS = st.sampled_from([(0, 0, 0), (1, 6080, 1), (2, 0, 2), (7, 5, 0)])
SERVERS = st.builds(
    RealServer,
    st.just(SERVICE),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.one_of(st.just(0), st.integers(1, 65535)),
    NUMBERS,
    st.sampled_from(["dr", "tunnel", "masquerade", "local"]),
    NUMBERS,
    NUMBERS,
    TUNNELS,
)


@given(st.lists(SERVERS, min_size=1, max_size=6))
def test_columns_are_told_as_each_real_server_by_itself(servers: list[RealServer]) -> None:
    (row,) = to_rows(servers)

    refuse_strange(row, len(servers))

    assert list(told(row)) == [(each.place, each.detail) for each in servers]
    assert list(from_rows([row])) == servers


ROW: dict[str, Any] = {
    "object": "real_server",
    "service": None,
    "rip": "192.0.2.1 192.0.2.2 192.0.2.3",
    "port": 80,
    "weight": {"each": "1 0 10"},
    "forwarding_method": {"of": ["dr", "tunnel"], "at": "0 1 1"},
    "upper_threshold": 0,
    "lower_threshold": 0,
    "tunnel": [0, 0, 0],
}
STRANGE: dict[str, Callable[[], dict[str, Any]]] = {
    "a number too many": lambda: {"weight": {"each": "1 0 10 5"}},
    "a number too few": lambda: {"weight": {"each": "1 0"}},
    "another way to write a number": lambda: {"weight": {"each": "1 0 010"}},
    "zeros": lambda: {"weight": {"each": "1 00 10"}},
    "two blanks": lambda: {"weight": {"each": "1  0"}},
    "a blank before": lambda: {"weight": {"each": " 1 0"}},
    "a blank behind": lambda: {"weight": {"each": "1 0 "}},
    "a sign": lambda: {"weight": {"each": "1 0 -1"}},
    "digits of another script": lambda: {"weight": {"each": "1 0 \u0661"}},
    "no number": lambda: {"weight": {"each": "1 0 x"}},
    "a text for a number": lambda: {"weight": "1"},
    "a truth for a number": lambda: {"weight": True},
    "texts for numbers": lambda: {"weight": {"of": ["1", "2"], "at": "0 1 1"}},
    "a place that is none": lambda: {"forwarding_method": {"of": ["dr"], "at": "0 1 0"}},
    "numbers for a method": lambda: {"forwarding_method": {"each": "1 2 3"}},
    "numbers for tunnels": lambda: {"tunnel": {"each": "1 2 3"}},
    "a tunnel of two": lambda: {"tunnel": [0, 0]},
    "a list for a method": lambda: {"forwarding_method": ["dr"]},
    "a RIP too many": lambda: {"rip": f"{ROW['rip']} 192.0.2.4"},
    "no RIP": lambda: {"rip": "192.0.2.1 192.0.2.2 somewhere"},
    "a field too many": lambda: {"colour": "red"},
    "numbers in two ways": lambda: {"weight": {"each": "1 0 10", "at": "0 0 0"}},
}


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE.keys())
def test_an_entry_that_lvsdr_does_not_write_is_refused(
    strange: Callable[[], dict[str, Any]],
) -> None:
    refuse_strange(ROW, 3)

    with pytest.raises((LookupError, TypeError, ValueError)):
        refuse_strange({**ROW, **strange()}, 3)


def test_numbers_that_are_a_list_as_former_records_have_them_are_told() -> None:
    row = {**ROW, "weight": {"each": [1, 0, 10]}}

    refuse_strange(row, 3)

    assert list(told(row)) == list(told(ROW))


def test_one_line_of_many_that_a_terminal_would_act_on_is_escaped_and_the_rest_left() -> None:
    lines = [f"line {number}" for number in range(2 * LINES_AT_ONCE + 1)]
    lines[LINES_AT_ONCE + 7] = "a \x1b[2J b"

    shown = list(painted(lines, coloured=False))

    assert shown[LINES_AT_ONCE + 7] == "a \\x1b[2J b"
    lines[LINES_AT_ONCE + 7] = shown[LINES_AT_ONCE + 7]
    assert shown == lines
