"""Tunnel forwarding by GRE: a real server that is set up for IPIP does not decapsulate it."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    held_by_hand,
    realserver_document,
)

VIP = "192.168.1.2"
RIP = "192.168.1.11"

SCENARIO = Scenario(
    name="gre",
    summary="tunnel forwarding by GRE to a real server that is set up for IPIP",
    director=director_document(VIP, RIP, method="tunnel", tunnel_type="gre"),
    realserver=realserver_document(VIP, holder="gre0"),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    machine=(ByHand("rs1", ("modprobe ip_gre", "net/ipv4/conf/all/rp_filter=1")),),
    by_hand=(held_by_hand("rs1", VIP, "tunl0"),),
    expected_findings=(ExpectedFinding("director", "PATH-NO-TUNNEL"),),
)
