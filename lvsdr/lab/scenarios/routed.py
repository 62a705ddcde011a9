"""A container behind its host, which answers for what it has a route to: the VIP as well."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    ExtraHost,
    Guest,
    Scenario,
    director_document,
    held_by_hand,
    realserver_document,
)

VIP = "192.168.1.2"
RIP = "192.168.1.11"
# Any address will do: the host answers for all that it does not reach through veth1 itself.
GATEWAY = "169.254.1.1"

SCENARIO = Scenario(
    name="routed",
    summary="a container behind proxy_arp of its host: with a route to the VIP the host answers",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP),
    witness="answering",
    trouble=frozenset({"box", "director"}),
    mended=frozenset({"director"}),
    extra_hosts=(ExtraHost("box", "192.168.1.21/24", "02:00:00:00:00:21"),),
    guests=(Guest("rs1", "box", "veth1", from_host=True),),
    machine=(
        ByHand(
            "rs1",
            (
                "address flush dev eth0",
                f"address add {RIP}/32 dev eth0",
                f"route add default via {GATEWAY} dev eth0 onlink",
            ),
        ),
        ByHand(
            "box",
            (
                "net/ipv4/ip_forward=1",
                f"route add {RIP}/32 dev veth1",
                "net/ipv4/conf/veth1/proxy_arp=1",
                "net/ipv4/conf/eth0/proxy_arp=1",
                # At once, not after up to 0.8 s, which a busy machine makes a second.
                "net/ipv4/neigh/eth0/proxy_delay=0",
            ),
        ),
    ),
    by_hand=(
        ByHand(
            "box",
            (f"route add {VIP}/32 via {RIP} dev veth1",),
            (f"route del {VIP}/32 via {RIP} dev veth1",),
        ),
        held_by_hand("rs1", VIP),
    ),
    expected_findings=(ExpectedFinding("rs1", "HOST-ANSWERS"),),
    refused=True,
    mend=(
        ByHand(
            "box",
            (
                "net/ipv4/conf/eth0/proxy_arp=0",
                f"neighbour replace proxy {RIP} dev eth0",
                f"route add {VIP}/32 via {RIP} dev veth1",
            ),
            (
                f"route del {VIP}/32 via {RIP} dev veth1",
                f"neighbour del proxy {RIP} dev eth0",
                "net/ipv4/conf/eth0/proxy_arp=1",
            ),
        ),
    ),
)
