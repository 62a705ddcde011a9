"""Hosts that cannot be what their profile says: exit 6, the remedy, and nothing touched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rig import Document, director, realserver, refused, settled, state, write

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

MODPROBE = Path("/proc/sys/kernel/modprobe")

LINKS = (
    "link add bare0 type veth peer name bare1",
    "link add down0 type veth peer name down1",
    "address add 192.168.1.10/24 dev down0",
    "link add port0 type veth peer name port1",
    "link add br0 type bridge",
    "link set port0 master br0",
    "link add slave0 type veth peer name slave1",
    "link add bond0 type bond mode active-backup",
    "link set slave0 master bond0",
    "link add low0 type veth peer name low1",
    "link add bond1 type bond mode active-backup",
    "link set low0 master bond1",
    "link set bond1 master br0",
    "link add uplink0 type veth peer name uplink1",
    "address add 192.168.1.10/24 dev uplink0",
)
UP = {"bare0", "bare1", "port0", "port1", "br0", "slave0", "slave1", "bond0", "uplink0", "uplink1"}
UP |= {"low0", "low1", "bond1"}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Give a host with one of each link that cannot carry a VIP, and one that can."""
    subprocess.run(["modprobe", "bonding"], check=True)
    with hosts(["solo"]) as made:
        solo = made["solo"]
        solo.ip(*LINKS, *(f"link set {link} up" for link in sorted(UP)))
        assert settled(lambda: up(solo), UP) == UP
        yield solo


@pytest.fixture(scope="module")
def before(host: Host) -> str:
    return state(host)


def up(host: Host) -> set[str]:
    shown = json.loads(host.run("ip", "-j", "link").stdout)
    return {link["ifname"] for link in shown if link["operstate"] == "UP"}


@pytest.mark.parametrize(
    ("interface", "told"),
    [
        ("eth9", ("no such link", "hint: the links of this host: bare0, bare1,")),
        ("port0", ("it is a part of br0", 'hint: write "interface": "br0"')),
        ("slave0", ("it is a part of bond0", 'hint: write "interface": "bond0"')),
        ("low0", ("a part of bond1, which is a part of br0", 'hint: write "interface": "br0"')),
        (
            "bare0",
            ("no IPv4 address of its own (DIP)", "hint: ip address add DIP/PREFIX dev bare0"),
        ),
        ("down0", ("it is down", "hint: ip link set down0 up")),
    ],
)
def test_a_link_that_cannot_carry_the_vip_is_refused(
    host: Host, before: str, tmp_path: Path, interface: str, told: tuple[str, str]
) -> None:
    profile = write(tmp_path, director(interface=interface))

    said = refused(host, "director", "apply", profile, expect=6)

    assert f"cannot use link {interface}: " in said
    assert [words for words in told if words not in said] == []
    assert state(host) == before


@pytest.mark.parametrize(
    ("module", "document", "reason"),
    [
        ("ip_vs", director(interface="uplink0"), "this kernel has no IPVS"),
        ("dummy", realserver(interface="uplink0"), "the kernel knows no dummy"),
    ],
)
def test_a_module_that_the_kernel_lacks_is_named(
    host: Host, tmp_path: Path, module: str, document: Document, reason: str
) -> None:
    before = host.run("ip", "-j", "address").stdout
    profile = write(tmp_path, document)

    with without(module):
        said = refused(host, document["role"], "apply", profile, expect=6)

    assert reason in said
    assert f"hint: modprobe {module}" in said
    assert host.run("ip", "-j", "address").stdout == before


@contextmanager
def without(module: str) -> Iterator[None]:
    """Take a module out of the kernel, and do not let it come back by itself, in the block."""
    loader = MODPROBE.read_text(encoding="ascii")
    MODPROBE.write_text("/bin/false\n", encoding="ascii")
    try:
        # Namespaces that are gone may hold on to it for a moment.
        assert settled(lambda: removed(module), True), f"cannot remove {module}"
        yield
    finally:
        MODPROBE.write_text(loader, encoding="ascii")
        subprocess.run(["modprobe", module], check=True)


def removed(module: str) -> bool:
    loaded = [line.split() for line in Path("/proc/modules").read_text("ascii").splitlines()]
    users = [name for name, *_ in loaded if name.startswith(f"{module}_")]
    for name in (*users, module):
        subprocess.run(["rmmod", name], check=False, capture_output=True)
    return not Path("/sys/module", module).exists()
