"""The package's life under a real systemd: installed, upgraded under traffic, removed, purged.

A lab's director has a root of make_root.sh for its system, and serves a client all the while. The
variables LVSDR_SYSTEM (that root), LVSDR_PACKAGE and LVSDR_UPGRADE (two packages) say with what.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

import pytest
from masked_units import leave_out
from rig import VIP, Rig, director, lvsdr, realserver, rig, settled, write
from witnesses import ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.lasting_requests import asking_on
from lvsdr.lab.services import serving

PATIENCE = 120.0
# dpkg brings each file to the disk, and Python is compiled on one slow CPU.
LONG = 900.0
KEEP, ONCE = "lvsdr-director-keep@web.service", "lvsdr-director@second.service"
SECOND = "192.168.1.3"
BOOT = """
set -e
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount --bind "$SHARED_RUN" run
mount -t tmpfs tmpfs tmp
pivot_root . mnt
umount -l /mnt
exec /lib/systemd/systemd --system --unit=lab.target --log-target=console --show-status=0
"""


@dataclass(frozen=True, slots=True)
class System:
    """A host whose system is a folder, run by the systemd that is in it."""

    host: Host
    root: Path
    run: Path
    first: int

    def inside(self, *words: str, expect: int | None = 0, timeout: float = PATIENCE) -> str:
        """Return what a program of the system says on either of its outputs."""
        nsenter = ("nsenter", f"--target={self.first}", "--mount", "--pid", "--root", "--wd")
        clean = (
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND=noninteractive",
        )
        done = self.host.run(*nsenter, *clean, *words, check=False, timeout=timeout)
        told = done.stdout + done.stderr
        assert expect in (None, done.returncode), (words, told)
        return told

    def shown(self, unit: str, what: str) -> str:
        return self.inside("systemctl", "show", "-P", what, unit).strip()

    def dpkg(self, *words: str) -> str:
        return self.inside("dpkg", "--force-unsafe-io", *words, timeout=LONG)

    @property
    def files(self) -> list[str]:
        """Return the files and folders of the system that are ours by their names."""
        # What systemd notes of units that it has started goes with the next boot.
        folders = ("/etc", "/usr", "/run", "/var/lib/systemd")
        look = ("find", *folders, "-path", "/run/systemd", "-prune", "-o", "-name", "*lvsdr*")
        return self.inside(*look, "-print").splitlines()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("package")
    with rig(folder, director(), realserver()) as made:
        for host in made.lab.realservers:
            lvsdr(host, "realserver", "apply", made.realserver)
        yield made


@pytest.fixture(scope="module")
def system(made: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    root, folder = Path(os.environ["LVSDR_SYSTEM"]), tmp_path_factory.mktemp("system")
    # Seen by the packages' scripts: they may start what is theirs.
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
    units = folder / "run/systemd/system"
    units.mkdir(parents=True)
    leave_out(units)
    for each in ("LVSDR_PACKAGE", "LVSDR_UPGRADE"):
        shutil.copy(os.environ[each], root / f"{each}.deb")
    with _booted(made.lab.director, root, folder) as running:
        yield running


@contextmanager
def _booted(host: Host, root: Path, folder: Path) -> Iterator[System]:
    words = ["nsenter", f"--net={host.path}", "--", "unshare", "--pid", "--fork", "--mount"]
    words += ["--kill-child", "sh", "-c", BOOT]
    shared = {
        **os.environ,
        "ROOT": str(root),
        "SHARED_RUN": str(folder / "run"),
        "container": "lab",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, env=shared, stdout=log, stderr=log)
    try:
        first = settled(lambda: _child(host, process.pid) > 0, True, PATIENCE)
        assert first, (folder / "log").read_text()
        made = System(host, root, folder / "run", _child(host, process.pid))
        active = settled(
            lambda: made.inside("systemctl", "is-active", "lab.target", expect=None),
            "active\n",
            PATIENCE,
        )
        assert active == "active\n", (active, (folder / "log").read_text())
        yield made
    finally:
        process.kill()
        process.wait()


def _child(host: Host, parent: int) -> int:
    return int(host.run("ps", "-o", "pid=", "--ppid", str(parent), check=False).stdout or 0)


def vips(host: Host) -> set[str]:
    shown = host.run("ip", "-o", "address", "show", "dev", "eth0").stdout
    return {vip for vip in (VIP, SECOND) if f" {vip}/" in shown}


def profiles(system: System) -> None:
    write(system.root / "etc/lvsdr", director(), "web")
    second = director(name="second", vips=[{"address": SECOND}], virtual_servers=[])
    write(system.root / "etc/lvsdr", second, "second")


def test_the_life_of_the_package(made: Rig, system: System) -> None:  # noqa: PLR0915
    host, service = made.lab.director, made.services[0]
    sources = made.lab.client_addresses(ip_address(VIP).version)
    version = system.inside("systemctl", "--version").splitlines()[0]

    # Installed: nothing is enabled, started or changed by itself.
    system.dpkg("--install", "/LVSDR_PACKAGE.deb")
    program = system.inside("lvsdr", "--version")
    listed = system.inside("systemctl", "list-units", "--all", "--no-legend", "lvsdr-*")
    files = ("systemctl", "list-unit-files", "--no-legend", "--state=enabled", "lvsdr-*")
    # None at all is a failure of the later ones.
    enabled = system.inside(*files, expect=None)
    mode = (system.root / "etc/lvsdr").stat().st_mode & 0o777
    assert (listed, enabled, mode, vips(host), ipvsadm(host)) == ("", "", 0o750, set(), [])
    print(f"{version}; {program}", end="")

    profiles(system)
    system.inside("systemctl", "enable", "--now", KEEP)
    system.inside("systemctl", "start", ONCE)
    before = {each: system.shown(each, "ActiveEnterTimestampMonotonic") for each in (KEEP, ONCE)}
    resident, table = system.shown(KEEP, "MainPID"), ipvsadm(host)
    assert (vips(host), len(table)) == ({VIP, SECOND}, 3)
    shadow = system.root / "usr/local/lib/systemd/system/lvsdr-director@.service"
    shadow.parent.mkdir(parents=True, exist_ok=True)
    shadow.write_text("[Service]\nExecStart=/usr/local/bin/lvsdr\n")

    with ExitStack() as stack:
        for each in made.lab.realservers:
            stack.enter_context(serving(each, [service]))
        asked = stack.enter_context(asking_on(made.lab.client, service, sources))

        def answered(begin: float) -> Counter[str]:
            asked.go_on(monotonic() + 1)
            return Counter(asked.between(begin, monotonic()))

        # Upgraded: the resident is another one, traffic and what was done once are as before.
        begin = monotonic()
        told = system.dpkg("--install", "/LVSDR_UPGRADE.deb")
        upgraded = answered(begin)
        assert f"  {str(shadow).removeprefix(str(system.root))}" in told.splitlines(), told
        shadow.unlink()
        system.inside("systemctl", "daemon-reload")
        assert system.inside("lvsdr", "--version") != program
        assert system.shown(KEEP, "ActiveState") == "active"
        assert system.shown(KEEP, "MainPID") not in ("0", resident)
        assert system.shown(ONCE, "ActiveEnterTimestampMonotonic") == before[ONCE]
        assert (vips(host), ipvsadm(host)) == ({VIP, SECOND}, table)
        assert system.inside("lvsdr", "status", expect=None).count("lvsdr:") == 0
        assert (system.root / "etc/lvsdr/web.json").exists()

        # Removed: the host is as it is, and it is said how to take it back.
        begin = monotonic()
        told = system.dpkg("--remove", "lvsdr")
        removed = answered(begin)
        assert "  lvsdr director withdraw FILE, or lvsdr realserver withdraw FILE" in told, told
        assert system.inside("systemctl", "is-active", KEEP, expect=None) == "inactive\n"
        assert (vips(host), ipvsadm(host)) == ({VIP, SECOND}, table)
        assert (system.root / "etc/lvsdr/web.json").exists()

        # Purged: no file is left but the record of what is still applied.
        begin = monotonic()
        told = system.dpkg("--purge", "lvsdr")
        purged = answered(begin)
        assert "what is applied stays, and so does its record in /run/lvsdr" in told, told
        assert [each for each in system.files if not each.startswith("/run/")] == []
        assert (vips(host), ipvsadm(host)) == ({VIP, SECOND}, table)
    for name, counted in (("upgrade", upgraded), ("remove", removed), ("purge", purged)):
        print(f"{name}: {sum(counted.values())} requests: {dict(counted)}")
        assert counted.keys() <= {each.name for each in made.lab.realservers}

    # Installed once more, it takes back what it had done; then nothing is left at all.
    system.dpkg("--install", "/LVSDR_PACKAGE.deb")
    profiles(system)
    for name in ("second", "web"):
        system.inside("lvsdr", "director", "withdraw", f"/etc/lvsdr/{name}.json")
    assert (vips(host), ipvsadm(host)) == (set(), [])
    system.dpkg("--purge", "lvsdr")
    assert system.files == []
