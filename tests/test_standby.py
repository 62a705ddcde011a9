"""A director that stands by: what is there while another of its cluster is the active one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from fake import ETH0, FakeKernel, host
from lvsdr.core import draining
from lvsdr.core.book import Book
from lvsdr.core.planned_situations import plan_apply, plan_standby
from lvsdr.core.situation import Situation
from lvsdr.core.workflow import converge
from lvsdr.model.host import HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.objects import Address, Sysctl
from lvsdr.model.profile import DirectorProfile, LabelledVip

VIP = ip_address("192.0.2.10")
DIP = Address("eth0", ip_interface("192.0.2.1/24"))
ON_ETH0 = Address("eth0", ip_interface("192.0.2.10/32"), label="eth0:0")
WEB = Service("tcp", VIP, 80)
TABLE = (VirtualServer(WEB), RealServer(WEB, ip_address("192.0.2.11"), 80))
BACKUP_ONLY = Sysctl("net/ipv4/vs/backup_only", "0")
MASTER, BACKUP = (
    SyncDaemon(state, "eth0", 1, 1472, ip_address("224.0.0.81"), 8848, 1)
    for state in ("master", "backup")
)
EMPTY = DirectorProfile("web", "eth0", (LabelledVip(VIP, "eth0:0"),), TABLE[:1], TABLE[1:])
SYNCED = replace(EMPTY, sync_daemons=(MASTER, BACKUP), standby="synced")


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book("test", tmp_path)


def carried_out(situation: Situation, kernel: FakeKernel, book: Book) -> set[str]:
    """Return what the host has when a plan has been carried out."""
    converge(situation, kernel, book, lambda: None)
    return {str(item.title) for item in kernel.objects.values() if item != DIP}


def test_an_empty_standby_has_neither_vip_nor_table(book: Book) -> None:
    kernel = host(DIP)
    converge(plan_apply(EMPTY, kernel, book), kernel, book, lambda: None)

    left = carried_out(plan_standby(EMPTY, kernel, book), kernel, book)

    assert left == set()


def test_a_standby_does_not_give_back_the_vip_and_the_table_that_were_there_first(
    book: Book,
) -> None:
    kernel = host(DIP, ON_ETH0, *TABLE)
    converge(plan_apply(EMPTY, kernel, book), kernel, book, lambda: None)

    left = carried_out(plan_standby(EMPTY, kernel, book), kernel, book)

    assert left == set()


def test_a_standby_that_lvsdr_never_touched_is_emptied_too(book: Book) -> None:
    kernel = host(DIP, ON_ETH0, *TABLE)

    left = carried_out(plan_standby(EMPTY, kernel, book), kernel, book)

    assert left == set()


def test_a_service_that_others_use_stays_on_a_standby(book: Book) -> None:
    foreign = RealServer(WEB, ip_address("192.0.2.99"), 80)
    kernel = host(DIP, *TABLE, foreign)

    situation = plan_standby(EMPTY, kernel, book)

    assert situation.notes == ("virtual server tcp 192.0.2.10:80 (wlc) stays: others use it",)


def test_a_standby_asks_nothing_of_a_link_that_is_down(book: Book) -> None:
    down = replace(ETH0, up=False)
    kernel = host(DIP, ON_ETH0, *TABLE, links=(down, HostLink("lo", loopback=True)))

    left = carried_out(plan_standby(EMPTY, kernel, book), kernel, book)

    assert left == set()


def test_a_synced_standby_has_the_table_and_the_backup_daemon(book: Book) -> None:
    kernel = host(DIP, BACKUP_ONLY)
    active = carried_out(plan_apply(SYNCED, kernel, book), kernel, book)

    standing_by = carried_out(plan_standby(SYNCED, kernel, book), kernel, book)

    table = {*(item.title for item in TABLE), BACKUP_ONLY.path}
    assert active == {*table, ON_ETH0.title, MASTER.title}
    assert standing_by == {*table, BACKUP.title}
    assert kernel.objects[BACKUP_ONLY.key] == replace(BACKUP_ONLY, value="1")


def test_what_is_drained_has_weight_0_on_a_synced_standby_too(book: Book) -> None:
    kernel = host(DIP, BACKUP_ONLY)
    converge(plan_apply(SYNCED, kernel, book), kernel, book, lambda: None)
    draining.drain(SYNCED, SYNCED.real_servers, kernel, book)

    situation = plan_standby(SYNCED, kernel, book)
    converge(situation, kernel, book, lambda: None)

    assert "is drained: weight 0" in situation.notes[-1]
    assert kernel.objects[TABLE[1].key] == replace(TABLE[1], weight=0)
    assert not [each for each in plan_apply(SYNCED, kernel, book).todo if each.key == TABLE[1].key]


def test_vips_that_keepalived_owns_are_never_touched(book: Book) -> None:
    profile = replace(EMPTY, vips_owner="keepalived")
    kernel = host(DIP, ON_ETH0)

    active = carried_out(plan_apply(profile, kernel, book), kernel, book)
    standing_by = carried_out(plan_standby(profile, kernel, book), kernel, book)

    assert active == {ON_ETH0.title, *(item.title for item in TABLE)}
    assert standing_by == {ON_ETH0.title}
