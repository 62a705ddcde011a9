"""The units, started by a systemd that is the first process of a PID namespace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from masked_units import leave_out
from rig import VIP, director, realserver, settled, write
from witnesses import ipvsadm

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.lab.wide_registers import NARROW

ROOT = Path(__file__).parents[2]
UNITS = Path("/run/systemd/system")
PATIENCE = 60.0
FIFO = Path("/run/lvsdr/keepalived.fifo")
# As the installed program: the one of the tests may lie in a home, which the units do not see.
PROGRAM = """#!/bin/sh
exec {python} -c 'import sys; sys.path[:0] = {path}; from lvsdr.cli.main import main; main()' "$@"
"""


@dataclass(frozen=True, slots=True)
class Booted:
    """A host whose services a systemd runs."""

    host: Host
    parent: int

    @property
    def first(self) -> str:
        """Return the process id of systemd, nothing before it is there."""
        asked = ("ps", "-o", "pid=", "--ppid", str(self.parent))
        return self.host.run(*asked, check=False).stdout.strip()

    def inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        nsenter = ("nsenter", f"--target={self.first}", "--mount", "--pid")
        return self.host.run(*nsenter, *words, check=False, timeout=PATIENCE)

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.inside("systemctl", "--no-pager", *words)

    def must(self, *words: str) -> None:
        done = self.systemctl(*words)
        told = self.systemctl("status", *words[1:]).stdout if done.returncode else ""
        assert done.returncode == 0, done.stderr + told

    def confined(self, unit: str) -> tuple[str, str, str]:
        """Return the mode of a service's seccomp, and how it has /proc/sys and /proc/sys/net."""
        process = self.systemctl("show", "-P", "MainPID", unit).stdout.strip()
        seen = self.inside("cat", f"/proc/{process}/status", f"/proc/{process}/mounts").stdout
        words = [line.split() for line in seen.splitlines()]
        mode = next(line[1] for line in words if line[0] == "Seccomp:")
        ways = {line[1]: line[3].split(",")[0] for line in words if line[0] == "proc"}
        return mode, ways["/proc/sys"], ways["/proc/sys/net"]

    def has_vip(self) -> bool:
        return f" {VIP}/" in self.host.run("ip", "-o", "address", "show", "dev", "eth0").stdout


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    folder = tmp_path_factory.mktemp("units")
    profiles, program = Path("/etc/lvsdr"), folder / "lvsdr"
    for each in (UNITS, profiles):
        each.mkdir(parents=True, exist_ok=True)
    write(profiles, director())
    write(profiles, realserver())
    _install(program)
    for unit in (ROOT / "packaging" / "systemd").iterdir():
        text = unit.read_text().replace("@BINDIR@/lvsdr", str(program))
        # Its own /tmp would hide the program.
        (UNITS / unit.name).write_text(text.replace("PrivateTmp=yes", "PrivateTmp=no"))
    _pass_on(NARROW)
    leave_out(UNITS)
    with hosts(["one"]) as made:
        made["one"].ip(
            "link add eth0 type veth peer name peer0",
            "link set eth0 up",
            "link set peer0 up",
            "address add 192.168.1.10/24 dev eth0",
        )
        with systemd(made["one"], folder) as running:
            yield running


def _pass_on(names: Iterable[str]) -> None:
    """Let services have what the lab's programs need on hosts with wide registers."""
    words = " ".join(f'"{name}={os.environ[name]}"' for name in names if name in os.environ)
    folder = UNITS.with_name("system.conf.d")
    folder.mkdir(exist_ok=True)
    (folder / "lab.conf").write_text(f"[Manager]\nDefaultEnvironment={words}\n")


def _install(program: Path) -> None:
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    python = Path(sys._base_executable)  # type: ignore[attr-defined]
    home = python.resolve().is_relative_to("/root") or python.resolve().is_relative_to("/home")
    chosen = "/usr/bin/python3" if home else str(python)
    program.write_text(PROGRAM.format(python=chosen, path=f'["{ROOT}", "{packages}"]'))
    program.chmod(0o755)
    for each in (program.parent, *program.parent.parents):
        if each.is_relative_to("/tmp") and each != Path("/tmp"):
            each.chmod(0o755)


@contextmanager
def systemd(host: Host, folder: Path) -> Iterator[Booted]:
    """Boot a systemd in a host, inside the block."""
    cgroups = Path("/sys/fs/cgroup")
    if not (cgroups / "cgroup.procs").exists():
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", str(cgroups)], check=True)
    words = ["nsenter", f"--net={host.path}", "--", "unshare", "--pid", "--fork", "--mount"]
    words += ["--mount-proc", "--kill-child", "/lib/systemd/systemd", "--system"]
    words += ["--unit=lab.target", "--log-target=console", "--show-status=0"]
    log = folder / "log"
    with log.open("w") as writing:
        process = subprocess.Popen(
            words, env={**os.environ, "container": "lab"}, stdout=writing, stderr=writing
        )
    made = Booted(host, process.pid)
    try:
        assert settled(lambda: made.first != "", True, PATIENCE), log.read_text()
        assert settled(
            lambda: made.systemctl("is-active", "lab.target").stdout, "active\n", PATIENCE
        ), (log.read_text(), made.systemctl("is-active", "lab.target"))
        yield made
    finally:
        process.kill()
        process.wait()


def test_a_director_is_one_while_its_unit_is_active(booted: Booted) -> None:
    booted.must("start", "lvsdr-director@director")
    active = (booted.has_vip(), len(ipvsadm(booted.host)))
    booted.must("reload", "lvsdr-director@director")
    booted.must("stop", "lvsdr-director@director")

    assert active == (True, 3)
    assert (booted.has_vip(), ipvsadm(booted.host)) == (False, [])


def test_a_real_server_is_one_while_its_unit_is_active(booted: Booted) -> None:
    def held() -> bool:
        return f" {VIP}/" in booted.host.run("ip", "-o", "address", "show").stdout

    booted.must("start", "lvsdr-realserver@realserver")
    active = held()
    booted.must("stop", "lvsdr-realserver@realserver")

    assert (active, held()) == (True, False)


def test_the_fifo_is_read_and_a_reader_that_was_killed_comes_back(booted: Booted) -> None:
    unit = "lvsdr-keepalived-fifo"
    booted.must("start", unit)
    assert settled(FIFO.is_fifo, True, PATIENCE), booted.systemctl("status", unit).stdout
    # As keepalived has it: open for reading too, so that there is always somebody who reads.
    with FIFO.open("r+b", buffering=0) as writing:
        writing.write(b'INSTANCE "VI_1" MASTER 100\n')
        became = settled(booted.has_vip, True, PATIENCE)
        booted.must("kill", "--signal=KILL", unit)
        again = settled(
            lambda: booted.systemctl("show", "-P", "NRestarts", unit).stdout, "1\n", PATIENCE
        )
        writing.write(b'INSTANCE "VI_1" BACKUP 100\n')
        left = settled(booted.has_vip, False, PATIENCE)
    booted.must("stop", unit)

    assert (became, again, left) == (True, "1\n", False)
    assert booted.systemctl("show", "-P", "Result", unit).stdout == "success\n"


def test_a_director_is_kept_while_its_unit_is_active_and_left_as_it_is_after(
    booted: Booted,
) -> None:
    unit, host = "lvsdr-director-keep@director", booted.host

    def back() -> bool:
        host.ip(f"address del {VIP}/32 dev eth0")
        return settled(booted.has_vip, True, PATIENCE)

    # What keepalived has said to the reader of its FIFO is none of this test's.
    for said in Path("/run/lvsdr").glob("*.keepalived"):
        said.unlink()
    booted.must("start", unit)
    state = booted.systemctl("show", "-P", "SubState", unit).stdout
    told = booted.systemctl("show", "-P", "StatusText", unit).stdout
    confined = booted.confined(unit)
    came_back = back()
    booted.must("reload", unit)
    booted.must("kill", "--signal=KILL", unit)
    again = settled(
        lambda: booted.systemctl("show", "-P", "NRestarts", unit).stdout, "1\n", PATIENCE
    )
    active = settled(lambda: booted.systemctl("is-active", unit).stdout, "active\n", PATIENCE)
    kept_again = back()
    booted.must("stop", unit)
    left = (booted.has_vip(), len(ipvsadm(host)))
    # The other unit takes it back, whoever has applied it.
    booted.must("start", "lvsdr-director@director")
    booted.must("stop", "lvsdr-director@director")

    assert (state, came_back, again, active, kept_again) == (
        "running\n",
        True,
        "1\n",
        "active\n",
        True,
    )
    assert told.startswith("director:web: as its profile says"), told
    assert confined == ("2", "ro", "rw")
    assert left == (True, 3)
    assert booted.systemctl("show", "-P", "Result", unit).stdout == "success\n"
    assert (booted.has_vip(), ipvsadm(host)) == (False, [])


def test_a_real_server_is_kept_while_its_unit_is_active(booted: Booted) -> None:
    unit, host = "lvsdr-realserver-keep@realserver", booted.host

    def held() -> bool:
        return f" {VIP}/" in host.run("ip", "-o", "address", "show").stdout

    booted.must("start", unit)
    host.ip("link del lvsdr0")
    back = settled(held, True, PATIENCE)
    booted.must("stop", unit)
    left = held()
    booted.must("start", "lvsdr-realserver@realserver")
    booted.must("stop", "lvsdr-realserver@realserver")

    assert (back, left, held()) == (True, True, False)
