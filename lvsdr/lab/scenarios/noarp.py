"""NOARP on a bond and its slaves has no effect; on the bridge above it hides the host."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)
from lvsdr.lab.scenarios.bond import BELOW, RIP, VIP
from lvsdr.lab.scenarios.bond import SCENARIO as BOND

SCENARIO = Scenario(
    name="noarp",
    summary="a bond under a bridge, made silent by NOARP: nothing on slaves and bond, fatal on br0",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP, interface="br0"),
    witness="serving",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1"}),
    cables=BOND.cables,
    # Harmless, as is seen in the end: rs1 serves with all three of them switched off.
    machine=(*BOND.machine, ByHand("rs1", tuple(f"link set {link} arp off" for link in BELOW))),
    by_hand=(
        ByHand(
            "rs1",
            ("link set br0 arp off", f"address add {VIP}/32 dev lo"),
            (f"address del {VIP}/32 dev lo", "link set br0 arp on"),
        ),
    ),
    expected_findings=(ExpectedFinding("rs1", "LINK-NOARP"),),
    refused=True,
)
