"""The VIP on eth0 of a real server, in IPv6: it answers neighbour discovery for it."""

from lvsdr.lab.scenario import ByHand, Scenario, director_document, realserver_document

VIP = "fd00::2"

SCENARIO = Scenario(
    name="ipv6",
    summary="an IPv6 VIP on eth0 of a real server: it answers neighbour solicitations",
    director=director_document(VIP, "fd00::11"),
    realserver=realserver_document(VIP),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand(
            "rs1",
            (f"address add {VIP}/128 dev eth0 nodad",),
            (f"address del {VIP}/128 dev eth0",),
        ),
    ),
    refused=True,
)
