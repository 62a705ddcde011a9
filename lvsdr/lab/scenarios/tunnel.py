"""Tunnel forwarding: a strict rp_filter drops what comes out of the tunnel."""

from lvsdr.lab.scenario import (
    ByHand,
    Scenario,
    director_document,
    held_by_hand,
    realserver_document,
)

VIP = "192.168.1.2"

SCENARIO = Scenario(
    name="tunnel",
    summary="tunnel forwarding: a strict rp_filter drops the requests",
    director=director_document(VIP, "192.168.1.11", method="tunnel"),
    realserver=realserver_document(VIP, holder="tunl0"),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    machine=(ByHand("rs1", ("net/ipv4/conf/all/rp_filter=1",)),),
    by_hand=(held_by_hand("rs1", VIP, "tunl0"),),
)
