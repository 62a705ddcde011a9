"""The keeper as it runs in a host of the lab, and what it has told."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import program
from rig import VIP, settled

from lvsdr.lab.lab_host import Host

LIMIT = 30.0


@dataclass(slots=True)
class Keeper:
    """A keeper that runs, or has run."""

    running: program.Running
    told: str | None = None

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return what it has told so far."""
        text = self.running.said() if self.told is None else self.told
        # The last line may not have been written to its end.
        whole = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    @property
    def kinds(self) -> list[str]:
        return [each["event"] for each in self.events if "event" in each]

    def has(self, *kinds: str) -> bool:
        """Wait until it has told of each of `kinds`, and return whether it has."""
        return settled(lambda: set(kinds) <= set(self.kinds), True, LIMIT)

    def send(self, number: signal.Signals) -> None:
        assert self.running.process.pid is not None
        os.kill(self.running.process.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait for that; it ends well."""
        self.send(number)
        done = self.running.wait()
        self.told = done.stdout
        assert (done.returncode, done.stderr) == (0, ""), done

    def kill(self) -> None:
        """End it as nobody can refuse to."""
        self.send(signal.SIGKILL)
        self.told = self.running.wait().stdout


@contextmanager
def keeping(host: Host, role: str, profile: Path, *options: str) -> Iterator[Keeper]:
    """Give the keeper as it runs in a host, once that is as its profile says, or it rests."""
    words = ("keep", str(profile), "--format", "json", "--allow-insecure-profile", *options)
    with program.running(host, role, *words) as running:
        keeper = Keeper(running)
        assert settled(lambda: _is_ready(keeper), True, LIMIT), running.said("stderr")
        yield keeper


def _is_ready(keeper: Keeper) -> bool:
    alive = keeper.running.process.is_alive()
    assert alive, keeper.running.said("stderr") + keeper.running.said()
    return bool({"KEEPING", "RESTING"} & set(keeper.kinds))


def vips(host: Host, link: str = "eth0") -> list[str]:
    """Return the VIPs on a link with their labels, as ip(8) shows them."""
    shown = json.loads(host.run("ip", "-j", "address", "show", "dev", link).stdout)
    found = shown[0]["addr_info"] if shown else []
    return [f"{each['local']} {each.get('label')}" for each in found if each["local"] == VIP]


def held(host: Host, link: str = "eth0", seconds: float = LIMIT) -> list[str]:
    """Return the VIPs of a link once there is one, or nothing at the deadline."""
    settled(lambda: bool(vips(host, link)), True, seconds, every=0.005)
    return vips(host, link)


def away(host: Host, seconds: float = LIMIT) -> bool:
    """Wait until the VIP is not on the link, and return whether it is not."""
    return settled(lambda: not vips(host), True, seconds)
