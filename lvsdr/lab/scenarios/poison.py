"""A real server sends ARP requests from the VIP, and the gateway learns its MAC for the VIP."""

from lvsdr.lab.scenario import Scenario, director_document, held_with, realserver_document

VIP = "192.168.1.2"

SCENARIO = Scenario(
    name="poison",
    summary="silent, but asking in the VIP's name: the gateway's ARP entry turns",
    director=director_document(VIP, "192.168.1.11"),
    realserver=realserver_document(VIP),
    witness="entry",
    trouble=frozenset({"rs1"}),
    mended=frozenset({"director"}),
    by_hand=(held_with("rs1", VIP, "all"),),
)
