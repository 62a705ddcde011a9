"""Path proofs: each fault is made on one real server, and verify names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from rig import RIP6, RIPS, VIP, VIP6, Document, Rig, director, lvsdr, realserver, rig, virtual_server

from lvsdr.lab.services import serving

SHORTLY = ("--seconds", "0.4")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(
        virtual_server(),
        virtual_server(protocol="udp", port=53),
        virtual_server(VIP6, [RIP6]),
        virtual_server(VIP6, [RIP6], protocol="udp", port=53),
    )
    with rig(tmp_path_factory.mktemp("paths"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


def test_x(made: Rig) -> None:
    from time import monotonic
    with ExitStack() as stack:
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        for n in (1,2):
            t = monotonic()
            print(lvsdr(made.lab.director, "director", "verify", made.director, *SHORTLY, expect=0))
            print(monotonic() - t)
    print(lvsdr(made.lab.director, "director", "verify", made.director, *SHORTLY, expect=1))
    print(lvsdr(made.lab.director, "director", "verify", made.director, *SHORTLY,"--format", "json", expect=1))
