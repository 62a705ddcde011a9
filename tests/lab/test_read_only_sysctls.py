"""A container with a read-only /proc/sys: told before anything is touched, and what to pass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import VIP, lvsdr, realserver, settings, state, write
from witnesses import arping

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

# What container engines do to a container that is not privileged.
READ_ONLY = (
    """mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@" """
)
MAC = "02:00:00:00:00:11"
SEGMENT = ["192.168.1.0/24"]
LINKS = (
    "link add eth0 type veth peer name far0",
    "address add 192.168.1.11/24 dev eth0",
    "link set far0 up",
    "link set eth0 up",
)


@pytest.fixture
def container() -> Iterator[Host]:
    with hosts(["container"]) as made:
        made["container"].ip(*LINKS)
        yield made["container"]


def inside(host: Host, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program where /proc/sys is read-only."""
    program = (sys.executable, "-m", "lvsdr", *map(str, arguments))
    return host.run("unshare", "-m", "sh", "-c", READ_ONLY, "sh", *program, check=False)


def test_nothing_is_touched_where_settings_cannot_be_made(container: Host, tmp_path: Path) -> None:
    path = write(tmp_path, realserver())
    before = state(container)

    done = inside(container, "realserver", "apply", path)

    assert done.returncode == 6, done
    assert "/proc/sys is mounted read-only (EROFS)" in done.stderr
    assert "--sysctl net.ipv4.conf.all.arp_ignore=1" in done.stderr
    assert "--sysctl net.ipv4.conf.all.arp_announce=2" in done.stderr
    assert state(container) == before


def test_what_the_engine_has_set_is_enough(container: Host, tmp_path: Path) -> None:
    path = write(tmp_path, realserver(clients=SEGMENT))
    settings(container, {"all/arp_ignore": 1, "all/arp_announce": 2})

    applied = inside(container, "realserver", "apply", path)
    verified = inside(container, "realserver", "verify", path)

    assert applied.returncode == 0, applied
    assert VIP in container.run("ip", "address", "show", "dev", "lvsdr0").stdout
    assert verified.returncode == 0, verified


def test_the_containers_host_can_make_the_settings(container: Host, tmp_path: Path) -> None:
    path = write(tmp_path, realserver(clients=SEGMENT))

    lvsdr(container, "realserver", "apply", path)
    verified = inside(container, "realserver", "verify", path)

    assert verified.returncode == 0, verified


BY_HAND = f"""
sysctl -w net.ipv4.conf.all.arp_ignore=1 && exit 1
ip link add lvsdr0 type dummy && ip link set lvsdr0 up && ip address add {VIP}/32 dev lvsdr0
"""


def test_whoever_goes_on_without_the_settings_answers_for_the_vip(tmp_path: Path) -> None:
    """What is kept from happening: links and addresses are made there like anywhere else."""
    path = write(tmp_path, realserver())
    with hosts(["container", "neighbour"]) as made:
        container, neighbour = made["container"], made["neighbour"]
        there = f"name eth0 address {MAC} netns {container.namespace}"
        neighbour.ip(
            f"link add eth0 type veth peer {there}",
            "link set eth0 up",
            "address add 192.168.1.250/24 dev eth0",
        )
        container.ip("link set eth0 up", "address add 192.168.1.11/24 dev eth0")

        refused = inside(container, "realserver", "apply", path)
        before = arping(neighbour, VIP)
        container.run("unshare", "-m", "sh", "-c", READ_ONLY, "sh", "sh", "-c", BY_HAND)
        after = arping(neighbour, VIP)

    assert refused.returncode == 6
    assert (before, after) == (set(), {MAC})
