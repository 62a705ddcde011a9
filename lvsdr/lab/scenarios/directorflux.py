"""A director with several links in one subnet: each of them answers for the VIP."""

from lvsdr.lab.scenario import (
    ByHand,
    Cable,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

VIP = "192.168.18.2"
RIP = "192.168.18.21"

SCENARIO = Scenario(
    name="directorflux",
    summary="a director with three links in one subnet: each answers for the VIP",
    director=director_document(VIP, RIP),
    realserver=realserver_document(VIP),
    witness="answering",
    trouble=frozenset({"director", "director eth3", "director eth4"}),
    mended=frozenset({"director"}),
    cables=(
        Cable("director", "eth3", "02:00:00:00:03:11"),
        Cable("director", "eth4", "02:00:00:00:04:12"),
    ),
    machine=(
        ByHand(
            "director",
            ("address add 192.168.18.11/24 dev eth3", "address add 192.168.18.12/24 dev eth4"),
        ),
    ),
    by_hand=(
        ByHand(
            "director",
            (
                f"ipvsadm -A -t {VIP}:80 -s rr",
                f"ipvsadm -a -t {VIP}:80 -r {RIP}:80 -g",
                f"address add {VIP}/32 dev eth0",
            ),
            (f"address del {VIP}/32 dev eth0", f"ipvsadm -D -t {VIP}:80"),
        ),
    ),
    expected_findings=(ExpectedFinding("director", "ARP-FLUX"),),
    director_late=True,
)
