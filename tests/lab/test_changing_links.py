"""A host on which links come and go all the time: what is told of it is told in the end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from faults import FULL
from program import run
from rig import realserver, write

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

LINKS = (
    "link add eth0 type veth peer name peer0",
    "link set eth0 up",
    "link set peer0 up",
    "address add 192.168.1.11/24 dev eth0",
)
COMING_AND_GOING = (
    "link add veth0 type veth peer name veth1",
    "link set veth0 up",
    "link set veth1 up",
    "address add 10.9.8.1/30 dev veth0",
    "link del veth0",
)
# How often a command is run, and for how many seconds at most.
RUNS, LIMIT = (40, 60.0) if FULL else (5, 20.0)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosts(["solo"]) as made:
        made["solo"].ip(*LINKS)
        yield made["solo"]


@contextmanager
def changing(host: Host, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let one pair of links come and go inside the block, as fast as ip(8) can."""
    batch = folder / "batch"
    batch.write_text("\n".join(COMING_AND_GOING * 20_000))
    process = host.inside(lambda: subprocess.Popen(["ip", "-batch", str(batch)]))
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        host.run("ip", "link", "del", "veth0", check=False)


def told(host: Host, folder: Path, *arguments: str) -> list[tuple[int, str]]:
    """Return the exit codes of many runs beside the loop, and what they said on stderr."""
    found: list[tuple[int, str]] = []
    end = monotonic() + LIMIT
    with changing(host, folder) as loop:
        while len(found) < RUNS and monotonic() < end:
            done = run(host, *arguments)
            found.append((done.returncode, done.stderr))
        assert loop.poll() is None, "the links came and went until the last run"
    return found


def test_arp_is_explained_beside_a_link_that_comes_and_goes(host: Host, tmp_path: Path) -> None:
    found = told(host, tmp_path, "explain", "arp", "--vip", "192.168.1.2")

    assert set(found) == {(0, "")}


def test_a_silent_real_server_is_verified_beside_a_link_that_comes_and_goes(
    host: Host, tmp_path: Path
) -> None:
    profile = str(write(tmp_path, realserver(clients=["192.168.1.0/24"])))
    applied = run(host, "realserver", "apply", profile)

    found = told(host, tmp_path, "realserver", "verify", profile)

    assert applied.returncode == 0, applied.stderr
    assert set(found) == {(0, "")}


def test_a_real_server_without_its_vip_is_told_so_beside_a_link_that_comes_and_goes(
    host: Host, tmp_path: Path
) -> None:
    profile = str(write(tmp_path, realserver(clients=["192.168.1.0/24"])))
    run(host, "realserver", "withdraw", profile)

    found = told(host, tmp_path, "realserver", "verify", profile)

    assert set(found) == {(1, "")}
