"""Keys that objects remember: made once, and of each object its own."""

from __future__ import annotations

import copy
import pickle
from ipaddress import ip_address
from typing import Any

import pytest

from lvsdr.model.ipvs import RealServer, Service, servers_in_columns
from lvsdr.model.late_dataclasses import replace

WEB = Service("tcp", ip_address("192.0.2.10"), 80)
ONE = RealServer(WEB, ip_address("192.0.2.11"), 80)
KEY = ("real_server", "tcp", "192.0.2.10", 80, "192.0.2.11", 80)


def test_a_key_is_made_once() -> None:
    server = RealServer(WEB, ip_address("192.0.2.11"), 80)

    assert server.key == KEY
    assert server.key is server.key


def test_one_that_is_made_in_columns_has_the_same() -> None:
    (made,) = servers_in_columns(
        WEB, [ONE.rip], ["192.0.2.11"], [80], [[1], ["dr"], [0], [0], [ONE.tunnel]]
    )

    assert made == ONE
    assert made.key == KEY


@pytest.mark.parametrize("known", [True, False])
def test_another_object_has_its_own(known: bool) -> None:
    server = RealServer(WEB, ip_address("192.0.2.11"), 80)
    if known:
        assert server.key == KEY

    others = copy.copy(server), copy.deepcopy(server), pickle.loads(pickle.dumps(server))

    assert [each.key for each in others] == [KEY] * 3
    assert list(others) == [server] * 3
    assert replace(server, port=81).key == (*KEY[:-1], 81)


def test_nobody_sets_it_and_nothing_else_is_made_up() -> None:
    anything: Any = ONE

    with pytest.raises(AttributeError):
        anything.key = ()
    with pytest.raises(AttributeError, match="no weigth"):
        _ = anything.weigth
