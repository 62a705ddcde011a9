"""The real server asks in the VIP's name, and the gateway's entry turns to it."""

from lvsdr.lab.scenario import ByHand, Scenario, director, realserver

VIP = "192.168.1.2"

SCENARIO = Scenario(
    name="poison",
    summary="silent, but asking in the VIP's name: the gateway's ARP entry turns",
    director=director(VIP, "192.168.1.11"),
    realserver=realserver(VIP),
    witness="entry",
    trouble=frozenset({"rs1"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand(
            "rs1",
            ("net/ipv4/conf/all/arp_ignore=1", f"address add {VIP}/32 dev lo"),
            (f"address del {VIP}/32 dev lo", "net/ipv4/conf/all/arp_ignore=0"),
        ),
    ),
)
