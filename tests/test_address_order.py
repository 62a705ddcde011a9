"""The order of a link's addresses is state: who stands first speaks where nobody says more."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from lvsdr.core.planner import plan, way_back
from lvsdr.kernel.tables.sync_sources import source_of
from lvsdr.model.change import Change
from lvsdr.model.due_change import must_change
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.objects import Address, keyed
from lvsdr.model.other_attributes import AddressAttributes
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.rules.host.first_address import first_of_link

VIP, DIP = ip_address("192.0.2.10"), ip_address("192.0.2.1")
DIRECTOR = DirectorProfile("web", "eth0", (LabelledVip(VIP, "eth0:0"),), (), ())
WANTED = Address("eth0", ip_interface("192.0.2.10/32"), "eth0:0")
FIRST = replace(WANTED, ahead=True)
MASTER = SyncDaemon("master", "eth0", 3, 1472, ip_address("224.0.0.81"), 8848, 1)
SENDING = replace(MASTER, source=VIP)
APART = replace(MASTER, never_from=frozenset({VIP}))
UDP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout
  138: 510000E0:2290 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0
  206: {local}:C4D4 {group}:2290 01 00000000:00000000 00:00000000 00000000     0        0
"""


def told(*held: str, profile: DirectorProfile = DIRECTOR) -> list[tuple[str, str]]:
    """Return rule and hint of what is found on a host with these addresses on eth0, in order."""
    words = (each.partition(" ") for each in held)
    addresses = tuple(
        HeldAddress("eth0", ip_interface(ip), scope or "global") for ip, _, scope in words
    )
    found = first_of_link(profile, Host({"eth0": HostLink("eth0")}, addresses))
    return [(each.rule, each.hint) for each in found]


def test_a_vip_before_the_hosts_own_address_moves_before_a_daemon_is_started() -> None:
    desired = keyed([APART, WANTED])

    assert plan(desired, keyed([FIRST]), {}) == (Change(FIRST, WANTED), Change(None, APART))


def test_a_daemon_that_sends_from_a_vip_is_started_anew() -> None:
    assert plan(keyed([APART]), keyed([SENDING]), {}) == (Change(SENDING, APART),)
    assert plan(keyed([APART]), keyed([replace(MASTER, source=DIP)]), {}) == ()


@pytest.mark.parametrize("seen", [WANTED, replace(FIRST, scope="host")])
def test_what_is_no_source_may_stand_anywhere(seen: Address) -> None:
    assert plan(keyed([replace(WANTED, scope=seen.scope)]), keyed([seen]), {}) == ()


@pytest.mark.parametrize(("flags", "differs"), [(0x200, False), (0, True)])
def test_networkmanagers_scope_is_no_drift_of_a_holder(flags: int, differs: bool) -> None:
    wanted = Address("lvsdr0", ip_interface("192.0.2.10/32"), "lvsdr0", scope="host")
    seen = replace(wanted, scope="global", attributes=AddressAttributes(flags=flags))

    assert must_change(seen, wanted) is differs
    assert must_change(replace(seen, label="lvsdr0:1"), wanted)
    assert must_change(seen, replace(wanted, scope="link"))


@pytest.mark.parametrize(("seen", "wanted"), [(500, None), (None, 500)])
def test_an_address_that_would_expire_is_another(seen: int | None, wanted: int | None) -> None:
    def until(when: int | None) -> Address:
        return replace(WANTED, attributes=AddressAttributes(valid_until=when))

    assert must_change(until(seen), until(wanted))
    assert not must_change(until(seen), until(seen))
    # What a profile wants stays for good.
    assert must_change(until(500), WANTED)
    assert not must_change(until(None), WANTED)
    # And what was changed so is changed back.
    (change,) = way_back(
        keyed([until(wanted)]), keyed([until(seen)]), (Change(until(wanted), until(seen)),)
    )
    assert isinstance(change.after, Address)
    assert change.after.attributes == AddressAttributes(valid_until=wanted)


def test_ipv6_holds_an_address_of_a_link_once() -> None:
    host, wide = (Address("eth0", ip_interface(f"2001:db8::2/{each}")) for each in (128, 64))

    assert plan(keyed([host]), keyed([wide]), {}) == (Change(wide, host),)
    assert wide.detail == "/64, scope global"
    # Of IPv4 both are there, each by itself.
    four, wide_four = (Address("eth0", ip_interface(f"192.0.2.10/{each}")) for each in (32, 24))
    assert plan(keyed([four]), keyed([wide_four]), {}) == (Change(None, four),)


def test_the_change_says_what_differs() -> None:
    assert FIRST.detail == "label eth0:0, scope global, ahead of the host's own"
    assert SENDING.detail.endswith(", from 192.0.2.10")


@pytest.mark.parametrize(
    ("held", "rules"),
    [
        (["192.0.2.1/24", "192.0.2.10/32"], []),
        (["192.0.2.10/32", "192.0.2.1/24"], [("VIP-SOURCE", "lvsdr director apply")]),
        # Without one of its own it is no director: told by DIP-MISSING.
        (["192.0.2.10/32"], []),
        (["192.0.2.10/32 host", "192.0.2.1/24"], []),
        (["192.0.2.7/32", "192.0.2.10/32", "192.0.2.1/24"], []),
        (["2001:db8::10/128", "192.0.2.1/24"], []),
    ],
)
def test_it_is_found_where_it_is_first(held: list[str], rules: list[tuple[str, str]]) -> None:
    assert told(*held) == rules


def test_a_vip_of_keepalived_is_not_moved() -> None:
    theirs = replace(DIRECTOR, vips_owner="keepalived")

    assert told("192.0.2.10/32", "192.0.2.1/24", profile=theirs) == [("VIP-SOURCE", "")]


def test_where_a_daemon_sends_from_is_known_by_its_socket(tmp_path: Path) -> None:
    def shown(address: str) -> str:
        # As the kernel prints 32 bits of the network: in the order of this machine.
        number = int.from_bytes(socket.inet_aton(address), "little")
        return f"{number:08X}"

    table = tmp_path / "udp"
    table.write_text(UDP.format(local=shown("192.0.2.10"), group=shown("224.0.0.81")))

    assert source_of(MASTER, table) == VIP
    assert source_of(replace(MASTER, port=8849), table) is None
    assert source_of(replace(MASTER, state="backup"), table) is None
