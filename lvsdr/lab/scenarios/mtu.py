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
# As verify's hint has it, by the program that this kernel has the modules for.
CLAMP = f"OUTPUT -s {VIP} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1440"

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
    mend=(
        ByHand(
            "rs1",
            (f"iptables-legacy -t mangle -A {CLAMP}",),
            (f"iptables-legacy -t mangle -D {CLAMP}",),
        ),
    ),
    expected_findings=(ExpectedFinding("director", "TUNNEL-MTU"),),
)
