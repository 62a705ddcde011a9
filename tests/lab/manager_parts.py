"""What managers of networks need on a host of the lab: a message bus, udev, a /sys of its own."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from rig import settled

from lvsdr.lab.lab_host import Host

PATIENCE = 30.0
# The /sys of the host's own network.
INSIDE = "mount -t sysfs sysfs /sys && exec "
UDEV = "/lib/systemd/systemd-udevd"


def inside(host: Host, command: str) -> list[str]:
    """Return what runs a command in a host with a /sys that shows its links."""
    entered = ["nsenter", f"--net={host.path}", "unshare", "--mount"]
    return [*entered, "sh", "-c", INSIDE + command]


@dataclass(slots=True)
class Manager(ABC):
    """A manager of networks on a host, which it sets up as its files say."""

    host: Host
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Start it, and wait until it has set up eth0."""
        program, environment = self._program()
        log = Path(f"/run/{type(self).__name__.lower()}.{len(self.logs)}.log")
        self.logs.append(log)
        with log.open("w") as writing:
            self.process = subprocess.Popen(
                inside(self.host, program), stdout=writing, stderr=writing, env=environment
            )
        self._must_begin()

    def stop(self) -> None:
        """End it, as its unit does."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(PATIENCE)

    def restart(self) -> None:
        """Let it begin anew."""
        self.stop()
        self.start()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Run it inside the block, with a message bus and udev."""
        with message_bus(), udev(self.host):
            self.start()
            try:
                yield
            finally:
                self.stop()

    @abstractmethod
    def _program(self) -> tuple[str, Mapping[str, str]]:
        """Return the command that starts it, and its environment."""

    @abstractmethod
    def _must_begin(self) -> None:
        """Wait until it has set up eth0, once it is started."""


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
