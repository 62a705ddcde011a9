"""Two directors whose tables are keepalived's, and whose VIPs are lvsdr's."""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

from pairs import pair, said
from rig import RIPS, VIP, director, settled
from witnesses import ipvsadm

from lvsdr.lab.services import ask, serving
from lvsdr.model.ipvs import Service

LIMIT = 10.0
WEB = Service("tcp", ip_address(VIP), 80)


def test_a_failover_moves_the_vip_and_leaves_both_tables_as_they_are(tmp_path: Path) -> None:
    """The VIPs are lvsdr's, by the states that the same keepalived says."""
    wanted = director(table_owner="keepalived", health={})
    with pair(tmp_path, wanted) as both, ExitStack() as stack:
        for host, rip in zip(both.lab.realservers, RIPS, strict=True):
            stack.enter_context(serving(host, [Service("tcp", ip_address(rip), 80)]))
        first, second = both.boxes
        for box in both.boxes:
            box.checked = box.wanted
            box.follow()
            box.start()

        def held() -> list[str]:
            return [box.host.name for box in both.boxes if box.vips() == {VIP}]

        def tables() -> list[bool]:
            return [set(ipvsadm(box.host)) == box.table() for box in both.boxes]

        assert settled(held, [first.host.name], LIMIT, every=0.1) == [first.host.name], said(first)
        assert settled(tables, [True, True], LIMIT, every=0.1) == [True, True], said(second)
        first.host.ip("link set eth0 down")
        assert settled(held, [second.host.name], LIMIT, every=0.1) == [second.host.name], said(
            second
        )
        assert tables()[1]
        answered = ask(both.lab.client, WEB, both.lab.client_addresses(4), 4)
        follower = second.follower
        assert follower is not None
        # It tells after it has done it.
        moved = settled(lambda: "192.168.1.2/32 on eth0" in follower.said(), True, LIMIT)
        told = [box.follower.said() for box in both.boxes if box.follower]

    assert sum(answered[host.name] for host in both.lab.realservers) == 4
    assert moved, told[1]
    assert not any("tcp 192.168.1.2:80" in each for each in told)
