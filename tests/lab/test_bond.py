"""A bond that balances has one MAC for each asker, and is no flux."""

from __future__ import annotations

from pathlib import Path

from rig import director, realserver, rig, settled, verified, virtual_server
from witnesses import arping

VIP, RIP, DIP = "192.168.18.2", "192.168.18.21", "192.168.18.10"
MACS = {"eth3": "02:00:00:00:03:11"}
BOND = (
    "link add bond0 type bond mode balance-alb miimon 100",
    "link set eth0 down",
    "address flush dev eth0",
    "link set eth0 master bond0",
    "link set eth3 down",
    "link set eth3 master bond0",
    "link set bond0 up",
    f"address add {DIP}/24 dev bond0",
    f"address add {VIP}/32 dev bond0",
)


def test_a_bond_of_two_links_is_no_flux(tmp_path: Path) -> None:
    wanted = director(virtual_server(VIP, [RIP]))
    with rig(tmp_path, wanted, realserver(vips=[VIP])) as made:
        host = made.lab.director
        there = f"name eth3 address {MACS['eth3']} netns {host.namespace}"
        made.lab.switch.ip(f"link add more0 type veth peer {there}", "link set more0 master br0 up")
        host.run("modprobe", "bonding")
        host.ip(*BOND)

        heard = settled(lambda: len(arping(made.lab.observer, VIP)), 1)
        words = ("verify", made.director, "--dip", DIP, "--seconds", "1.2", "--no-services")
        found = verified(made.lab.observer, *words, expect=0)

    assert heard == 1
    assert found == []
