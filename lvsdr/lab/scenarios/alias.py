"""The VIP as an alias of eth0: nothing silences it, and lvsdr refuses to go on beside it."""

from lvsdr.lab.scenario import ByHand, Scenario, director_document, realserver_document

VIP = "192.168.1.2"
SET = "net/ipv4/conf/all"

SCENARIO = Scenario(
    name="alias",
    summary="the VIP on eth0:0 of a real server: it answers whatever arp_ignore says",
    director=director_document(VIP, "192.168.1.11"),
    realserver=realserver_document(VIP),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand(
            "rs1",
            (
                f"{SET}/arp_ignore=1",
                f"{SET}/arp_announce=2",
                f"address add {VIP}/32 dev eth0 label eth0:0",
            ),
            (
                f"address del {VIP}/32 dev eth0",
                f"{SET}/arp_ignore=0",
                f"{SET}/arp_announce=0",
            ),
        ),
    ),
    refused=True,
)
