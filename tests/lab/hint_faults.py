"""A fault for each finding that a host can have, and what is to be printed for it.

Those of one host's state are in test_host_rules; here are those that others see. What needs a
cluster of its own is made in the test that names it.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig import RIPS, VIP, VIP6
from test_host_rules import FAULTS, LOST, NO_GUARD, Fault, also, conf

# The profile is where the program looks for it by itself.
APPLY = "lvsdr realserver apply"
# Whatever the rows before have left on the link: the larger one counts.
LOUD = also(conf("all", "arp_ignore", 0), conf("eth0", "arp_ignore", 0))


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, and where it is seen; without a hint, `typed` is false."""

    fault: Fault
    seen_from: str
    typed: bool = True

    def __str__(self) -> str:
        return f"{self.fault.rule} from {self.seen_from}: {self.fault.make}"


def seen(seen_from: str, fault: Fault, *, typed: bool = True) -> Row:
    return Row(fault, seen_from, typed)


ROWS = [
    *(seen(each.place, each, typed=not each.instead) for each in FAULTS),
    # What is missing altogether.
    seen("realserver", Fault(LOST, "DRIFT", f"{VIP}/32 on lvsdr0")),
    seen("realserver", Fault(NO_GUARD, "DRIFT", "unreachable")),
    seen("director", Fault(f"ip address del {VIP}/32 dev eth0", "DRIFT", VIP, place="director")),
    seen("director", Fault(f"ipvsadm -D -t {VIP}:80", "DRIFT", VIP, place="director")),
    seen(
        "director",
        Fault(f"ipvsadm -d -t {VIP}:80 -r {RIPS[0]}:80", "DRIFT", RIPS[0], place="director"),
    ),
    # With one director the first address of the subnet is the VIP, and its own dies with it.
    seen(
        "director",
        Fault(
            also(
                "ip address flush dev eth0 to 192.168.1.0/24",
                f"ip address add {VIP}/24 dev eth0",
                "ip address add 192.168.1.10/24 dev eth0",
                "ip route replace default via 192.168.1.1 dev eth0",
            ),
            "VIP-PREFIX",
            "eth0",
            place="director",
        ),
    ),
    seen(
        "realserver",
        Fault(also(LOST, f"ip address add {VIP}/32 dev eth0"), "VIP-ON-LINK", "eth0"),
    ),
    # What others see.
    seen("director", Fault(LOST, "PATH-VIP-MISSING", RIPS[0], instead=APPLY), typed=False),
    seen(
        "director",
        Fault(
            also("sysctl -qw net.ipv4.ip_forward=1", NO_GUARD, LOST),
            "PATH-LOOP",
            RIPS[0],
            instead=f"sysctl -qw net.ipv4.ip_forward=0; {APPLY}",
        ),
        typed=False,
    ),
    seen(
        "observer",
        Fault(LOUD, "ARP-ANSWER", RIPS[0], instead=APPLY),
        typed=False,
    ),
    seen(
        "observer",
        Fault(
            f"ip address add {VIP6}/128 dev eth0 nodad",
            "ND-ANSWER",
            RIPS[0],
            f"ip address del {VIP6}/128 dev eth0",
        ),
        typed=False,
    ),
    seen(
        "observer",
        Fault(
            f"ip address del {VIP}/32 dev eth0",
            "ARP-NOBODY",
            VIP,
            place="director",
            instead="lvsdr director apply",
        ),
        typed=False,
    ),
    seen(
        "observer",
        Fault(
            f"ip address del {VIP6}/128 dev eth0",
            "ND-NOBODY",
            VIP6,
            place="director",
            instead="lvsdr director apply",
        ),
        typed=False,
    ),
    # The same, as the director hears it of itself.
    seen(
        "director",
        Fault(f"ip address del {VIP}/32 dev eth0", "ARP-NOBODY", VIP, place="director"),
    ),
    # A real server that is silent only because its link is.
    seen(
        "realserver",
        Fault(
            also(LOUD, "ip link set eth0 arp off"),
            "LINK-NOARP",
            "eth0",
            also(conf("all", "arp_ignore", 1), conf("eth0", "arp_announce", 0)),
        ),
    ),
    # What others have put into a table, and nobody serves there.
    seen(
        "director",
        Fault(
            f"ipvsadm -a -t {VIP}:80 -r 192.168.1.99:80 -g -w 1",
            "TABLE-FOREIGN",
            "192.168.1.99",
            place="director",
        ),
    ),
    seen(
        "director",
        Fault(
            f"ipvsadm -a -t {VIP}:80 -r 192.168.1.1:8080 -m -w 1",
            "TABLE-FOREIGN",
            "192.168.1.1",
            place="director",
        ),
    ),
    seen(
        "realserver",
        Fault(
            also(*(f"ip neighbour add proxy {RIPS[0]} dev {link}" for link in ("eth0", "lo"))),
            "PROXY-FLUX",
            "lo",
            f"ip neighbour del proxy {RIPS[0]} dev eth0",
            severity="warning",
        ),
    ),
]
