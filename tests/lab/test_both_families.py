"""IPv4 and IPv6, TCP and UDP: each kind of service reaches the real server of its family."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rig import RIP6, RIPS, VIP, VIP6, Rig, director, realserver, rig, virtual_server

SERVICES = [
    virtual_server(vip, rips, protocol=protocol, port=port)
    for vip, rips in ((VIP, RIPS[:1]), (VIP6, [RIP6]))
    for protocol, port in (("tcp", 80), ("udp", 53))
]
EXPECTED = {"inet": "rs1", "inet6": "rs2"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("families")
    with rig(folder, director(*SERVICES), realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


@pytest.mark.parametrize("number", range(4), ids=["tcp", "udp", "tcp-inet6", "udp-inet6"])
def test_each_kind_of_service_is_served(made: Rig, number: int) -> None:
    service = made.services[number]

    served = made.served(service, times=4)

    assert served == {EXPECTED[service.family]: 4}
