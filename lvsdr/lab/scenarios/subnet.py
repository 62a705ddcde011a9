"""A real server in another subnet: direct routing does not cross the router, a tunnel does."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    held_by_hand,
    realserver_document,
)

VIP = "192.168.1.2"
NEAR, FAR, ROUTER = "192.168.1.11", "192.168.2.11", "192.168.2.1"
TO_BOTH = director_document(VIP, NEAR, FAR)
# The near one is drained, so that each request goes to the far one.
REAL_SERVERS = [
    {"rip": NEAR, "weight": 0},
    {"rip": FAR, "forwarding_method": "tunnel"},
]

SCENARIO = Scenario(
    name="subnet",
    summary="direct routing to a real server in another subnet, behind a router",
    director={
        **TO_BOTH,
        "virtual_servers": [{**TO_BOTH["virtual_servers"][0], "real_servers": REAL_SERVERS}],
    },
    realserver=realserver_document(VIP, holder="tunl0"),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs2"}),
    machine=(
        ByHand(
            "gateway",
            (
                "net/ipv4/conf/all/send_redirects=0",
                "net/ipv4/conf/eth0/send_redirects=0",
                f"route del {FAR}/32 dev eth0",
                f"address add {ROUTER}/24 dev eth0",
            ),
        ),
        ByHand("director", (f"route del {FAR}/32 dev eth0",)),
        ByHand(
            "rs2",
            (
                f"address del {FAR}/32 dev eth0",
                "route flush table main",
                f"address add {FAR}/24 dev eth0",
                f"route add default via {ROUTER}",
            ),
        ),
    ),
    by_hand=(
        held_by_hand("rs2", VIP),
        ByHand(
            "director",
            (
                f"ipvsadm -A -t {VIP}:80 -s rr",
                f"ipvsadm -a -t {VIP}:80 -r {FAR}:80 -g",
                f"address add {VIP}/32 dev eth0",
            ),
            (f"address del {VIP}/32 dev eth0", f"ipvsadm -D -t {VIP}:80"),
        ),
    ),
    expected_findings=(ExpectedFinding("director", "PATH-NO-TUNNEL"),),
    director_late=True,
)
