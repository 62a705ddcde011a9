"""Tunnel forwarding of IPv6 in IPv6: the VIP is held, and the tunnel's link is down."""

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
    name="tunnel6",
    summary="tunnel forwarding of IPv6 in IPv6: the tunnel's link is down",
    director=director_document(VIP, RIP, method="tunnel"),
    realserver=realserver_document(VIP, holder="ip6tnl0"),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    machine=(ByHand("rs1", ("modprobe ip6_tunnel",)),),
    by_hand=(
        ByHand(
            "rs1",
            (f"address add {VIP}/128 dev lo nodad preferred_lft 0",),
            (f"address del {VIP}/128 dev lo",),
        ),
    ),
    expected_findings=(ExpectedFinding("director", "PATH-NO-TUNNEL"),),
)
