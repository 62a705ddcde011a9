"""What of the kernel's IPVS table is the state of a host, and what comes and goes by itself."""

from __future__ import annotations

import pytest

from lvsdr.lab.lab_host import table_lines

HEAD = """IP Virtual Server version 1.2.1 (size={})
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
WEB = """TCP  C0A80102:0050 wlc
  -> C0A8010C:0050      Route   1      {}          0
  -> C0A8010B:0050      Route   1      0          0
"""
MARK = "FWM  00000007 rr\n"
DNS = "UDP  C0A80102:0035 rr ops\n"


def same(one: str, other: str) -> bool:
    return list(table_lines(one)) == list(table_lines(other))


def test_size_connections_and_the_order_of_services_are_no_state() -> None:
    before = HEAD.format(0) + WEB.format(0) + MARK + DNS
    after = HEAD.format(256) + DNS + MARK + WEB.format(17)

    assert same(before, after)
    assert same(HEAD.format(4096), HEAD.format(0))


@pytest.mark.parametrize(
    ("was", "made"),
    [
        ("wlc", "rr"),
        ("1      0          0\n", "2      0          0\n"),
        ("C0A8010B", "C0A8010D"),
        (" ops", ""),
        ("FWM  00000007", "FWM  00000008"),
        (MARK, ""),
    ],
)
def test_whatever_else_differs_is_state(was: str, made: str) -> None:
    table = HEAD.format(0) + WEB.format(0) + MARK + DNS

    assert not same(table, table.replace(was, made))


def test_a_real_server_stays_below_its_service() -> None:
    real = "  -> C0A8010B:0035      Route   1      0          0\n"

    assert not same(HEAD.format(0) + MARK + real + DNS, HEAD.format(0) + MARK + DNS + real)
