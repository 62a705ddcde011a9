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


@pytest.mark.parametrize("count", [3, 7])
def test_of_many_directors_the_odd_one_is_found(count: int) -> None:
    same = text(DIFFERENCES[0], 100, 1)
    odd = same.replace("advert_int 1", "advert_int 2")

    found = judged(*[same] * (count - 1), odd)

    assert {each.rule for each in found} == {"KEEPALIVED-TWO-MASTERS"}
    assert {each.subject for each in found} == {f"{count - 1}.conf"}
    assert judged(*[same] * count) == []
