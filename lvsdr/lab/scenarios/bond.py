"""A bond under a bridge: ARP settings of the slaves and of the bond have no effect."""

from lvsdr.lab.scenario import (
    ByHand,
    Cable,
    Scenario,
    director_document,
    held_with,
    realserver_document,
)

VIP = "192.168.1.2"
RIP = "192.168.1.11"
BELOW = ("eth0", "eth1", "bond0")
# bond0, still down, over both links, which have no address left.
BONDED = (
    "link add bond0 type bond mode active-backup miimon 100",
    "link set eth0 down",
    "link set eth1 down",
    "address flush dev eth0",
    "link set eth0 master bond0",
    "link set eth1 master bond0",
)

SCENARIO = Scenario(
    name="bond",
    summary="a bond under a bridge: arp_ignore on slaves and bond does nothing",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP, interface="br0"),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    cables=(Cable("rs1", "eth1", "02:00:00:00:01:11"),),
    machine=(
        ByHand(
            "rs1",
            (
                *BONDED,
                "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                "link set bond0 master br0",
                "link set bond0 up",
                "link set br0 up",
                f"address add {RIP}/24 dev br0",
                "route add default via 192.168.1.1",
            ),
        ),
    ),
    by_hand=(held_with("rs1", VIP, *BELOW),),
)
