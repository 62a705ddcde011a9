"""A director that is a real server of itself; and a real server that is a client of itself."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

VIP = "192.168.1.2"
DIP, RIP = "192.168.1.10", "192.168.1.11"
# What makes a real server, and a director mute: that is why lvsdr leaves it out there.
REAL_SERVER = (
    "net/ipv4/conf/all/arp_ignore=1",
    "net/ipv4/conf/all/arp_announce=2",
    f"address add {VIP}/32 dev lo",
)
UNDO = (
    f"address del {VIP}/32 dev lo",
    "net/ipv4/conf/all/arp_announce=0",
    "net/ipv4/conf/all/arp_ignore=0",
)

SCENARIO = Scenario(
    name="samehost",
    summary="a director that is a real server too, and set up like one: nobody answers",
    director=director_document(VIP, RIP, DIP),
    realserver=realserver_document(VIP),
    dip=DIP,
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"director", "rs1"}),
    by_hand=(
        ByHand("rs1", REAL_SERVER, UNDO),
        ByHand(
            "director",
            (
                f"ipvsadm -A -t {VIP}:80 -s rr",
                f"ipvsadm -a -t {VIP}:80 -r {RIP}:80 -g",
                f"ipvsadm -a -t {VIP}:80 -r {DIP}:80 -g",
                *REAL_SERVER,
            ),
            (*UNDO, f"ipvsadm -D -t {VIP}:80"),
        ),
    ),
    expected_findings=(ExpectedFinding("director", "VIP-ELSEWHERE"),),
    own_clients=(ExpectedFinding("rs1", "SELF-CLIENT"),),
    director_late=True,
)
