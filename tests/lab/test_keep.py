"""A host that is kept: what others take away comes back, and without the keeper it does not."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import program
import pytest
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, settled, virtual_server, write
from witnesses import arps, captured, ipvsadm, speakers

from lvsdr.lab.lab_host import Host

ON_ETH0 = f"address del {VIP}/32 dev eth0"
LIMIT = 30.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("keep")
    with rig(folder, director(virtual_server(persistence=300)), realserver()) as made:
        yield made


def vips(host: Host, link: str = "eth0") -> list[str]:
    """Return the VIPs on a link with their labels, as ip(8) shows them."""
    shown = json.loads(host.run("ip", "-j", "address", "show", "dev", link).stdout)
    found = shown[0]["addr_info"] if shown else []
    return [f"{each['local']} {each.get('label')}" for each in found if each["local"] == VIP]


def events(keeper: program.Running) -> list[dict[str, Any]]:
    return [json.loads(line) for line in keeper.said().splitlines()]


def kinds(keeper: program.Running) -> list[str]:
    return [each["event"] for each in events(keeper)]


@contextmanager
def keeping(host: Host, role: str, profile: Path, *options: str) -> Iterator[program.Running]:
    """Give the keeper as it runs in a host, once that is as its profile says."""
    words = ("keep", str(profile), "--format", "json", "--allow-insecure-profile", *options)
    with program.running(host, role, *words) as keeper:
        notified = keeper
        assert settled(lambda: _is_ready(notified), True, LIMIT), keeper.said("stderr")
        yield keeper


def _is_ready(keeper: program.Running) -> bool:
    assert keeper.process.is_alive(), keeper.said("stderr") + keeper.said()
    return "KEEPING" in keeper.said()


def ended(keeper: program.Running, number: signal.Signals = signal.SIGTERM) -> None:
    assert keeper.process.pid is not None
    os.kill(keeper.process.pid, number)
    done = keeper.wait()
    assert (done.returncode, done.stderr) == (0, "")


def test_a_vip_that_somebody_removes_is_back_within_a_second(cluster: Rig) -> None:
    host = cluster.lab.director
    with keeping(host, "director", cluster.director) as keeper:
        with captured(cluster.lab.observer, "eth0", "arp") as frames:
            host.ip(ON_ETH0)
            begun = monotonic()
            back = settled(lambda: vips(host), [f"{VIP} eth0:0"], 5.0, every=0.005)
            took = monotonic() - begun
            told = settled(lambda: "ANNOUNCED" in kinds(keeper), True)
        ended(keeper)
    print("back after", took, keeper)
    assert (back, told) == ([f"{VIP} eth0:0"], True)
    assert took < 1.0
    assert set(speakers(frames, VIP)) == {cluster.mac(host)}
