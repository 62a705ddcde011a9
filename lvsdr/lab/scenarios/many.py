"""Twenty real servers with holders of three kinds, two hundred VIPs, and one that answers."""

from lvsdr.lab.scenario import ByHand, Named, Scenario, director, realserver

REAL_SERVERS, VIPS = 20, 200
RIPS = tuple(f"10.1.0.{100 + number}" for number in range(REAL_SERVERS))
ALL = tuple(f"10.1.0.{number}" for number in range(20, 20 + 80)) + tuple(
    f"10.2.0.{number}" for number in range(1, VIPS - 80 + 1)
)
HOLDERS = ("dummy", "lo", "tunl0")
# Each VIP by two real servers, each real server for twenty VIPs.
SERVERS = [
    director(vip, RIPS[number % REAL_SERVERS], RIPS[(number + 1) % REAL_SERVERS])
    for number, vip in enumerate(ALL)
]

SCENARIO = Scenario(
    name="many",
    summary="20 real servers with holders of three kinds and 200 VIPs: one of them answers",
    director={
        **SERVERS[0],
        "vips": [{"address": vip} for vip in ALL],
        "virtual_servers": [each["virtual_servers"][0] for each in SERVERS],
    },
    realserver={**realserver(ALL[0]), "vips": list(ALL)},
    profiles={
        f"rs{number + 1}": {
            **realserver(ALL[0], holder=HOLDERS[number % len(HOLDERS)]),
            "vips": list(ALL),
        }
        for number in range(REAL_SERVERS)
    },
    witness="answering",
    trouble=frozenset({"director", "rs7"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand("rs7", (f"address add {ALL[0]}/32 dev lo",), (f"address del {ALL[0]}/32 dev lo",)),
    ),
    named=(Named("rs7", "ARP-IGNORE"),),
)
