"""A real server that answers neighbour solicitations for an IPv6 VIP as a proxy."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

VIP = "fd00::2"

SCENARIO = Scenario(
    name="ndproxy",
    summary="an IPv6 VIP in a proxy entry of a real server that forwards: it answers",
    director=director_document(VIP, "fd00::11"),
    realserver=realserver_document(VIP),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand(
            "rs1",
            (
                f"address add {VIP}/128 dev lo",
                "net/ipv6/conf/eth0/forwarding=1",
                "net/ipv6/conf/eth0/proxy_ndp=1",
                f"neighbour add proxy {VIP} dev eth0",
            ),
            (
                f"neighbour del proxy {VIP} dev eth0",
                "net/ipv6/conf/eth0/proxy_ndp=0",
                "net/ipv6/conf/eth0/forwarding=0",
                f"address del {VIP}/128 dev lo",
            ),
        ),
    ),
    expected_findings=(ExpectedFinding("rs1", "PROXY-NDP"),),
)
