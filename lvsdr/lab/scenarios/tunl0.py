"""The VIP on tunl0 for direct routing: NOARP on the holder has no effect."""

from lvsdr.lab.scenario import ByHand, Scenario, director_document, realserver_document

VIP = "192.168.1.2"

SCENARIO = Scenario(
    name="tunl0",
    summary="the VIP on tunl0, a NOARP link, for direct routing: eth0 answers for it",
    director=director_document(VIP, "192.168.1.11"),
    realserver=realserver_document(VIP, holder="tunl0"),
    witness="answering",
    trouble=frozenset({"director", "rs1"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand(
            "rs1",
            ("link set tunl0 arp off up", f"address add {VIP}/32 dev tunl0"),
            (f"address del {VIP}/32 dev tunl0", "link set tunl0 down"),
        ),
    ),
)
