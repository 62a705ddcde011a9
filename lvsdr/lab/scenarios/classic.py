"""The classic: the VIP as an alias of lo, which every link answers for."""

from lvsdr.lab.scenario import ByHand, Scenario, director_document, realserver_document

VIP = "192.168.1.2"
RIPS = ("192.168.1.11", "192.168.1.12")

SCENARIO = Scenario(
    name="classic",
    summary="the VIP on lo of the real servers: each of them answers ARP for it",
    director=director_document(VIP, *RIPS),
    realserver=realserver_document(VIP, holder="lo"),
    witness="answering",
    trouble=frozenset({"director", "rs1", "rs2"}),
    mended=frozenset({"director"}),
    by_hand=tuple(
        ByHand(host, (f"address add {VIP}/32 dev lo",), (f"address del {VIP}/32 dev lo",))
        for host in ("rs1", "rs2")
    ),
)
