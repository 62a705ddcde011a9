"""Tunnel forwarding by GUE: nothing is decapsulated before its UDP port is open."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

VIP = "192.168.1.2"
PORT = 5555

SCENARIO = Scenario(
    name="gue",
    summary="tunnel forwarding by GUE to a real server whose UDP port is closed",
    director=director_document(
        VIP, "192.168.1.11", method="tunnel", tunnel_type="gue", tunnel_port=PORT
    ),
    realserver=realserver_document(VIP, holder="tunl0"),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    machine=(ByHand("rs1", ("modprobe fou", "net/ipv4/conf/all/rp_filter=1")),),
    by_hand=(
        ByHand(
            "rs1",
            (
                "net/ipv4/conf/all/arp_ignore=1",
                "net/ipv4/conf/all/arp_announce=2",
                "link set tunl0 up",
                f"address add {VIP}/32 dev tunl0",
                "net/ipv4/conf/tunl0/rp_filter=2",
            ),
            (
                "net/ipv4/conf/tunl0/rp_filter=0",
                f"address del {VIP}/32 dev tunl0",
                "link set tunl0 down",
                "net/ipv4/conf/all/arp_ignore=0",
                "net/ipv4/conf/all/arp_announce=0",
            ),
        ),
    ),
    # lvsdr says it, and the host does it.
    mend=(ByHand("rs1", (f"fou add port {PORT} gue",), (f"fou del port {PORT}",)),),
    expected_findings=(ExpectedFinding("director", "PATH-NO-TUNNEL"),),
)
