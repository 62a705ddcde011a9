"""NetworkManager itself, on one host of the lab."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from manager_parts import PATIENCE, Manager
from rig import settled

from lvsdr.lab.lab_host import Host

CONNECTIONS = Path("/etc/NetworkManager/system-connections")
CONF = Path("/etc/NetworkManager/conf.d/lab.conf")
# Debian's rules for udev keep it from veth, and it would make connections of its own.
OURS = """[main]
plugins=keyfile
no-auto-default=*
[device-eth0]
match-device=interface-name:eth0
managed=1
"""
# What it notes of links that it has set up, for the time after its restart.
NOTES = Path("/run/NetworkManager/devices")
# It tells its log as well.
PROGRAM = "/usr/sbin/NetworkManager --debug"


class NetworkManager(Manager):
    """NetworkManager on a host, with the connection eth0."""

    __slots__ = ()

    def _program(self) -> tuple[str, Mapping[str, str]]:
        return PROGRAM, os.environ

    def _must_begin(self) -> None:
        self.must_connect()

    def ctl(self, *words: str) -> None:
        """Call nmcli, which waits until it is done."""
        self.host.run("nmcli", *words)

    def blink(self, where: Host, link: str) -> None:
        """Take a link down, eth0's own or the switch's, and up once NetworkManager has acted."""
        where.ip(f"link set {link} down")
        assert settled(lambda: self._state("eth0") != "connected", True, PATIENCE)
        where.ip(f"link set {link} up")
        self.must_connect()

    def must_connect(self, link: str = "eth0") -> None:
        """Wait until a link is connected."""
        done = settled(lambda: self._state(link), "connected", PATIENCE, every=0.2)
        told = self.logs[-1].read_text(encoding="utf-8", errors="replace")[-4000:]
        assert done == "connected", self.host.run("nmcli", check=False).stdout + told

    def _state(self, link: str) -> str:
        shown = self.host.run("nmcli", "-t", "-f", "DEVICE,STATE", "device", check=False).stdout
        states = dict(line.split(":", 1) for line in shown.splitlines())
        return states.get(link, "")


def write_connections(files: Mapping[str, str]) -> None:
    """Write connections, which nobody else may read."""
    for name, text in files.items():
        path = CONNECTIONS / f"{name}.nmconnection"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)


@contextmanager
def network_manager(host: Host, files: Mapping[str, str]) -> Iterator[NetworkManager]:
    """Let NetworkManager set up a host by connections in files, inside the block."""
    # Those are of the host before this one: it would take eth0 for one that is set up, and since
    # 1.52 it leaves that as it is, down.
    shutil.rmtree(NOTES, ignore_errors=True)
    write_connections(files)
    CONF.write_text(OURS, encoding="utf-8")
    # What is there it would leave as it is.
    host.ip("address flush dev eth0", "link set eth0 down")
    made = NetworkManager(host)
    with made.at_work():
        yield made
