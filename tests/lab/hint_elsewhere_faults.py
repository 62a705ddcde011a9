"""Faults that need a cluster of their own, each with a hint: tunnels, containers, VRFs, guests."""

from __future__ import annotations

from hint_faults import Row, seen
from rig import RIPS, VIP
from test_host_rules import Fault, also

GATEWAY, GUEST_MAC = "192.168.1.1", "02:00:00:00:30:02"


def at(place: str, make: str, rule: str, undo: str = "true", on: str = "") -> Row:
    """Return a row whose fault is made `on` a host, by default where it is seen."""
    return seen(place, Fault(make, rule, "", undo, place=on or place))


TUNNELS = [
    at("director", "ip link set tunl0 down", "PATH-NO-TUNNEL", on=RIPS[0]),
    at("director", "ip fou del port 5555", "PATH-NO-TUNNEL", on=RIPS[1]),
    at("director", "true", "TUNNEL-MTU", "iptables -t mangle -F", on=RIPS[0]),
]
VRF = [
    at(
        "realserver",
        also(
            "ip link add red type vrf table 10",
            "ip link set red up",
            "ip link set eth0 master red",
            f"ip route add default via {GATEWAY} vrf red",
            "sysctl -qw net.ipv4.tcp_l3mdev_accept=1",
            "ip rule add pref 32765 lookup local",
            "ip rule del pref 0",
        ),
        "VRF-HOLDER",
    )
]
ROUTED = [
    at("box", f"ip route del {VIP}", "HOST-ROUTE"),
    at("box", f"ip route replace {VIP}/32 dev veth1", "HOST-ROUTE"),
    at("box", "sysctl -qw net/ipv4/ip_forward=0", "HOST-ROUTE"),
    at("box", "sysctl -qw net/ipv4/conf/eth0/proxy_arp=1", "HOST-ANSWERS"),
    at("box", "sysctl -qw net/ipv4/conf/all/proxy_arp=1", "HOST-ANSWERS"),
    at("box", f"ip neighbour add proxy {VIP} dev eth0", "HOST-ANSWERS"),
    at("box", "sysctl -qw net/ipv4/conf/veth1/forwarding=0", "HOST-RETURN"),
]
FAILOVER = [
    at(
        "host",
        also(
            f"ip route add {VIP} dev veth0",
            f"ip neighbour add {VIP} lladdr {GUEST_MAC} dev veth0 nud permanent",
            f"ip neighbour add proxy {VIP} dev eth0",
        ),
        "VIP-GIVEN-UP",
    )
]
