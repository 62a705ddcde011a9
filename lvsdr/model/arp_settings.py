"""arp_ignore and arp_announce: what each value means, and which of a link's two values counts.

After Documentation/networking/ip-sysctl.rst, and arp_ignore() and arp_solicit() of net/ipv4/arp.c.
"""

from __future__ import annotations

from collections.abc import Mapping

from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArpValue:
    """One value of a setting: what the host does with it, and whether it is silent for a VIP.

    Silent is meant of a VIP on another link than the one that is asked, or that asks. `refusal`
    says why a profile must not have a value that is not, and what to write.
    """

    meaning: str
    silent: bool = False
    refusal: str = ""


RESERVED = "reserved: it acts like 0"
_MIDDLE = ArpValue(
    RESERVED,
    refusal="4 to 7 are reserved, and answer for every address of the host; write 1",
)
_ASKS = (
    "0 and 1 let the host ask in the VIP's name, and who hears it"
    " sends the VIP's traffic here; write 2"
)

# Whether it answers a who-has.
EVERY_ADDRESS, OF_THE_LINK, OF_THE_SUBNET, NOT_SCOPE_HOST, NOTHING = 0, 1, 2, 3, 8
IGNORE: Mapping[int, ArpValue] = {
    EVERY_ADDRESS: ArpValue(
        "it answers for every address of this host",
        refusal="0 answers for every address of the host, the VIPs too; write 1",
    ),
    OF_THE_LINK: ArpValue("it answers for addresses of this link only", silent=True),
    OF_THE_SUBNET: ArpValue(
        "it answers for addresses of this link only, to askers of their subnet", silent=True
    ),
    # Silent for a VIP of scope host, which is how lvsdr holds it, but not for anybody else's.
    NOT_SCOPE_HOST: ArpValue(
        "it answers for every address of this host but those of scope host",
        refusal="3 answers for every VIP of scope global; write 1",
    ),
    **dict.fromkeys(range(4, 8), _MIDDLE),
    NOTHING: ArpValue("it answers for nothing", silent=True),
}
# In whose name it asks.
ANNOUNCE: Mapping[int, ArpValue] = {
    0: ArpValue("it asks in any address of this host, a VIP too", refusal=_ASKS),
    1: ArpValue(
        "it asks in the address of the packet if that is of the target's subnet, a VIP too",
        refusal=_ASKS,
    ),
    2: ArpValue("it asks in an address of this link", silent=True),
}
SETTINGS: Mapping[str, Mapping[int, ArpValue]] = {"arp_ignore": IGNORE, "arp_announce": ANNOUNCE}
# The kernel takes any number.
_OTHERS = {
    "arp_ignore": ArpValue(
        RESERVED, refusal="the kernel answers for every address of the host with it; write 1"
    ),
    "arp_announce": ArpValue(
        RESERVED, refusal="the kernel acts as with 0, and asks in the VIP's name; write 2"
    ),
}


def meaning_of(setting: str, value: int) -> ArpValue:
    """Return what `value` of arp_ignore or arp_announce means."""
    return SETTINGS[setting].get(value, _OTHERS[setting])


def spoils(setting: str, value: int) -> bool:
    """Return whether no other value can make a host silent beside this one.

    The kernel takes the larger of `all` and the link's own, but larger is not stricter.
    """
    return not meaning_of(setting, value).silent and value > _least(setting)


def _least(setting: str) -> int:
    return min(value for value, meant in SETTINGS[setting].items() if meant.silent)


def path_of(setting: str, scope: str) -> str:
    """Return the sysctl of a setting of IPv4, for a link, `all` or `default`."""
    return f"net/ipv4/conf/{scope}/{setting}"


def effective(setting: str, link: str, host: Host) -> int:
    """Return the value that the kernel acts on: the larger of `all` and the link's own.

    So it is with arp_ignore, arp_announce and rp_filter; others count where either is set.
    """
    return max(host.pair(setting, link))


def leaks(link: str, host: Host) -> bool:
    """Return whether this host answers on `link` for the IPv4 addresses of its other links."""
    return not meaning_of("arp_ignore", effective("arp_ignore", link, host)).silent
