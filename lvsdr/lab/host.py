"""One host of the lab: a network namespace, and what can be done in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from lvsdr.kernel import namespace

T = TypeVar("T")

# What a host is made of, for comparing it before and after: links, addresses, routes, ARP and
# IPVS. Of IPVS the kernel's own file, which shows more than ipvsadm -Sn does, but without the
# connections of each real server, which come and go. tunl0 and its like have no IPv6 settings
# before they are first up, and then have them for ever; so it is with their queues, noop before and
# noqueue after. The order of proxy entries is that in which they were made, the newest first, and
# means nothing.
STATE = """
(ip -j -p address; ip -j -p link) | grep -vE '"qdisc": "no(op|queue)"'
ip -j -p route show table all; ip -j -p -6 route show table all
(ip -4 -o neighbour show proxy; ip -6 -o neighbour show proxy) | sort
grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf | grep -vE "ipv6/conf/(tunl0|gre0|sit0)/"
sed -E '/->/s/( +[0-9]+){2} *$//' /proc/net/ip_vs
"""


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
        words = [_found(command[0]), *command[1:]]
        # A child is where the thread is that starts it; nsenter would be a second program to start.
        done = self.inside(
            lambda: subprocess.run(
                words, input=text, capture_output=True, text=True, timeout=timeout, check=False
            )
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{self.name}: {' '.join(command)}: exit {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done

    def ip(self, *lines: str) -> None:
        """Run many commands of `ip` in one process; `lines` leave that first word out."""
        self.run("ip", "-batch", "-", text="\n".join(lines) + "\n")

    def sysctl(self, path: str, value: object) -> None:
        """Set a sysctl; `path` has slashes and starts at `net/`."""
        self.inside(lambda: (Path("/proc/sys") / path).write_text(f"{value}\n", encoding="ascii"))

    def lvsdr(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the real program in this host."""
        return self.run(sys.executable, "-m", "lvsdr", *map(str, arguments), check=False)

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

    def state(self) -> str:
        """Return all that makes this host what it is, as text to compare."""
        return self.run("sh", text=STATE).stdout


@cache
def _found(program: str) -> str:
    """Return where a program lies.

    In User-Mode Linux each attempt to start what is not there costs as much as a start.
    """
    return shutil.which(program) or program
