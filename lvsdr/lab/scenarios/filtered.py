"""A container in a bridge that shows its frames to iptables, whose policy is made for routing."""

from lvsdr.lab.scenario import ByHand, Named, Scenario, director, realserver
from lvsdr.lab.scenarios.bridged import RIP, VIP
from lvsdr.lab.scenarios.bridged import SCENARIO as BRIDGED

CALL = "net/bridge/bridge-nf-call-iptables"

SCENARIO = Scenario(
    name="filtered",
    summary="a container in a bridge that asks iptables: a FORWARD policy of DROP cuts it off",
    director=director(VIP, RIP),
    realserver=realserver(VIP),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    boxes=BRIDGED.boxes,
    guests=BRIDGED.guests,
    # As container engines leave it; it stays, for what the host routes.
    machine=(
        *BRIDGED.machine,
        ByHand("box", ("iptables-legacy -P FORWARD DROP", f"{CALL}=0")),
    ),
    by_hand=(
        ByHand("box", (f"{CALL}=1",), (f"{CALL}=0",)),
        ByHand(
            "rs1",
            (
                "net/ipv4/conf/all/arp_ignore=1",
                "net/ipv4/conf/all/arp_announce=2",
                f"address add {VIP}/32 dev lo",
            ),
            (
                f"address del {VIP}/32 dev lo",
                "net/ipv4/conf/all/arp_ignore=0",
                "net/ipv4/conf/all/arp_announce=0",
            ),
        ),
    ),
    named=(Named("rs1", "BRIDGE-FILTER"),),
)
