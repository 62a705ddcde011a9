"""systemd-networkd's files: .network files and their drop-ins (systemd.network(5))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_interface
from itertools import chain

from lvsdr.model.address import IPAddress

# How systemd writes yes.
YES = frozenset({"1", "yes", "y", "true", "t", "on"})


def keeps_addresses(texts: Iterable[str]) -> bool:
    """Return whether a link keeps addresses of others, by its file and then its drop-ins."""
    kept = ""
    for text in texts:
        for section, key, value in settings(text):
            if (section, key) == ("Network", "KeepConfiguration"):
                # The last one counts.
                kept = value.lower()
    return kept == "static" or kept in YES


def addresses(texts: Iterable[str]) -> Iterator[IPAddress]:
    """Yield the addresses that a link gets by its file and then its drop-ins."""
    for section, key, value in chain.from_iterable(map(settings, texts)):
        if section in ("Network", "Address") and key == "Address":
            # Others are of networkd's own choice: 0.0.0.0/24 stands for one that is free.
            with suppress(ValueError):
                yield ip_interface(value).ip


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, name and value of each line that sets something."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line[:1] not in ("", "#", ";"):
            key, _, value = line.partition("=")
            yield section, key.strip(), value.strip()
