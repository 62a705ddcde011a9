"""Names of hosts in another tool's file, which become the addresses that they have now."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from lvsdr.model.finding import Finding
from lvsdr.model.imported import noted
from lvsdr.model.printable import printable

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class LookedUp:
    """Looks up each name once; a profile has addresses alone, so each is told."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], str] = {}

    def ipv4(self, name: str) -> str:
        """Return the IPv4 address of a host; raises OSError or ValueError where it has none."""
        return self.address(name, 4)

    def address(self, name: str, version: int) -> str:
        """Return the first address of that version; raises OSError or ValueError."""
        if (name, version) not in self._found:
            found = socket.getaddrinfo(name, None, FAMILIES[version], socket.SOCK_STREAM)
            self._found[name, version] = str(found[0][4][0])
        return self._found[name, version]

    def findings(self, file: str) -> Iterator[Finding]:
        """Yield what a name was taken for: it may have another address tomorrow."""
        for (name, _), address in self._found.items():
            yield noted(
                file,
                f"{printable(name)} is written as {address}, as of now: a profile has no names",
                "change the profile when the name moves",
            )
