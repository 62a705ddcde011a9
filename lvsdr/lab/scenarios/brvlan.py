"""A bridge that filters VLANs: the layer-3 link is br0.100, and only its settings count."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    held_with,
    realserver_document,
)

VIP = "192.168.1.2"
RIP = "192.168.1.11"
BELOW = ("eth0", "br0")

SCENARIO = Scenario(
    name="brvlan",
    summary="a VLAN on a filtering bridge, br0.100: arp_ignore on port and bridge does nothing",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP, interface="br0.100", arp_scope="links"),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    machine=(
        ByHand(
            "rs1",
            (
                "link add br0 type bridge stp_state 0 mcast_snooping 0 vlan_filtering 1",
                "address flush dev eth0",
                "link set eth0 master br0",
                # What comes without a tag is VLAN 100's; br0 itself takes part in it.
                "bridge vlan add dev eth0 vid 100 pvid untagged",
                "bridge vlan add dev br0 vid 100 self",
                "link set br0 up",
                "link add link br0 name br0.100 type vlan id 100",
                "link set br0.100 up",
                f"address add {RIP}/24 dev br0.100",
                "route add default via 192.168.1.1",
            ),
        ),
    ),
    by_hand=(held_with("rs1", VIP, *BELOW),),
    expected_findings=(ExpectedFinding("rs1", "ARP-IGNORE"),),
)
