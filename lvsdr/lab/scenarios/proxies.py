"""A host that has published its container's address, and the VIP, on each of its links."""

from lvsdr.lab.scenario import (
    ByHand,
    Cable,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

VIP, CONTAINER = "192.168.18.2", "192.168.18.77"
LINKS = ("eth0", "eth3", "eth4")

SCENARIO = Scenario(
    name="proxies",
    summary="the VIP published by ip neighbour add proxy on each link of a real server",
    director=director_document(VIP, "192.168.18.10"),
    realserver=realserver_document(VIP, proxy_entries="remove", rips=["192.168.18.10", CONTAINER]),
    witness="answering",
    dip="192.168.18.20",
    trouble=frozenset({"director", "rs1", "rs1 eth3", "rs1 eth4"}),
    mended=frozenset({"director"}),
    expected_findings=(ExpectedFinding("rs1", "PROXY-ARP"), ExpectedFinding("rs1", "PROXY-FLUX")),
    cables=(
        Cable("rs1", "eth3", "02:00:00:00:03:11"),
        Cable("rs1", "eth4", "02:00:00:00:04:12"),
    ),
    # All of it stays: what is the VIP's, and all but one of the container's, lvsdr itself takes
    # away, and gives back.
    machine=(
        ByHand(
            "rs1",
            (
                "address add 192.168.18.11/24 dev eth3",
                "address add 192.168.18.12/24 dev eth4",
                "link add ctr0 type veth peer name ctr1",
                "link set ctr0 up",
                "link set ctr1 up",
                "net/ipv4/ip_forward=1",
                # At once, not after up to 0.8 s, which a busy machine makes a second.
                *(f"net/ipv4/neigh/{link}/proxy_delay=0" for link in LINKS),
                f"route add {CONTAINER} dev ctr0",
                f"route add {VIP} dev ctr0",
                *(f"neighbour add proxy {CONTAINER} dev {link}" for link in LINKS),
                *(f"neighbour add proxy {VIP} dev {link}" for link in LINKS),
            ),
        ),
    ),
    by_hand=(),
)
