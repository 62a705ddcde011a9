"""Which of its own addresses a host asks, read from a table as a little-endian kernel prints it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from lvsdr.kernel.views.connections import to_itself

TCP = """  sl  local_address rem_address   st tx_queue rx_queue
   0: 0201A8C0:0050 00000000:0000 0A 00000000:00000000
   1: 0201A8C0:0050 0B0A0A0A:DB23 06 00000000:00000000
   3: 0201A8C0:0050 0201A8C0:BD02 06 00000000:00000000
"""
TCP6 = """  sl  local_address                         remote_address                        st
   0: 000000FD000000000000000002000000:0050 000000FD000000000000000002000000:C000 01
"""
VIP, RIP, VIP6 = map(ip_address, ("192.168.1.2", "192.168.1.11", "fd00::2"))


def test_a_connection_to_an_own_address_is_seen_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(TCP)
    (tmp_path / "tcp6").write_text(TCP6)

    found = to_itself([VIP, RIP, VIP6, ip_address("fd00::11")], tmp_path)

    assert found == {VIP, VIP6}


def test_of_a_connection_between_own_addresses_one_end_is_enough(tmp_path: Path) -> None:
    """The client of RIP is gone, and the server of VIP waits until late packets have gone too."""
    waiting = "   0: 0201A8C0:0050 0B01A8C0:BD02 06 00000000:00000000\n"
    (tmp_path / "tcp").write_text(TCP.splitlines(keepends=True)[0] + waiting)

    assert to_itself([VIP, RIP], tmp_path) == {VIP, RIP}
    assert to_itself([VIP], tmp_path) == frozenset()


def test_a_kernel_without_ipv6_has_no_such_table(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(TCP)

    assert to_itself([VIP6], tmp_path) == frozenset()
