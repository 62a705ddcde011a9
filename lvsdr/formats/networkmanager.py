"""NetworkManager's connections in files (nm-settings-keyfile(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_interface

from lvsdr.formats.networkd import settings
from lvsdr.model.address import IPAddress

ADDRESS = re.compile(r"address(?:es)?[0-9]*")


def is_of(text: str, uuid: str, link: str) -> bool:
    """Return whether a connection has this UUID, or none in its file and is for this link."""
    said = {key: value for section, key, value in settings(text) if section == "connection"}
    if "uuid" in said:
        return said["uuid"] == uuid
    # Its UUID comes from the path of the file then.
    return said.get("interface-name") == link


def addresses(text: str) -> Iterator[IPAddress]:
    """Yield the addresses that a connection gives its link: ADDRESS/PREFIX[,GATEWAY] or several."""
    for section, key, value in settings(text):
        if section in ("ipv4", "ipv6") and ADDRESS.fullmatch(key):
            for word in re.split(r"[,;\s]+", value):
                try:
                    if "/" in word:
                        yield ip_interface(word).ip
                except ValueError:
                    # NetworkManager does not take it either.
                    continue
