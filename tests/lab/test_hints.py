"""No hint does harm: each fault, its hint typed as it is printed, and every request counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copy

import pytest
from counted import asking
from hint_faults import ROWS, Row
from hint_street import Street, Write, hold
from rig import RIP6, RIPS, VIP, VIP6, director, realserver, rig, virtual_server

from lvsdr.lab.services import serving

# For `make test`: those that once lost requests by the order of their commands. What once took the
# whole service down, a standby made a director and keepalived's emptied table, has no hint any
# more, as test_standby_guard and test_host_rules hold.
SAMPLE = [("VIP-ELSEWHERE", "director"), ("VIP-ON-LINK", "realserver")]
CHOSEN = ROWS if os.environ.get("LVSDR_TORTURE") else [
    next(each for each in ROWS if (each.fault.rule, each.seen_from) == one) for one in SAMPLE
]  # fmt: skip
SHORTLY = ("--seconds", "0.3")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Two real servers on IPv4 and one on IPv6, all applied, and asked all the time."""
    wanted = director(virtual_server(scheduler="rr"), virtual_server(VIP6, [RIP6]))
    silent = realserver(vips=[VIP, VIP6], rips=[*RIPS, RIP6])
    with rig(tmp_path_factory.mktemp("hints"), wanted, silent) as made, ExitStack() as stack:
        made.apply()
        # Where a hint for another host finds them.
        Path("/etc/lvsdr").mkdir(exist_ok=True)
        for each in (made.director, made.realserver):
            copy(each, "/etc/lvsdr")
        lab = made.lab
        for host in lab.realservers:
            stack.enter_context(serving(host, made.services[:1]))
        clients = stack.enter_context(asking((lab.client, lab.observer), VIP))
        hosts = {"director": lab.director, "the director": lab.director, "observer": lab.observer}
        hosts |= {
            "realserver": lab.realservers[0],
            **dict(zip(RIPS, lab.realservers, strict=False)),
        }
        words = {
            "realserver": ("realserver", "verify", str(made.realserver)),
            "director": ("director", "verify", str(made.director), *SHORTLY),
            "observer": ("verify", str(made.director), *SHORTLY),
        }
        yield Street(hosts, words, clients)


@pytest.mark.parametrize("row", CHOSEN, ids=str)
def test_a_hint_mends_and_loses_no_request(
    street: Street, row: Row, record_property: Write
) -> None:
    hold(street, row, record_property)
