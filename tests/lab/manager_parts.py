"""What managers of networks need on a host of the lab: a message bus, udev, a /sys of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
