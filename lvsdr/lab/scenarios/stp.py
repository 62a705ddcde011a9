"""A container in a bridge with spanning tree: a minute in which no frame passes."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    held_by_hand,
    realserver_document,
)
from lvsdr.lab.scenarios.bridged import RIP, VIP
from lvsdr.lab.scenarios.bridged import SCENARIO as BRIDGED

SCENARIO = Scenario(
    name="stp",
    summary="a container in a bridge with spanning tree: its port stays closed for a minute",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    extra_hosts=BRIDGED.extra_hosts,
    guests=BRIDGED.guests,
    machine=BRIDGED.machine,
    by_hand=(
        ByHand(
            "box",
            (
                "link set br0 type bridge stp_state 1 forward_delay 3000",
                "link set veth1 nomaster",
                "link set veth1 master br0",
            ),
            ("link set br0 type bridge stp_state 0", "bridge link set dev veth1 state 3"),
        ),
        held_by_hand("rs1", VIP),
    ),
    expected_findings=(ExpectedFinding("rs1", "BRIDGE-DELAY"),),
)
