"""One director, checked by lvsdr or by a real keepalived: the same interval, timeout, retries."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from counted import Client, asking
from keepers import keeping
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, settled, virtual_server, write
from witnesses import ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.ipvs import Service

HEALTH = {"interval": 1.0, "timeout": 0.5, "fall": 2, "rise": 2}
LVSDR, KEEPALIVED = "lvsdr", "keepalived"
CHECKERS = (LVSDR, KEEPALIVED)
LIMIT = 20.0
# What is taken out by then is out in time, and keepalived has asked four times.
SOON = 3.0


@dataclass(slots=True)
class Peers:
    """The cluster, and a profile for each of the two that may check it."""

    rig: Rig
    profiles: dict[str, Path]
    ports: Sequence[int]
    services: list[tuple[ExitStack, ExitStack]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def host(self) -> Host:
        return self.rig.lab.director

    def weights(self, rip: str = RIPS[0]) -> dict[int, str]:
        """Return the weights of a real server by the port of the service, as ipvsadm says them."""
        lines = [line.split() for line in ipvsadm(self.host) if f"-r {rip}:" in line]
        return {int(words[4].rpartition(":")[2]): words[words.index("-w") + 1] for words in lines}

    def all_are(
        self, weight: str, seconds: float, rip: str = RIPS[0], ports: Sequence[int] = ()
    ) -> bool:
        """Wait until a real server has this weight in services; return whether it has."""
        wanted = dict.fromkeys(ports or self.ports, weight)

        def seen() -> dict[int, str]:
            return {port: each for port, each in self.weights(rip).items() if port in wanted}

        return settled(seen, wanted, seconds, every=0.05) == wanted

    def serve(self, number: int) -> None:
        """Run the services of a real server: on the VIP, and on its RIP, which keepalived asks."""
        host, stacks = self.rig.lab.realservers[number], (ExitStack(), ExitStack())
        for stack, address in zip(stacks, (VIP, RIPS[number]), strict=True):
            at = [Service("tcp", ip_address(address), port) for port in self.ports]
            stack.enter_context(serving(host, at))
        self.services[number : number + 1] = [stacks]

    def die(self, number: int = 0) -> None:
        """End the services of a real server."""
        for stack in self.services[number]:
            stack.close()

    @contextmanager
    def checked_by(self, name: str) -> Iterator[None]:
        """Let one of the two check, once all are in the table with their weights."""
        by = {LVSDR: self._by_lvsdr, KEEPALIVED: self._by_keepalived}[name]
        with by():
            assert all(self.all_are("1", LIMIT, rip) for rip in RIPS), ipvsadm(self.host)
            yield

    @contextmanager
    def clients(self, ports: Sequence[int]) -> Iterator[list[Client]]:
        """Ask for each of these services all the time."""
        with ExitStack() as stack:
            entered = (asking([self.rig.lab.client], VIP, port) for port in ports)
            yield [each for one in entered for each in stack.enter_context(one)]

    @contextmanager
    def _by_lvsdr(self) -> Iterator[None]:
        with keeping(self.host, "director", self.profiles[LVSDR]) as keeper:
            try:
                yield
            finally:
                keeper.end()
                self.told = keeper.events

    @contextmanager
    def _by_keepalived(self) -> Iterator[None]:
        profile, folder = self.profiles[KEEPALIVED], self.profiles[KEEPALIVED].parent
        lvsdr(self.host, "director", "apply", profile)
        conf = folder / "keepalived.conf"
        words = ("--allow-insecure-profile", "--virtual-servers", "--director", profile)
        conf.write_text(lvsdr(self.host, "keepalived", "config", *words))
        with running_checker(self.host, conf):
            yield


@contextmanager
def running_checker(host: Host, conf: Path) -> Iterator[int]:
    """Let keepalived check inside the block, without its VRRP; give the number of its process."""
    folder = conf.parent
    pids = [f"--{part}pid={folder}/{part}pid" for part in ("", "checkers_")]
    command = ["keepalived", "-n", "-l", "-D", "-C", "-f", str(conf), *pids]
    with (folder / "log").open("a") as log:
        process = host.inside(
            lambda: subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(LIMIT)


@contextmanager
def peers(
    folder: Path, methods: Mapping[int, str], health: Mapping[str, float] = HEALTH
) -> Iterator[Peers]:
    """Give the cluster, with two real servers that serve; `methods` are by the services' ports."""
    services = [
        virtual_server(port=port, scheduler="rr", method=each) for port, each in methods.items()
    ]
    ours = director(*services, health=health)
    theirs = director(*services, health=health, table_owner="keepalived")
    with rig(folder, ours, realserver("tunl0")) as made:
        made.apply()
        files = {LVSDR: made.director, KEEPALIVED: write(folder, theirs, "theirs")}
        found = Peers(made, files, tuple(methods))
        for number in range(len(RIPS)):
            found.serve(number)
        try:
            yield found
        finally:
            for number in range(len(RIPS)):
                found.die(number)
