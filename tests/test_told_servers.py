"""Real servers as people say them: many at once as each by itself."""

from __future__ import annotations

from itertools import repeat

from lvsdr.cli.painting import painted
from lvsdr.cli.plain_output import LINES_AT_ONCE
from lvsdr.model.told_servers import details, places

GUE = (1, 6080, 1)


def test_the_settings_of_many_are_said_by_columns_that_may_go_on_without_end() -> None:
    columns = [repeat("dr"), [5, 0, 5], [0, 9, 9]]
    methods, weights, thresholds = columns

    said = details([weights, methods, thresholds, repeat(0), [(0, 0, 0), GUE, (0, 0, 0)]], 3)

    assert said == [
        "dr, weight 5",
        "dr, weight 0, thresholds 9/0, gue port 6080, csum",
        "dr, weight 5, thresholds 9/0",
    ]


def test_a_place_has_its_port_where_it_has_one() -> None:
    assert places(["192.0.2.1", "192.0.2.2"], [80, 0]) == ["192.0.2.1:80", "192.0.2.2"]
    assert places(["192.0.2.1", "fd00::1", "fd00::2"], [80, 80, 0]) == [
        "192.0.2.1:80",
        "[fd00::1]:80",
        "fd00::2",
    ]
    assert places(["192.0.2.1", "192.0.2.2"], repeat(53)) == ["192.0.2.1:53", "192.0.2.2:53"]


def test_one_line_of_many_that_a_terminal_would_act_on_is_escaped_and_the_rest_left() -> None:
    lines = [f"line {number}" for number in range(2 * LINES_AT_ONCE + 1)]
    lines[LINES_AT_ONCE + 7] = "a \x1b[2J b"

    shown = list(painted(lines, coloured=False))

    assert shown[LINES_AT_ONCE + 7] == "a \\x1b[2J b"
    lines[LINES_AT_ONCE + 7] = shown[LINES_AT_ONCE + 7]
    assert shown == lines
