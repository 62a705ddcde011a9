"""The keepalived.conf of two directors, judged together.

tests/lab/test_two_masters.py has two real keepaliveds for each of these differences.
"""

from __future__ import annotations

import pytest

from judging import judged
from lvsdr.model.finding import ERROR
from pair_differences import DIFFERENCES, Difference, text

TWO = ("KEEPALIVED-TWO-MASTERS", "KEEPALIVED-ROUTER-ID")


def masters(one: str, other: str) -> list[str]:
    return [each.message for each in judged(one, other) if each.severity == ERROR]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=str)
def test_what_makes_two_masters_is_an_error_and_nothing_else_is(difference: Difference) -> None:
    pair = [text(difference, 100, which) for which in (0, 1)]

    found = [each for each in judged(*pair) if each.severity == ERROR]
    turned = [each for each in judged(*pair[::-1]) if each.severity == ERROR]

    assert bool(found) == bool(turned) == difference.two_masters, found
    assert all(each.rule in TWO for each in found)
