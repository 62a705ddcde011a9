"""Differences between the keepalived.conf of two directors: who is master with each of them.

Each has a vrrp_instance of its own, so that two keepaliveds can try all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

A, B = "192.168.1.1", "192.168.1.3"
"""The directors' own addresses; what stands for them in lines is {a} and {b}."""


def password(word: str) -> tuple[str, ...]:
    """Return the lines of an authentication of version 2."""
    return ("auth_type PASS", f"auth_pass {word}")


@dataclass(frozen=True, slots=True)
class Side:
    """How one director has an instance: what differs from the usual one."""

    name: str = ""
    router: int = 0
    version: int = 2
    interval: str = "1"
    addresses: tuple[str, ...] = ("{vip}",)
    password: tuple[str, ...] = ()
    priority: int = 0
    state: str = "BACKUP"
    excluded: tuple[str, ...] = ()
    lines: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two directors that differ in something; `two_masters`: both answer for the VIP.

    From the version `heard_from` of keepalived on, only one does all the same.
    """

    name: str
    one: Side
    other: Side
    two_masters: bool
    heard_from: tuple[int, int, int] | None = None

    def __str__(self) -> str:
        return self.name


def text(difference: Difference, number: int, which: int, a: str = A, b: str = B) -> str:
    """Return the instance of a director, 0 or 1, which has the lower priority."""
    side = (difference.one, difference.other)[which]
    words = {"vip": vip(number), "more": vip(number + 100), "a": a, "b": b}
    parts = [
        f"state {side.state}",
        "interface eth0",
        f"virtual_router_id {side.router or number}",
        f"priority {side.priority or (100, 50)[which]}",
        f"advert_int {side.interval}",
        f"version {side.version}",
        _block("virtual_ipaddress", side.addresses),
        _block("virtual_ipaddress_excluded", side.excluded),
        _block("authentication", side.password),
        side.lines,
    ]
    inner = "\n".join(filter(None, parts))
    for word, value in words.items():
        inner = inner.replace(f"{{{word}}}", value)
    return f"vrrp_instance {side.name or f'VI_{number}'} {{\n{inner}\n}}\n"


def vip(number: int) -> str:
    """Return the VIP of the instance of a number."""
    return f"192.168.1.{number}"


def _block(name: str, lines: tuple[str, ...]) -> str:
    return "\n".join([f"{name} {{", *lines, "}"]) if lines else ""


def _peers(*addresses: str, source: str = "") -> str:
    own = f"unicast_src_ip {source}\n" if source else ""
    return own + "\n".join(["unicast_peer {", *addresses, "}"])


V3 = Side(version=3)
SIX = Side(addresses=("fe80::7/64",), excluded=("{vip}",))
SIX3 = Side(version=3, addresses=("fe80::7/64",), excluded=("{vip}",))
TWO = ("{vip}", "{more}")
# Of a list of addresses that differs.
HEARD = (2, 3, 3)
DIFFERENCES = (
    Difference("nothing", Side(), Side(), False),
    Difference("virtual_router_id", Side(), Side(router=250), True),
    Difference("auth_pass", Side(password=password("one")), Side(password=password("two")), True),
    Difference("auth_type", Side(password=password("one")), Side(), True),
    Difference(
        "auth_pass beyond eight characters",
        Side(password=password("12345678a")),
        Side(password=password("12345678b")),
        False,
    ),
    Difference("auth_pass of version 3", Side(version=3, password=password("one")), V3, False),
    Difference("more addresses", Side(addresses=TWO), Side(), True, HEARD),
    Difference("fewer addresses", Side(), Side(addresses=TWO), True, HEARD),
    Difference(
        "other addresses",
        Side(addresses=TWO),
        Side(addresses=("{vip}", "192.168.1.99")),
        True,
        HEARD,
    ),
    Difference("order of addresses", Side(addresses=TWO), Side(addresses=TWO[::-1]), False),
    Difference("prefix of an address", Side(addresses=("{vip}/24",)), Side(), False),
    Difference("excluded addresses", Side(excluded=("{more}",)), Side(), False),
    Difference("advert_int", Side(), Side(interval="2"), True),
    Difference("advert_int of version 3", V3, Side(version=3, interval="2"), False),
    Difference("vrrp_version", Side(), V3, True),
    Difference("unicast and multicast", Side(lines=_peers("{b}", source="{a}")), Side(), True),
    Difference("multicast and unicast", Side(), Side(lines=_peers("{a}", source="{b}")), True),
    Difference(
        "unicast",
        Side(lines=_peers("{b}", source="{a}")),
        Side(lines=_peers("{a}", source="{b}")),
        False,
    ),
    Difference(
        "a peer that is another",
        Side(lines=_peers("192.168.1.77", source="{a}")),
        Side(lines=_peers("{a}", source="{b}")),
        True,
    ),
    Difference(
        "a peer that is another, on the backup",
        Side(lines=_peers("{b}", source="{a}")),
        Side(lines=_peers("192.168.1.77", source="{b}")),
        False,
    ),
    Difference("names", Side(name="web"), Side(name="www"), False),
    Difference("priorities that are equal", Side(priority=100), Side(priority=100), False),
    Difference("both begin as masters", Side(state="MASTER"), Side(state="MASTER"), False),
    Difference("both are owners", Side(priority=255), Side(priority=255), False),
    Difference(
        "both begin as masters of one priority",
        Side(state="MASTER", priority=100),
        Side(state="MASTER", priority=100),
        False,
    ),
    Difference("nopreempt", Side(lines="nopreempt"), Side(), False),
    Difference("strict_mode", Side(lines="strict_mode on"), Side(), False),
    Difference(
        "strict_mode with a password",
        Side(lines="strict_mode on", password=password("one")),
        Side(password=password("one")),
        True,
    ),
    Difference("strict_mode of version 3", Side(version=3, lines="strict_mode on"), V3, False),
    Difference("use_vmac", Side(lines="use_vmac"), Side(), False),
    Difference(
        "use_vmac of version 3", Side(version=3, lines="use_vmac\nvmac_xmit_base"), V3, False
    ),
    Difference("garp", Side(lines="garp_master_delay 10"), Side(), False),
    Difference(
        "old_unicast_checksum",
        Side(version=3, lines=_peers("{b}", source="{a}") + "\nold_unicast_checksum"),
        Side(version=3, lines=_peers("{a}", source="{b}")),
        False,
    ),
    Difference(
        "old_unicast_checksum never",
        Side(version=3, lines=_peers("{b}", source="{a}") + "\nold_unicast_checksum"),
        Side(version=3, lines=_peers("{a}", source="{b}") + "\nold_unicast_checksum never"),
        True,
    ),
    Difference(
        "skip_check_adv_addr", Side(addresses=TWO), Side(lines="skip_check_adv_addr"), True, HEARD
    ),
    Difference("accept", Side(lines="no_accept"), Side(), False),
    Difference("families", SIX, Side(), True),
    Difference("family of version 3", SIX3, V3, True),
    Difference("twice the same address", Side(addresses=("{vip}", "{vip}")), Side(), True, HEARD),
    Difference("an address that is none", Side(addresses=("{vip}", "192.168.1")), Side(), False),
    Difference("down_timer_adverts", Side(lines="down_timer_adverts 5"), Side(), False),
    Difference(
        "auth_type AH",
        Side(password=("auth_type AH", "auth_pass one")),
        Side(password=password("one")),
        True,
    ),
    Difference(
        "auth_pass cut in one line",
        Side(password=("auth_type PASS auth_pass one",)),
        Side(password=password("one")),
        True,
    ),
)
