"""Duplicate address detection: the real server has the VIP on eth0, so the director cannot."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

VIP = "fd00::2"
RIP = "fd00::11"

SCENARIO = Scenario(
    name="dad",
    summary="an IPv6 VIP that a real server has on eth0: the director cannot use it",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP),
    witness="answering",
    trouble=frozenset({"rs1"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand(
            "rs1",
            (f"address add {VIP}/128 dev eth0 nodad",),
            (f"address del {VIP}/128 dev eth0",),
        ),
        ByHand(
            "director",
            (
                "net/ipv6/conf/eth0/accept_dad=1",
                f"ipvsadm -A -t [{VIP}]:80 -s rr",
                f"ipvsadm -a -t [{VIP}]:80 -r [{RIP}]:80 -g",
                f"address add {VIP}/128 dev eth0",
            ),
            (
                f"address del {VIP}/128 dev eth0",
                f"ipvsadm -D -t [{VIP}]:80",
                "net/ipv6/conf/eth0/accept_dad=0",
            ),
        ),
    ),
    expected_findings=(ExpectedFinding("director", "VIP-DAD"),),
    director_late=True,
)
