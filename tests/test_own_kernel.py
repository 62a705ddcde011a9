"""What this very kernel says of this host, which anybody may read."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.model.objects import Link, Sysctl

LO = Path("/sys/class/net/lo")
IGNORE = Sysctl("net/ipv4/conf/all/arp_ignore", "")


@pytest.fixture
def kernel() -> Iterator[LinuxKernel]:
    made = LinuxKernel()
    yield made
    made.close()


def test_lo_is_as_sysfs_shows_it(kernel: LinuxKernel) -> None:
    index, mtu, flags = ((LO / name).read_text() for name in ("ifindex", "mtu", "flags"))

    link = kernel.read_host().links["lo"]

    assert (link.index, link.mtu) == (int(index), int(mtu))
    assert (link.up, link.loopback, link.arp) == (bool(int(flags, 16) & 1), True, True)


def test_its_settings_are_those_of_proc(kernel: LinuxKernel) -> None:
    value = Path("/proc/sys", IGNORE.path).read_text().strip()

    observed = kernel.observe([IGNORE.key, Link("lo", "loopback", up=True, arp=True).key])

    assert observed[IGNORE.key] == Sysctl(IGNORE.path, value)
    assert kernel.read_host().sysctls[IGNORE.path] == value
    assert [each.kind for each in observed.values()] == [Sysctl.kind, Link.kind]


def test_what_is_its_own_stays_on_it_while_lo_is_up(kernel: LinuxKernel) -> None:
    host = kernel.inspect(lambda _: (), table=False)

    assert host.is_local(ip_address("127.0.0.1"), "lo") is host.links["lo"].up
    assert not host.is_local(ip_address("192.0.2.1"), "lo")
