"""A healthy cluster under traffic: no verify finds anything, wherever and however often it runs.

Three times on each host, a hundred times with LVSDR_TORTURE=1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from time import monotonic

import pytest
from faults import FULL, tell
from load import asked, connected, echoing, longest_gap
from rig import (
    RIP6,
    VIP,
    VIP6,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    virtual_server,
)

from lvsdr.lab.services import serving

TIMES = 100 if FULL else 3
OPEN = 20
PLACES = ["third host", "director", "realserver"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Requests over IPv4 and IPv6, and connections that stay open."""
    wanted = director(
        virtual_server(),
        virtual_server(VIP6, [RIP6]),
        virtual_server(protocol="udp", port=53),
        virtual_server(port=7),
    )
    with rig(tmp_path_factory.mktemp("healthy"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


def verify(made: Rig, place: str) -> list[Document]:
    """Return what the whole command of a place finds."""
    lab, words = made.lab, ("--format", "json")
    if place == "realserver":
        said = lvsdr(lab.realservers[0], place, "verify", made.realserver, *words)
    elif place == "director":
        said = lvsdr(lab.director, place, "verify", made.director, *words)
    else:
        said = lvsdr(lab.observer, "verify", made.director, *words)
    findings: list[Document] = json.loads(said)["findings"]
    return findings


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_found_in_a_healthy_cluster_under_traffic(
    made: Rig, place: str, request: pytest.FixtureRequest
) -> None:
    lab, took, found = made.lab, list[float](), list[Document]()
    served = [each for each in made.services if each.port != 7]
    with ExitStack() as stack:
        for each in lab.realservers:
            stack.enter_context(serving(each, served))
            stack.enter_context(echoing(each, [VIP]))
        kept = stack.enter_context(connected(lab.client, [VIP], OPEN))
        answers = [stack.enter_context(asked(lab.client, vip)) for vip in (VIP, VIP6)]
        assert settled(lambda: all(map(bool, answers)), True)
        before = monotonic()
        for _ in range(TIMES):
            start = monotonic()
            found += verify(made, place)
            took.append(monotonic() - start)
        lost = kept.lost()

    counts = [sum(at > before for at in each) for each in answers]
    gap = max(longest_gap(each, before) for each in answers)
    tell(
        request,
        f"{TIMES} times, {median(took):.2f} s ({max(took):.2f}); {len(found)} findings;"
        f" {counts[0]} and {counts[1]} requests served, {gap:.2f} s between two at the most;"
        f" {len(lost)} of {OPEN} open connections lost",
    )
    assert found == []
    assert lost == []
    assert all(count > TIMES for count in counts)
