"""The real server's address is on a bridge: an ARP setting of its port has no effect."""

from lvsdr.lab.scenario import ByHand, Scenario, director_document, held_with, realserver_document

VIP = "192.168.1.2"
RIP = "192.168.1.11"

SCENARIO = Scenario(
    name="bridge",
    summary="the uplink is a port of a bridge: arp_ignore on the port does nothing",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP, interface="br0"),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    machine=(
        ByHand(
            "rs1",
            (
                "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                f"address del {RIP}/24 dev eth0",
                "link set eth0 master br0",
                "link set br0 up",
                f"address add {RIP}/24 dev br0",
                "route add default via 192.168.1.1",
            ),
        ),
    ),
    by_hand=(held_with("rs1", VIP, "eth0"),),
)
