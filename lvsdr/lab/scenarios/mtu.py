"""A tunnel's MTU is below that of its link, and ICMP errors are filtered: long requests hang."""

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
# verify's hint is a rule of iptables, for which lab's kernels lack modules: legacy iptables since
# Linux 7, nftables all of them. What a route advertises comes to the same, for all of the host.
ROUTES = (
    "route change default via 192.168.1.1 dev eth0",
    f"route change 192.168.1.0/24 dev eth0 proto kernel scope link src {RIP}",
)

SCENARIO = Scenario(
    name="mtu",
    summary="tunnel forwarding with ICMP filtered on the way: long requests stand still",
    director=director_document(VIP, RIP, method="tunnel"),
    realserver=realserver_document(VIP, holder="tunl0"),
    witness="reaching",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    machine=(
        # One packet a frame, as on a wire; a veth link would take the request in one piece.
        ByHand("client", ("link set eth0 gso_max_segs 1",)),
        # A firewall that knows better.
        ByHand("gateway", ("rule add iif eth0 ipproto icmp blackhole",)),
    ),
    by_hand=(held_by_hand("rs1", VIP, "tunl0"),),
    mend=(ByHand("rs1", tuple(f"{route} advmss 1440" for route in ROUTES), ROUTES),),
    expected_findings=(ExpectedFinding("director", "TUNNEL-MTU"),),
)
