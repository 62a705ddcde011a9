"""What to do about a wrong value, field by field, with the reason where the value would do harm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from lvsdr.model.arp_settings import SETTINGS, meaning_of

FORMS: Mapping[str, str] = {
    "name": "a name for a profile",
    "interface": "the name of a link that clients can reach",
    "holder_link": "the name of a link",
    "label": "a label",
    "scheduler": "the name of a scheduler",
    "sync_threshold": "two numbers with a space between them",
    "check": "a check",
    "path": "the path of a request",
    "host": "a name or an address of a host",
    "status": "a list of status codes",
    "contains": "a text of 1 to 1024 characters",
    "send": "1 to 1400 bytes in hex",
    "expect": "at most 1400 bytes in hex",
}

REMEDIES: Mapping[str, str] = {
    "name": "1 to 64 letters, digits, '.', '_', '@' and '-', the first a letter or digit",
    "interface": "1 to 15 bytes without space, '/', ':' and '%'; ip link shows the links",
    "holder_link": "1 to 15 bytes without space, '/', ':' and '%', for example lvsdr0",
    "label": "1 to 15 bytes without space and '/', for example eth0:0",
    "scheduler": "the kernel's name in lower case: rr, wrr, lc, wlc, sh, mh, ...",
    "persistence": "in seconds, at most 31 days; leave it out to have none",
    "weight": "0 takes no new connections, 1 is the default",
    "forwarding_method": "dr is direct routing, tunnel IPIP, GUE or GRE, masquerade NAT",
    "upper_threshold": "the most connections at a time; 0 is no limit",
    "lower_threshold": "new connections come again below this; leave it out for the kernel's own",
    "persistence_prefix": "a prefix length: 24 in place of 255.255.255.0",
    "persistence_engine": "sip, or leave it out",
    "scheduler_flags": "sh-fallback and sh-port are for sh, mh-fallback and mh-port for mh",
    "tunnel_checksum": "csum is for gue and gre, remcsum for gue",
    "syncid": "the same number on master and backup, 0 to 255",
    "sync_threshold": 'T P, for example "3 50": at the third packet of each fifty',
    "fwmark": "the number that the firewall sets, for example 1",
    "probe_port": "the port on which the real servers serve, for example 80",
    "interval": "in seconds, for example 1",
    "timeout": "in seconds, at most the interval, for example 0.5",
    "fall": "how many checks in a row have to fail, for example 2",
    "rise": "how many checks in a row have to succeed, for example 2",
    "check": 'write "path", or an object with one of http, udp, command',
    "action": "weight keeps it in the table with weight 0, remove takes it out",
    "when_all_fail": "keep leaves the last ones as they are, drop takes them out",
    "path": "it starts with '/', in printable ASCII; write a space as %20, leave out '#'",
    "host": "letters, digits, '.', '-', '_' and ':', for example www.example.org",
    "status": 'codes and ranges from 100 to 599, for example "200,301-308"',
    "contains": "leave it out to take whatever the body is",
    "send": 'two hex digits for each byte and nothing between them, for example "0aff"',
    "expect": 'two hex digits for each byte and nothing between them, for example "0aff"',
}

ON_THE_LINK = "a real server that holds the VIP on the link it talks on answers ARP for it"
ON_LO = "nothing arrives on lo: name the link on which clients' packets arrive"
# IPVS, ipvsadm, keepalived and ip call these things by other names.
ALIASES: Mapping[str, Sequence[str]] = {
    "iface": ["interface"],
    "dev": ["interface"],
    "device": ["interface"],
    "nic": ["interface"],
    "link": ["interface"],
    "ip": ["address", "rip"],
    "address": ["rip", "vip"],
    "vip": ["vips", "address"],
    "mark": ["fwmark"],
    "method": ["forwarding_method"],
    "lb_algo": ["scheduler"],
    "lb_kind": ["forwarding_method"],
    "services": ["virtual_servers"],
    "destinations": ["real_servers"],
    "route": ["dr"],
    "direct": ["dr"],
    "gate": ["dr"],
    "gatewaying": ["dr"],
    "ipip": ["tunnel", "tunl0"],
    "tun": ["tunnel", "tunl0"],
    "nat": ["masquerade"],
    "masq": ["masquerade"],
    "loopback": ["lo"],
    "persistence_timeout": ["persistence"],
    "persistence_granularity": ["persistence_prefix"],
    "persistence_netmask": ["persistence_prefix"],
    "netmask": ["persistence_prefix"],
    "pe": ["persistence_engine"],
    "ops": ["one_packet"],
    "uthreshold": ["upper_threshold"],
    "u_threshold": ["upper_threshold"],
    "u_thresh": ["upper_threshold"],
    "lthreshold": ["lower_threshold"],
    "l_threshold": ["lower_threshold"],
    "l_thresh": ["lower_threshold"],
    "tun_type": ["tunnel_type"],
    "tun_port": ["tunnel_port"],
    "mcast_interface": ["interface"],
    "mcast_group": ["group"],
    "mcast_port": ["port"],
    "mcast_ttl": ["ttl"],
    "maxlen": ["sync_maxlen"],
    "tcpfin": ["tcp_fin"],
    "vs": ["sysctls"],
    "delete": ["remove"],
    "healthcheck": ["health"],
    "health_check": ["health"],
    "checktype": ["check"],
    "checkinterval": ["interval"],
    "delay_loop": ["interval"],
    "checktimeout": ["timeout"],
    "connect_timeout": ["timeout"],
    "retry": ["fall"],
    "url": ["path"],
    "uri": ["path"],
    "virtualhost": ["host"],
    "status_code": ["status"],
    "fallback": ["sorry_server"],
    "quiescent": ["weight"],
}


def likeness(wrong: object, known: Sequence[object]) -> str | None:
    """Return the one of `known` that `wrong` was probably meant to be."""
    names = [name for name in known if isinstance(name, str)]
    # Comparing is quadratic, and no name is longer.
    if not isinstance(wrong, str) or len(wrong) > 64:
        return None
    # Most profiles have nothing to be mended.
    from difflib import get_close_matches  # noqa: PLC0415

    lower = wrong.lower().partition(":")[0]
    # What belongs where it was written comes first in `known`.
    aliases = sorted(set(names) & {*ALIASES.get(lower, ())}, key=names.index)
    return next(iter(aliases or get_close_matches(lower, names, 1, 0.7)), None)


def likeliest(wrong: Iterable[object], known: Sequence[object]) -> tuple[str, str] | None:
    """Return the first of `wrong` that is like one of `known`, and that one.

    Few are looked at: each takes some milliseconds, and one slip of the pen is rarely the last of
    many.
    """
    for name in islice(wrong, MOST_LIKENED):
        near = likeness(name, known)
        if near is not None:
            return str(name), near
    return None


MOST_LIKENED = 16


def reason(field: str, value: object) -> str | None:
    """Return why `value` is refused, and what to write, where that takes more than a list."""
    if field == "holder":
        return ON_THE_LINK if isinstance(value, str) else None
    if field == "interface" and value == "lo":
        return ON_LO
    if field == "interface" and isinstance(value, str) and value.partition(":")[1]:
        return "a name with a colon is a label; name the link itself, what stands before the colon"
    if isinstance(value, int) and not isinstance(value, bool):
        if field == "rp_filter":
            return "leave it out to keep the host's own setting, or write 2 (loose)"
        return meaning_of(field, value).refusal if field in SETTINGS else None
    return None
