"""A VIP of each family: a real server answers for one by ARP, for the other by IPv6."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

VIP, VIP6 = "192.168.1.2", "fd00::2"
FOUR, SIX = director_document(VIP, "192.168.1.11"), director_document(VIP6, "fd00::12")

SCENARIO = Scenario(
    name="dualstack",
    summary="a VIP of each family: on lo it answers ARP, on eth0 it answers ND",
    director={
        **FOUR,
        "vips": [*FOUR["vips"], *SIX["vips"]],
        "virtual_servers": [*FOUR["virtual_servers"], *SIX["virtual_servers"]],
    },
    realserver={**realserver_document(VIP), "vips": [VIP, VIP6]},
    witness="answering",
    trouble=frozenset({"director", "rs1", "rs2"}),
    mended=frozenset({"director"}),
    by_hand=(
        # On lo, an IPv6 VIP is silent without any setting.
        ByHand(
            "rs1",
            (f"address add {VIP}/32 dev lo", f"address add {VIP6}/128 dev lo"),
            (f"address del {VIP}/32 dev lo", f"address del {VIP6}/128 dev lo"),
        ),
        ByHand(
            "rs2",
            (f"address add {VIP6}/128 dev eth0 nodad",),
            (f"address del {VIP6}/128 dev eth0",),
        ),
    ),
    expected_findings=(ExpectedFinding("rs1", "ARP-IGNORE"), ExpectedFinding("rs2", "VIP-ON-LINK")),
)
