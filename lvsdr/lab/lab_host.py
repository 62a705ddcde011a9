"""One host of the lab: a network namespace, in which programs and functions are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import cache
from itertools import chain
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from lvsdr.kernel import namespace
from lvsdr.lab.lvsdr_command import lvsdr_command
from lvsdr.model.holder_kinds import TUNNEL_ENDS
from lvsdr.model.late_dataclasses import dataclass

T = TypeVar("T")

# What a host is made of, for comparing it before and after: all that ip(8) shows in one process,
# for starting one is dear in the lab; the settings; and of IPVS the kernel's own file, which shows
# more than ipvsadm -Sn does.
OBJECTS = ("address", "link", "route show table all")
PROXIES = "neighbour show proxy"
SETTINGS = ("/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf")
# They have no IPv6 settings before they are first up, and then have them for ever; so it is with
# queues, noop before and noqueue after.
LATE = frozenset(f"/proc/sys/net/ipv6/conf/{end.link}" for end in TUNNEL_ENDS if end.late)
FLEETING = (("qdisc", "noop"), ("qdisc", "noqueue"))
# The kernel takes up to a second until it has heard of a carrier, and gives addresses after that.
SETTLED = 3.0
# Three questions, a second apart on a host that keeps time (arp(7)).
GIVEN_UP = 4.0
# The lines of the IPVS table that name its version and its columns.
HEADER = 3
# Links that never say that they are up.
MUTE = {"LOOPBACK", "NOARP"}


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace called `namespace`; `name` is what people call the host."""

    name: str
    namespace: str

    @property
    def path(self) -> Path:
        return namespace.NAMED / self.namespace

    def run(
        self, *command: str, check: bool = True, timeout: float = 60.0, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in this host and return what it printed; `text` is its standard input.

        With `check`, raise AssertionError with its stderr where it fails.
        """
        # A child is where the thread is that starts it; nsenter would be a second program to start.
        pipe, words = subprocess.PIPE, [_found(command[0]), *command[1:]]
        with self.inside(
            lambda: subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        ) as process:
            try:
                printed, said = process.communicate(text, timeout)
            except BaseException:
                process.kill()
                raise
        done = subprocess.CompletedProcess(words, process.returncode, printed, said)
        if check and done.returncode != 0:
            raise AssertionError(
                f"{self.name}: {' '.join(command)}: exit {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done

    def ip(self, *lines: str) -> None:
        """Run many commands of `ip` in one process; `lines` are without the word ip."""
        self.run("ip", "-batch", "-", text="\n".join(lines) + "\n")

    def sysctl(self, path: str, value: object) -> None:
        """Set a sysctl; `path` has slashes and starts at `net/`."""
        self.inside(lambda: (Path("/proc/sys") / path).write_text(f"{value}\n", encoding="ascii"))

    def lvsdr(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the real program in this host."""
        return self.run(*lvsdr_command(*map(str, arguments)), check=False)

    def inside(self, work: Callable[[], T]) -> T:
        """Return what `work` returns when called in this host; its sockets stay there."""
        return self.start(work).result()

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Call `work` in this host, in a thread of its own."""
        done: Future[T] = Future()
        threading.Thread(target=self._work, args=(work, done), daemon=True).start()
        return done

    def _work(self, work: Callable[[], T], done: Future[T]) -> None:
        try:
            # Only this thread moves; the namespace goes with it.
            namespace.enter(str(self.path))
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            done.set_exception(error)

    def wait_for_neighbours(self) -> None:
        """Wait until no neighbour is asked for: what is sent to one meanwhile fails with the rest.

        The kernel gives it up a second after its third question, though it may be back by then.
        """
        deadline = monotonic() + GIVEN_UP
        asking = ("ip", "-j", "neighbour", "show", "nud", "incomplete")
        while json.loads(self.run(*asking).stdout or "[]") and monotonic() < deadline:
            sleep(0.1)

    def state(self) -> str:
        """Return the whole state of this host as text, to compare it before and after."""
        return self.inside(lambda: "".join(f"{line}\n" for line in _state()))


def _state() -> Iterator[str]:
    """Yield the state of the host of this thread, a line for each object and setting."""
    *objects, proxies = _shown()
    deadline = monotonic() + SETTLED
    while any(map(_unsettled, objects[0])) and monotonic() < deadline:
        sleep(0.1)
        *objects, proxies = _shown()
    for each in chain.from_iterable(objects):
        yield json.dumps({k: v for k, v in each.items() if (k, v) not in FLEETING})
    # Their order is that in which they were made, the newest first, and means nothing.
    yield from sorted(map(json.dumps, proxies))
    for folder in SETTINGS:
        yield from settings_in(folder)
    table = Path("/proc/thread-self/net/ip_vs").read_text(encoding="ascii")
    yield from table_lines(table)


def table_lines(table: str) -> Iterator[str]:
    """Yield the lines of /proc/net/ip_vs that are the same as long as the table is.

    The services, each with its real servers below it, are sorted: the kernel shows them as they lie
    in a hash table, which Linux 7 makes anew, with another key, after the last one has gone.
    """
    lines = table.splitlines()
    servers: list[list[str]] = []
    for line in map(_without_connections, lines[HEADER:]):
        if line.startswith(" "):
            servers[-1].append(line)
        else:
            servers.append([line])
    yield from map(_without_connections, lines[:HEADER])
    yield from chain.from_iterable(sorted(servers))


def _without_connections(line: str) -> str:
    """Return a line of the IPVS table without what follows from the connections, which come and go.

    That is how many each real server has; and since Linux 7 the size of the connection table, in
    the first line: there is none before the first service, and then it grows and shrinks by itself.
    """
    if "->" in line:
        return re.sub(r"( +[0-9]+){2} *$", "", line)
    return re.sub(r"(?<=\(size=)[0-9]+(?=\)$)", "", line)


def _shown() -> list[list[dict[str, Any]]]:
    """Return what ip(8) shows: a list for each of OBJECTS, and the proxy neighbours last."""
    words = [_found("ip"), "-j", "-batch", "-"]
    text = "\n".join((*OBJECTS, PROXIES))
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _unsettled(link: dict[str, Any]) -> bool:
    """Return whether the kernel is about to change a link or its addresses by itself."""
    flags = set(link["flags"])
    rising = "LOWER_UP" in flags and not flags & MUTE and link["operstate"] != "UP"
    # The other end of its cable is down, and the kernel has not yet looked.
    sinking = "UP" in flags and not flags & {"LOWER_UP", "NO-CARRIER"}
    return rising or sinking or any(each.get("tentative") for each in link["addr_info"])


def settings_in(folder: str) -> Iterator[str]:
    """Yield the settings below a folder of /proc/sys, on the host of this thread."""
    for path, links, names, opened in os.fwalk(folder):
        links[:] = sorted(link for link in links if f"{path}/{link}" not in LATE)
        for name in sorted(names):
            yield f"{path}/{name}:{_value(name, opened)}"


def _value(name: str, folder: int) -> str:
    """Return the value of a setting, or the error: an IPv6 secret may have no value."""
    # By its folder: a whole path costs the kernel as much again for each of its parts.
    setting = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(setting, 4096).decode().rstrip("\n")
    except OSError as error:
        return str(error.strerror)
    finally:
        os.close(setting)


@cache
def _found(program: str) -> str:
    """Return the path of a program.

    In User-Mode Linux each attempt to start a file that is not there costs as much as a start.
    """
    return shutil.which(program) or program
