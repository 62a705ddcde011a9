"""The command that lets a link with NOARP speak again: of a real server, silenced before that."""

from __future__ import annotations

from collections.abc import Collection
from shlex import quote

from lvsdr.model.address import IPAddress
from lvsdr.model.arp_settings import leaks, path_of
from lvsdr.model.host import Host


def speaking_again(link: str, silent_for: Collection[IPAddress], host: Host) -> tuple[str, str]:
    """Return a command, or words where none is harmless; the other one is empty.

    `silent_for` are the VIPs for which this host is not to answer: a director has none.
    """
    speaks = f"ip link set {quote(link)} arp on"
    held = [str(ip.ip) for ip in host.addresses_of(link) if ip.ip in silent_for]
    if held:
        return "", f"{speaks}, once it holds no VIP ({', '.join(held)}): it would answer for it"
    quiet = (("arp_ignore", 1), ("arp_announce", 2)) if silent_for and leaks(link, host) else ()
    first = (f"sysctl -w {quote(f'{path_of(name, link)}={value}')}" for name, value in quiet)
    return " && ".join((*first, speaks)), ""
