"""systemd-networkd itself, on one host of the lab, with a message bus for networkctl."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import chown

from manager_parts import PATIENCE, Manager
from rig import settled

from lvsdr.lab.lab_host import Host

FILES = Path("/etc/systemd/network")
STATE = Path("/run/systemd/netif")
NETWORKD = "/lib/systemd/systemd-networkd"


class Networkd(Manager):
    """systemd-networkd on a host, which does what its files say."""

    __slots__ = ()

    def _program(self) -> tuple[str, Mapping[str, str]]:
        # Debugging it says when a link is set up.
        return NETWORKD, {**os.environ, "SYSTEMD_LOG_LEVEL": "debug"}

    def _must_begin(self) -> None:
        self._must_configure(0)

    def reconfigure(self) -> None:
        """Let it set up eth0 again."""
        before = self._configured()
        self.ctl("reconfigure", "eth0")
        self._must_configure(before)

    def reload(self, changed: Mapping[str, str]) -> None:
        """Change files that count for eth0, and let it read them again."""
        before = self._configured()
        write_files(changed)
        self.ctl("reload")
        self._must_configure(before)

    def typed(self, line: str) -> None:
        """Type a line that lets it set up eth0 again."""
        before = self._configured()
        self.host.run("sh", "-c", line)
        self._must_configure(before)

    def ctl(self, *words: str) -> None:
        """Call networkctl."""
        self.host.run("networkctl", "--no-pager", *words)

    def blink(self, where: Host, link: str) -> None:
        """Take a link down, eth0's own or the switch's, and up once networkd has seen it."""
        before, lost = self._configured(), self._count("eth0: Lost carrier")
        where.ip(f"link set {link} down")
        assert settled(lambda: self._count("eth0: Lost carrier") > lost, True, PATIENCE)
        where.ip(f"link set {link} up")
        self._must_configure(before)

    def _must_configure(self, before: int) -> None:
        done = settled(lambda: self._configured() > before, True, PATIENCE)
        assert done, self.logs[-1].read_text()[-2000:]

    def _configured(self) -> int:
        return self._count("eth0: State changed: configuring -> configured")

    def _count(self, words: str) -> int:
        return self.logs[-1].read_text().count(words)


def write_files(files: Mapping[str, str]) -> None:
    """Write files below /etc/systemd/network."""
    for name, text in files.items():
        path = FILES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextmanager
def networkd(host: Host, files: Mapping[str, str]) -> Iterator[Networkd]:
    """Let systemd-networkd set up a host by `files`, inside the block."""
    write_files(files)
    # It would set up for ever what is there with another broadcast address.
    host.ip("address flush dev eth0 scope global")
    # As its unit and systemd-tmpfiles make them.
    for folder in (STATE, STATE / "links", STATE / "leases", STATE / "lldp"):
        folder.mkdir(parents=True, exist_ok=True)
        chown(folder, "systemd-network", "systemd-network")
    made = Networkd(host)
    with made.at_work():
        yield made
