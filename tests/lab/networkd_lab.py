"""systemd-networkd itself, on one host of the lab, with a message bus for networkctl."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import chown, which

from rig import settled

from lvsdr.lab.lab_host import Host

FILES = Path("/etc/systemd/network")
STATE = Path("/run/systemd/netif")
LOG = Path("/run/networkd.log")
PATIENCE = 30.0
# The /sys of the host's own network. Debugging it says when a link is set up.
INSIDE = "mount -t sysfs sysfs /sys && exec "
NETWORKD = "/lib/systemd/systemd-networkd"
UDEV = "/lib/systemd/systemd-udevd"


@dataclass(slots=True)
class Networkd:
    """systemd-networkd on a host, which does what its files say."""

    host: Host
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Start it, and wait until it has set up eth0."""
        log = LOG.with_name(f"networkd.{len(self.logs)}.log")
        self.logs.append(log)
        debugging = {**os.environ, "SYSTEMD_LOG_LEVEL": "debug"}
        with log.open("w") as writing:
            self.process = subprocess.Popen(
                inside(self.host, NETWORKD), stdout=writing, stderr=writing, env=debugging
            )
        self._must_configure(0)

    def stop(self) -> None:
        """End it, as its unit does."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(PATIENCE)

    def restart(self) -> None:
        """Let it begin anew."""
        self.stop()
        self.start()

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
    with message_bus(), udev(host):
        made = Networkd(host)
        made.start()
        try:
            yield made
        finally:
            made.stop()


def inside(host: Host, command: str) -> list[str]:
    """Return what runs a command in a host with a /sys that shows its links."""
    entered = ["nsenter", f"--net={host.path}", "unshare", "--mount"]
    return [*entered, "sh", "-c", INSIDE + command]


@contextmanager
def udev(host: Host) -> Iterator[None]:
    """Run udev for a host inside the block: networkd waits for it, and has then seen all else."""
    process = subprocess.Popen(inside(host, UDEV), stderr=subprocess.DEVNULL)
    try:
        control = Path("/run/udev/control")
        assert settled(control.exists, True, PATIENCE)
        subprocess.run(inside(host, "udevadm trigger --subsystem-match=net"), check=True)
        subprocess.run(["udevadm", "settle", f"--timeout={PATIENCE:.0f}"], check=True)
        yield
    finally:
        process.kill()
        process.wait()
        control.unlink(missing_ok=True)


@contextmanager
def message_bus() -> Iterator[None]:
    """Run the system's message bus inside the block."""
    program = which("dbus-daemon")
    assert program is not None, "dbus is one of the tests' packages"
    Path("/run/dbus").mkdir(exist_ok=True)
    words = [program, "--system", "--nofork", "--nopidfile", "--print-address=1"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env=dict(os.environ))
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
