"""The order of services in the kernel's table, which is none since Linux 7.2."""

from __future__ import annotations

from pathlib import Path

from lvsdr.lab.cluster import hosts

RULES = "".join(
    f"-A -t 192.0.2.{n}:80 -s rr\n-a -t 192.0.2.{n}:80 -r 192.0.2.99:80 -g\n" for n in range(9)
)
TIMES = 10


def test_a_table_that_is_made_anew_is_the_same_state_in_another_order() -> None:
    table = Path("/proc/thread-self/net/ip_vs")
    with hosts(["machine"]) as made:
        host = made["machine"]
        orders, states = set(), set()
        for _ in range(TIMES):
            host.run("ipvsadm", "-C")
            host.run("ipvsadm", "-R", text=RULES)
            orders.add(host.inside(table.read_text))
            states.add(host.state())

    assert len(orders) > 1
    assert len(states) == 1
