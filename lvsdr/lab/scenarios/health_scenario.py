"""A real server that has lost the VIP and answers whoever asks its RIP, as keepalived does."""

from lvsdr.lab.scenario import (
    ByHand,
    ByKeepalived,
    Scenario,
    director_document,
    held_by_hand,
    realserver_document,
)

VIP = "192.168.1.2"
RIPS = ("192.168.1.11", "192.168.1.12")
REAL_SERVER = """\
    real_server {} 80 {{
        TCP_CHECK {{
            connect_timeout 1
            retry 1
            delay_before_retry 1
        }}
    }}
"""
CONF = f"""\
virtual_server {VIP} 80 {{
    delay_loop 1
    lb_algo rr
    lb_kind DR
    protocol TCP
{"".join(map(REAL_SERVER.format, RIPS))}}}
"""

SCENARIO = Scenario(
    name="health",
    summary="a real server that has lost the VIP, and passes checks of its RIP",
    director={**director_document(VIP, *RIPS), "health": {}},
    realserver=realserver_document(VIP, holder="lo"),
    witness="lasting",
    trouble=frozenset({"nobody", "rs2"}),
    mended=frozenset({"rs2"}),
    by_hand=(
        held_by_hand("rs1", VIP),
        held_by_hand("rs2", VIP),
        ByHand(
            "director",
            (f"address add {VIP}/32 dev eth0",),
            (f"address del {VIP}/32 dev eth0",),
        ),
    ),
    keepalived=ByKeepalived(
        CONF,
        ByHand(
            "director",
            (
                f"ipvsadm -A -t {VIP}:80 -s rr",
                *(f"ipvsadm -a -t {VIP}:80 -r {rip}:80 -g" for rip in RIPS),
            ),
            (f"ipvsadm -D -t {VIP}:80",),
        ),
    ),
    accident=(
        ByHand(
            "rs1",
            (f"address del {VIP}/32 dev lo",),
            (f"address add {VIP}/32 dev lo scope host",),
        ),
    ),
    settles=3.0,
)
