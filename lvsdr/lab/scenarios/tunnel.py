"""Tunnel forwarding: a strict rp_filter drops what comes out of the tunnel."""

from lvsdr.lab.scenario import ByHand, Scenario, director, realserver

VIP = "192.168.1.2"

SCENARIO = Scenario(
    name="tunnel",
    summary="tunnel forwarding: a strict rp_filter drops the requests",
    director=director(VIP, "192.168.1.11", method="tunnel"),
    realserver=realserver(VIP, holder="tunl0"),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    machine=(ByHand("rs1", ("net/ipv4/conf/all/rp_filter=1",)),),
    by_hand=(
        ByHand(
            "rs1",
            (
                "net/ipv4/conf/all/arp_ignore=1",
                "net/ipv4/conf/all/arp_announce=2",
                "link set tunl0 up",
                f"address add {VIP}/32 dev tunl0",
            ),
            (
                f"address del {VIP}/32 dev tunl0",
                "link set tunl0 down",
                "net/ipv4/conf/all/arp_ignore=0",
                "net/ipv4/conf/all/arp_announce=0",
            ),
        ),
    ),
)
