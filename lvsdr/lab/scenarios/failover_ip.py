"""A guest has given the address up, and its host still leads packets for it there."""

from lvsdr.lab.scenario import (
    ByHand,
    ExpectedFinding,
    ExtraHost,
    Scenario,
    WatchedLink,
    director_document,
    realserver_document,
)

VIP, GUEST_MAC = "192.168.1.2", "02:00:00:00:30:02"

SCENARIO = Scenario(
    name="failover-ip",
    summary="an address that a guest has given up and its host still routes there: it goes round",
    director=director_document(VIP, "192.168.1.11"),
    realserver=realserver_document(VIP),
    # The address becomes the director's after that.
    director_late=True,
    witness="looping",
    watched=WatchedLink("host", "veth0"),
    trouble=frozenset({"62"}),
    mended=frozenset({"0"}),
    expected_findings=(
        ExpectedFinding("host", "VIP-GIVEN-UP"),
        ExpectedFinding("guest", "VIP-LOOPS", role="realserver"),
    ),
    extra_hosts=(
        ExtraHost("host", "192.168.1.30/24", "02:00:00:00:00:30"),
        ExtraHost("guest", "192.168.1.31/24", "02:00:00:00:00:31"),
    ),
    machine=(
        ByHand("guest", ("link del eth0",)),
        ByHand(
            "host",
            (
                f"link add veth0 type veth peer name eth0 address {GUEST_MAC} netns lvsdr-guest",
                "address add 10.0.0.1/24 dev veth0",
                "link set veth0 up",
                "net/ipv4/ip_forward=1",
                # At once, not after up to 0.8 s: the client's packet waits for it.
                "net/ipv4/neigh/eth0/proxy_delay=0",
            ),
        ),
        ByHand(
            "guest",
            (
                "address add 10.0.0.2/24 dev eth0",
                "link set eth0 up",
                "route add default via 10.0.0.1 dev eth0",
                "net/ipv4/ip_forward=1",
            ),
        ),
    ),
    # What lvsdr realserver apply would keep there: a host that may get the address again.
    mend=(
        ByHand(
            "guest",
            (f"route add unreachable {VIP} metric 4294967294",),
            (f"route del unreachable {VIP} metric 4294967294",),
        ),
    ),
    by_hand=(
        ByHand(
            "host",
            (
                f"route add {VIP} dev veth0",
                f"neighbour add {VIP} lladdr {GUEST_MAC} dev veth0 nud permanent",
                f"neighbour add proxy {VIP} dev eth0",
            ),
            # The hint of VIP-GIVEN-UP.
            (
                f"neighbour del proxy {VIP} dev eth0",
                f"route del {VIP} dev veth0",
                f"neighbour del {VIP} dev veth0",
            ),
        ),
    ),
)
