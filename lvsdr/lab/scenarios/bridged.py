"""A container in its host's bridge: only the settings of its own namespace count."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    ExtraHost,
    Guest,
    Scenario,
    director_document,
    realserver_document,
)

VIP = "192.168.1.2"
RIP = "192.168.1.11"
BOX = "192.168.1.21/24"
MAC = "02:00:00:00:00:21"
OF_THE_HOST = ("all", "br0", "eth0", "veth1")

SCENARIO = Scenario(
    name="bridged",
    summary="a container in its host's bridge: arp_ignore on host, bridge and ports does nothing",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    extra_hosts=(ExtraHost("box", BOX, MAC),),
    guests=(Guest("rs1", "box", "veth1", from_host=True),),
    machine=(
        ByHand(
            "box",
            (
                f"link add br0 address {MAC} type bridge stp_state 0 mcast_snooping 0",
                "address flush dev eth0",
                "link set eth0 master br0",
                "link set veth1 master br0",
                "link set br0 up",
                f"address add {BOX} dev br0",
            ),
        ),
    ),
    by_hand=(
        ByHand(
            "box",
            tuple(f"net/ipv4/conf/{scope}/arp_ignore=1" for scope in OF_THE_HOST),
            tuple(f"net/ipv4/conf/{scope}/arp_ignore=0" for scope in OF_THE_HOST),
        ),
        ByHand("rs1", (f"address add {VIP}/32 dev lo",), (f"address del {VIP}/32 dev lo",)),
    ),
    expected_findings=(ExpectedFinding("rs1", "ARP-IGNORE"),),
)
