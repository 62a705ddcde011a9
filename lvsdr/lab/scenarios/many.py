"""Twenty real servers with holders of three kinds, two hundred VIPs, and one that answers."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    Scenario,
    director_document,
    realserver_document,
)

REAL_SERVERS, VIPS = 20, 200
HOLDERS = ("dummy", "lo", "tunl0")
RIPS = tuple(f"10.1.0.{100 + number}" for number in range(REAL_SERVERS))
ALL = tuple(f"10.1.{1 + number // 100}.{1 + number % 100}" for number in range(VIPS))
# Each VIP by two real servers, each real server for twenty VIPs.
SERVERS = [
    director_document(vip, RIPS[number % REAL_SERVERS], RIPS[(number + 1) % REAL_SERVERS])
    for number, vip in enumerate(ALL)
]


def _vips_of(place: int) -> list[str]:
    """Return the VIPs of one real server."""
    shares = (place, (place - 1) % REAL_SERVERS)
    return [vip for number, vip in enumerate(ALL) if number % REAL_SERVERS in shares]


SCENARIO = Scenario(
    name="many",
    summary="20 real servers with holders of three kinds and 200 VIPs: one of them answers",
    director={
        **SERVERS[0],
        "vips": [{"address": vip} for vip in ALL],
        "virtual_servers": [each["virtual_servers"][0] for each in SERVERS],
    },
    realserver=realserver_document(ALL[0]),
    profiles={
        f"rs{place + 1}": {
            **realserver_document(ALL[0], holder=HOLDERS[place % len(HOLDERS)]),
            "vips": _vips_of(place),
        }
        for place in range(REAL_SERVERS)
    },
    witness="answering",
    trouble=frozenset({"director", "rs7"}),
    mended=frozenset({"director"}),
    by_hand=(
        ByHand("rs7", (f"address add {ALL[0]}/32 dev lo",), (f"address del {ALL[0]}/32 dev lo",)),
    ),
    expected_findings=(ExpectedFinding("rs7", "ARP-IGNORE"),),
)
