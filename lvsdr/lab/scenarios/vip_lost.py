"""Somebody, or some program, removes the VIP on the director."""

from lvsdr.lab.scenario import (
    ByHand,
    Scenario,
    director_document,
    held_by_hand,
    realserver_document,
)

VIP = "192.168.1.2"
RIPS = ("192.168.1.11", "192.168.1.12")

SCENARIO = Scenario(
    name="vip-lost",
    summary="the VIP is removed on the director, by a person or a program: nobody serves",
    director=director_document(VIP, *RIPS),
    realserver=realserver_document(VIP),
    witness="lasting",
    trouble=frozenset({"nobody"}),
    mended=frozenset({"rs1", "rs2"}),
    by_hand=(
        held_by_hand("rs1", VIP),
        held_by_hand("rs2", VIP),
        ByHand(
            "director",
            (
                f"ipvsadm -A -t {VIP}:80 -s rr",
                *(f"ipvsadm -a -t {VIP}:80 -r {rip}:80 -g" for rip in RIPS),
                f"address add {VIP}/32 dev eth0",
            ),
            (f"address del {VIP}/32 dev eth0", f"ipvsadm -D -t {VIP}:80"),
        ),
    ),
    accident=(
        ByHand(
            "director",
            (f"address del {VIP}/32 dev eth0",),
            (f"address add {VIP}/32 dev eth0",),
        ),
    ),
    settles=1.0,
)
