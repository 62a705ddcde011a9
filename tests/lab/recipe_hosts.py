"""Hosts with files of their own, and with what stands for systemd: a recipe is typed on them.

Each has its own /etc/lvsdr, /etc/keepalived, /etc/ha.d and /run, in a mount namespace. `systemctl`
starts, ends and signals as systemd does what the units of the packages say; test_units.py has the
real one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import program
from rig import settled

from lvsdr.lab.lab_host import Host

LIMIT = 20.0
# In which of its forms lvsdr is typed in a line of the shell.
WAITED_FOR = re.compile(r"until lvsdr (.+) \| grep -q (\w+); do sleep 1; done$")
WRITTEN = re.compile(r"lvsdr (.+) >(\S+)$")
UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
OWN = ("/run", "/etc/lvsdr", "/etc/keepalived", "/etc/ha.d")
# Without it Debian's keepalived since 2.3 does not start.
OPTIONS = "/etc/keepalived/keepalived.config-opts"
FOLDERS = ("/run/lvsdr", "/run/lock", "/var/lock/subsys")
# As Debian's units have them.
FOREIGN = {
    "keepalived": ("keepalived", "--dont-fork", "--log-console", "--log-detail"),
    "ldirectord": ("ldirectord", "-d", "start"),
}
# What each says once it is the router that it is to be, and has checked its two real servers.
FIRST_WORDS = {"keepalived": (" STATE", 1), "ldirectord": ("Activated service", 2)}


@dataclass(slots=True)
class OwnFiles:
    """A host as a person has it: its files, its programs, its services."""

    host: Host
    holder: subprocess.Popen[bytes]
    folder: Path
    services: dict[str, subprocess.Popen[str] | program.Running] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def mounts(self) -> Path:
        return Path(f"/proc/{self.holder.pid}/ns/mnt")

    def type(self, command: str) -> str:
        """Type a command, and return what it printed; raise AssertionError where it fails."""
        if told := WAITED_FOR.match(command):
            words = told[1].split()
            done = settled(lambda: told[2] in self.lvsdr(*words, codes=(0, 1)), True, LIMIT, 0.3)
            assert done, f"{command}: {self.lvsdr(*words, codes=(0, 1))}"
            return ""
        if printed := WRITTEN.match(command):
            # Exit 1 of an export says that clients would see what the file cannot hold.
            ran = self.ran(*printed[1].split(), codes=(0, 1))
            self.write(printed[2], ran.stdout)
            return ran.stderr
        words = command.split()
        if words[0] == "systemctl":
            return self._systemctl(*words[1:])
        return self.lvsdr(*words[1:]) if words[0] == "lvsdr" else self.sh(command)

    def lvsdr(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run the program, and return what it printed and said."""
        done = self.ran(*words, codes=codes)
        return done.stdout + done.stderr

    def ran(self, *words: str, codes: tuple[int, ...]) -> subprocess.CompletedProcess[str]:
        """Run the program; raise AssertionError for another exit code."""
        with program.running(self.host, *words, mounts=self.mounts) as running:
            done = running.wait()
        assert done.returncode in codes, (
            f"lvsdr {words}: {done.returncode} {done.stdout}{done.stderr}"
        )
        return done

    def write(self, file: str, text: str) -> None:
        """Write a file of the host's own."""
        self.host.run(*self._nsenter(), "sh", "-ec", f"cat >{file}", text=text)

    def sh(self, command: str) -> str:
        """Run a command of the shell; the lab's kernel has the older tables of packet filters."""
        command = re.sub("^iptables ", "iptables-legacy ", command)
        return self.host.run(*self._nsenter(), "sh", "-ec", command, timeout=300.0).stdout

    def _nsenter(self) -> tuple[str, ...]:
        return ("nsenter", f"--mount={self.mounts}", "--")

    # --- services --------------------------------------------------------------------------------

    def _systemctl(self, verb: str, *words: str) -> str:
        *options, unit = words
        if verb == "kill":
            self.signal(unit, signal.Signals[f"SIG{options[-1]}"])
        elif verb in {"stop", "restart"} or (verb == "disable" and "--now" in options):
            self.stop(unit)
        elif verb == "reload":
            os.kill(_pid(self.services[unit]), signal.SIGHUP)
        if verb in {"start", "restart"} or (verb == "enable" and "--now" in options):
            self.start(unit)
        assert verb in {"kill", "stop", "start", "restart", "reload", "enable", "disable"}, verb
        return ""

    def start(self, unit: str) -> None:
        """Start a unit, and wait until it is up, where it tells."""
        if unit in FOREIGN:
            told = self._logged(unit)
            log = (self.folder / f"{unit}.log").open("a")
            words = ["nsenter", f"--net={self.host.path}", *self._nsenter()[:-1], "--"]
            with log:
                self.services[unit] = subprocess.Popen(
                    [*words, *FOREIGN[unit]],
                    stdout=log,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
            word, times = FIRST_WORDS[unit]
            begun = settled(lambda: self._logged(unit) >= told + times, True, 8 * LIMIT, 0.1)
            assert begun, f"{unit} does not say {word}: {self.said()}"
            return
        words_ = _of_unit(unit)
        if words_[1] in {"apply", "withdraw"}:
            self.lvsdr(*words_)
            return
        running = self.stack.enter_context(program.running(self.host, *words_, mounts=self.mounts))
        self.services[unit] = running
        sign = "KEEPING" if "keep" in words_ else ""
        told = settled(
            lambda: sign in running.said() or "resting" in running.said(), True, 3 * LIMIT
        )
        assert told, running.said() + running.said("stderr")

    def _logged(self, unit: str) -> int:
        """Return how often a program has said that it has begun."""
        log = self.folder / f"{unit}.log"
        return log.read_text().count(FIRST_WORDS[unit][0]) if log.exists() else 0

    def stop(self, unit: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a unit, and wait for that."""
        service = self.services.pop(unit)
        if isinstance(service, program.Running):
            os.kill(_pid(service), number)
            service.wait()
            return
        service.send_signal(number)
        service.wait(LIMIT)

    def signal(self, unit: str, number: signal.Signals) -> None:
        """Send a signal to each process of a unit, the main one first, as systemctl does."""
        main = self._main(unit)
        for pid in (main.pid, *_of_session(main.pid)):
            os.kill(pid, number)
        if number == signal.SIGKILL:
            main.wait(LIMIT)
            del self.services[unit]

    def _main(self, unit: str) -> subprocess.Popen[str]:
        service = self.services[unit]
        assert isinstance(service, subprocess.Popen), unit
        return service

    def end(self) -> None:
        """End all that runs here."""
        for unit, service in list(self.services.items()):
            if isinstance(service, subprocess.Popen):
                self.signal(unit, signal.SIGKILL)
        self.stack.close()
        self.holder.kill()
        self.holder.wait()

    def said(self) -> str:
        """Return what the services have written, for a test that fails."""
        logs = [each.read_text()[-2000:] for each in self.folder.glob("*.log")]
        own = [each for each in self.services.values() if isinstance(each, program.Running)]
        return "\n".join([*logs, *(each.said() + each.said("stderr") for each in own)])


def _pid(service: subprocess.Popen[str] | program.Running) -> int:
    pid = service.process.pid if isinstance(service, program.Running) else service.pid
    assert pid is not None
    return pid


def _of_session(main: int) -> Iterator[int]:
    """Yield the other processes of a session."""
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == main:
            continue
        try:
            words = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == main:
            yield int(process.name)


def _of_unit(unit: str) -> list[str]:
    """Return the words of lvsdr that a unit of ours runs."""
    name, at, instance = unit.partition("@")
    text = (UNITS / f"{name}{at}.service").read_text()
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    command = lines["ExecStart"].partition(" ")[2].replace("%i", instance)
    variable = lines.get("Environment", "").strip('"').partition("=")
    return command.replace(f"${variable[0]}", variable[2]).split()


@contextmanager
def own_files(host: Host, folder: Path) -> Iterator[OwnFiles]:
    """Give a host with files of its own."""
    home = folder / host.name
    home.mkdir()
    # What is mounted here stays here.
    mounts = "; ".join(f"mkdir -p {each}; mount -t tmpfs tmpfs {each}" for each in OWN)
    kept = (
        f'kept=$(cat {OPTIONS} 2>&1) || kept=; {mounts}; [ -z "$kept" ] || echo "$kept" >{OPTIONS}'
    )
    script = f"{kept}; mkdir -p {' '.join(FOLDERS)}; chmod 0750 /run/lvsdr; echo; exec sleep 3600"
    words = [
        "nsenter",
        f"--net={host.path}",
        "--",
        "unshare",
        "--mount",
        "--propagation",
        "private",
    ]
    holder = subprocess.Popen([*words, "sh", "-ec", script], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"\n"
    made = OwnFiles(host, holder, home)
    try:
        yield made
    finally:
        made.end()
