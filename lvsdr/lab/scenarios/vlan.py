"""The VIP's segment is a VLAN over a bond: a link with a dot in its name and its own settings."""

from lvsdr.lab.scenario import (
    ByHand,
    Cable,
    ExpectedFinding,
    Scenario,
    director_document,
    held_with,
    realserver_document,
)
from lvsdr.lab.scenarios.bond import BELOW, BONDED

VIP = "192.168.1.2"
RIP = "192.168.1.11"

SCENARIO = Scenario(
    name="vlan",
    summary="a VLAN over a bond, bond0.100: arp_ignore on slaves and bond does nothing",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP, interface="bond0.100", arp_scope="links"),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    cables=(Cable("rs1", "eth1", "02:00:00:00:01:11"),),
    machine=(
        ByHand(
            "switch",
            (
                # All ports are in VLAN 100; those of rs1 have its tag.
                "link set br0 type bridge vlan_filtering 1 vlan_default_pvid 100",
                "bridge vlan add dev port3 vid 100",
                "bridge vlan add dev more0 vid 100",
            ),
        ),
        ByHand(
            "rs1",
            (
                *BONDED,
                "link set bond0 up",
                "link add link bond0 name bond0.100 type vlan id 100",
                "link set bond0.100 up",
                f"address add {RIP}/24 dev bond0.100",
                "route add default via 192.168.1.1",
            ),
        ),
    ),
    by_hand=(held_with("rs1", VIP, *BELOW),),
    expected_findings=(ExpectedFinding("rs1", "ARP-IGNORE"),),
)
