"""Several links in one subnet: each answers for every address of the host."""

from lvsdr.lab.scenario import (
    ByHand,
    Cable,
    Scenario,
    director_document,
    held_with,
    realserver_document,
)

VIP = "192.168.18.2"

SCENARIO = Scenario(
    name="flux",
    summary="a real server with three links in one subnet, one of them made silent",
    director=director_document(VIP, "192.168.18.10"),
    realserver=realserver_document(VIP),
    witness="answering",
    dip="192.168.18.20",
    trouble=frozenset({"director", "rs1 eth3", "rs1 eth4"}),
    mended=frozenset({"director"}),
    cables=(
        Cable("rs1", "eth3", "02:00:00:00:03:11"),
        Cable("rs1", "eth4", "02:00:00:00:04:12"),
    ),
    machine=(
        ByHand(
            "rs1",
            ("address add 192.168.18.11/24 dev eth3", "address add 192.168.18.12/24 dev eth4"),
        ),
    ),
    by_hand=(held_with("rs1", VIP, "eth0"),),
)
