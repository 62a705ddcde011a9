"""What is given back, and what is left as others have made it since."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from fake import FakeKernel, FakeSession, host
from lvsdr.core.book import Book
from lvsdr.core.record import Record, owner_of
from lvsdr.core.withdrawal import plan_withdrawal
from lvsdr.core.workflow import apply, withdraw
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Address, Link, Object, Sysctl
from lvsdr.model.profile import Profile
from lvsdr.profile.reader import read

DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
VIP = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
WEB = Service("tcp", VIP.ip.ip, 80)
TABLE = VirtualServer(WEB, "rr")
RS1 = RealServer(WEB, ip_address("192.168.1.11"), 80, weight=7)
IGNORE = Sysctl("net/ipv4/conf/all/arp_ignore", "0")
ANNOUNCE = Sysctl("net/ipv4/conf/all/arp_announce", "0")
LO = Link("lo", "loopback", up=True, arp=True)
ON_LO = Address("lo", VIP.ip, label="lo:0")
GONE = "is not brought back: others have taken it away since"


def director(root: Path) -> Profile:
    server = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80}
    servers = [{**server, "real_servers": [{"rip": "192.168.1.11"}]}]
    return profile(root, "director", vips=[{"address": "192.168.1.2"}], virtual_servers=servers)


def realserver(root: Path, name: str = "web") -> Profile:
    return profile(root, "realserver", name, holder="lo", vips=["192.168.1.2"])


def profile(root: Path, role: str, name: str = "web", **fields: object) -> Profile:
    path = root / f"{role}-{name}.json"
    path.write_text(json.dumps({"role": role, "name": name, "interface": "eth0", **fields}))
    return read(path)


def applied(wanted: Profile, root: Path, *objects: Object) -> tuple[FakeKernel, Book]:
    """Apply a profile on a host that has `objects`."""
    session = FakeSession(host(*objects), root / "run")
    apply(wanted, session.kernel(), session.book(), session.announcer)
    return session.kernel(), session.book()


@pytest.mark.parametrize(
    "taken",
    [(TABLE, RS1, VIP), (RS1,), (VIP,), (TABLE, RS1), (RS1, VIP)],
    ids=["all", "the real server", "the VIP", "the service", "all but the service"],
)
def test_what_others_have_taken_away_is_not_brought_back(
    tmp_path: Path, taken: tuple[Object, ...]
) -> None:
    wanted = director(tmp_path)
    kernel, book = applied(wanted, tmp_path, DIP, TABLE, RS1, VIP)
    kernel.lose(*(item.key for item in taken))
    sent = len(kernel.sent)

    situation = withdraw(wanted, kernel, book)

    left = [item for item in (DIP, TABLE, RS1, VIP) if item not in taken]
    assert list(kernel.objects.values()) == left
    assert all(change.before is not None for change in kernel.sent[sent:])
    assert {each.item.key for each in situation.kept} == {item.key for item in taken}
    assert {each.why for each in situation.kept} == {GONE}
    given_back = {} if VIP in taken else {owner_of(wanted): frozenset({VIP.key})}
    assert book.load() == Record(given_back=given_back)


def test_what_is_still_there_is_given_back_as_it_was(tmp_path: Path) -> None:
    wanted = director(tmp_path)
    before = [DIP, TABLE, RS1, replace(VIP, label="eth0")]
    kernel, book = applied(wanted, tmp_path, *before)

    situation = withdraw(wanted, kernel, book)

    assert list(kernel.objects.values()) == before
    assert situation.kept == ()


def test_a_setting_that_others_have_changed_since_is_theirs(tmp_path: Path) -> None:
    wanted = realserver(tmp_path)
    kernel, book = applied(wanted, tmp_path, IGNORE, ANNOUNCE, LO)
    theirs = replace(IGNORE, value="2")
    kernel.objects[IGNORE.key] = theirs

    situation = withdraw(wanted, kernel, book)

    assert set(kernel.objects.values()) == {theirs, ANNOUNCE, LO}
    assert list(map(str, situation.kept)) == [
        "sysctl net/ipv4/conf/all/arp_ignore = 2 stays: others have changed it since"
        " (lvsdr left it 1, before that it was 0)"
    ]


def test_a_real_server_that_a_checker_has_taken_out_is_not_put_back(tmp_path: Path) -> None:
    wanted = director(tmp_path)
    kernel, book = applied(wanted, tmp_path, DIP, TABLE, RS1, VIP)
    kernel.objects[RS1.key] = replace(RS1, weight=0)

    withdraw(wanted, kernel, book)

    assert kernel.objects[RS1.key] == replace(RS1, weight=0)


def test_an_address_that_a_killed_run_was_about_to_give_back_comes_back(tmp_path: Path) -> None:
    """It is deleted and added again; in between, it is lvsdr that has taken it away."""
    wanted = realserver(tmp_path)
    kernel, book = applied(wanted, tmp_path, IGNORE, ANNOUNCE, LO, ON_LO)
    book.save(plan_withdrawal(wanted, kernel, book).record_before)
    kernel.lose(ON_LO.key)

    withdraw(wanted, kernel, book)

    assert kernel.objects[ON_LO.key] == ON_LO
    assert book.load() == Record()


def test_what_another_profile_holds_is_said_with_its_name(tmp_path: Path) -> None:
    one, two = realserver(tmp_path), realserver(tmp_path, "mail")
    kernel, book = applied(one, tmp_path, IGNORE, ANNOUNCE, LO)
    session = FakeSession(kernel, tmp_path / "run")
    apply(two, kernel, book, session.announcer)

    situation = withdraw(one, kernel, book)

    assert situation.todo == ()
    assert {each.why for each in situation.kept} == {"stays: profile realserver:mail holds it too"}
    assert ON_LO.key in {each.item.key for each in situation.kept}
    assert owner_of(one) not in book.load().claims
