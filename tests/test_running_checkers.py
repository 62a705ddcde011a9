"""Which programs check real servers here, and which: keepalived, ldirectord, by their files."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsdr.formats.keepalived.checked_services import checked_services
from lvsdr.formats.keepalived.conf_syntax import lines_of, parsed
from lvsdr.formats.ldirectord.checked_by_ldirectord import services_in
from lvsdr.kernel.views.running_checkers import checkers, former_checkers
from lvsdr.model.foreign_program import CheckedService
from lvsdr.model.ipvs import RealServer, Service
from test_keepalived_owner import DEFAULT, process, us, write

VIP, RIP = ip_address("192.0.2.10"), ip_address("192.0.2.11")
WEB = Service("tcp", VIP, 80)
SERVER = RealServer(WEB, RIP, 80)
CONF = "virtual_server 192.0.2.10 80 {\nprotocol TCP\nreal_server 192.0.2.11 80 {\n}\n}\n"
CF = "virtual=192.0.2.10:80\n\treal=192.0.2.11:80 gate 1\n"
LDIRECTORD = ("/usr/bin/perl", "-w", "/usr/sbin/ldirectord", "/etc/web.cf", "start")


def running(root: Path) -> list[str]:
    """Return which programs check the real server."""
    return [each.program for each in checkers(root) if each.checks(SERVER)]


def test_nobody_checks_where_nothing_runs(tmp_path: Path) -> None:
    us(tmp_path)
    write(tmp_path, DEFAULT, CONF)

    assert running(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "checks"),
    [
        ((), True),
        (("-f", "/other.conf"), False),
        (("-P",), False),
        (("-DnP",), False),
        (("--vrrp",), False),
        (("-P", "-C"), True),
        (("--check", "--vrrp"), True),
        (("-C",), True),
        (("-D", "-f", DEFAULT), True),
    ],
)
def test_a_keepalived_that_runs_checks_what_its_file_names(
    tmp_path: Path, words: tuple[str, ...], checks: bool
) -> None:
    us(tmp_path)
    write(tmp_path, DEFAULT, CONF)
    write(tmp_path, "/other.conf", CONF.replace("192.0.2.11", "192.0.2.12"))
    process(tmp_path, "7", "/usr/sbin/keepalived", *words)

    assert running(tmp_path) == (["keepalived"] if checks else [])


def test_of_one_that_is_gone_its_own_file_tells(tmp_path: Path) -> None:
    us(tmp_path)
    assert list(former_checkers(tmp_path)) == []
    write(tmp_path, DEFAULT, CONF)
    write(tmp_path, "/etc/ha.d/ldirectord.cf", CF)

    found = [(each.program, each.place, each.running) for each in former_checkers(tmp_path)]

    assert found == [
        ("keepalived", DEFAULT, False),
        ("ldirectord", "/etc/ha.d/ldirectord.cf", False),
    ]
    assert all(each.has(WEB) for each in former_checkers(tmp_path))
    assert running(tmp_path) == []


def test_one_in_another_namespace_checks_nothing_here(tmp_path: Path) -> None:
    us(tmp_path)
    write(tmp_path, DEFAULT, CONF)
    write(tmp_path, "/etc/web.cf", CF)
    process(tmp_path, "7", "/usr/sbin/keepalived", namespace="net:[2]")
    process(tmp_path, "8", *LDIRECTORD, namespace="net:[2]")

    assert running(tmp_path) == []


def test_a_ldirectord_that_runs_checks_what_its_file_names(tmp_path: Path) -> None:
    us(tmp_path)
    process(tmp_path, "7", *LDIRECTORD)
    assert running(tmp_path) == []

    write(tmp_path, "/etc/web.cf", CF)

    assert running(tmp_path) == ["ldirectord"]


REALS = frozenset({(RIP, 80), (ip_address("192.0.2.12"), 8080)})
INNER = "real_server 192.0.2.11 80 {\n}\nreal_server 192.0.2.12 8080 {\n}\n"
CONFS = {
    "plain": (f"virtual_server 192.0.2.10 80 {{\nprotocol tcp\n{INNER}}}\n", "tcp 192.0.2.10:80"),
    "udp": (f"virtual_server 192.0.2.10 53 {{\nprotocol UDP\n{INNER}}}\n", "udp 192.0.2.10:53"),
    # As keepalived -t says: "no protocol set - defaulting to UDP".
    "none": (f"virtual_server 192.0.2.10 53 {{\n{INNER}}}\n", "udp 192.0.2.10:53"),
    "twice": (
        f"virtual_server 192.0.2.10 53 {{\nprotocol TCP\nprotocol UDP\n{INNER}}}\n",
        "udp 192.0.2.10:53",
    ),
    "mark": (f"virtual_server fwmark 7 {{\n{INNER}}}\n", "fwmark 7"),
    "group": (
        f"virtual_server_group g {{\n192.0.2.10-12 80\nfwmark 7\n}}\n"
        f"virtual_server group g {{\nprotocol TCP\n{INNER}}}\n",
        "tcp 192.0.2.10:80, tcp 192.0.2.12:80, fwmark 7",
    ),
    "no such group": (f"virtual_server group h {{\n{INNER}}}\n", ""),
    "nonsense": ("virtual_server\nvirtual_server x y {\nreal_server\nreal_server a b\n}\n", ""),
}
SERVICES = (
    *(Service("tcp", ip_address(f"192.0.2.{last}"), 80) for last in (10, 12, 13)),
    Service("udp", VIP, 53),
    Service("tcp", VIP, 53),
    Service("fwmark", fwmark=7),
    Service("fwmark", fwmark=8),
)


@pytest.mark.parametrize(("text", "said"), CONFS.values(), ids=CONFS)
def test_the_services_of_keepalived_conf(text: str, said: str) -> None:
    found = list(checked_services(parsed(lines_of(text))))

    named = [it for it in SERVICES if any(each.is_of(it) for each in found)]
    assert ", ".join(map(str, named)) == said
    assert all(each.reals == REALS for each in found)


def test_the_services_of_ldirectord() -> None:
    text = (
        "checktimeout=3\nquiescent=yes\n"
        "virtual=192.0.2.10:80\n\treal=192.0.2.11:http gate 3\n\treal=192.0.2.12:8080 gate\n"
        "\tfallback=127.0.0.1:80\n\tservice=http\n\tprotocol=tcp\n"
        "# virtual=192.0.2.99:80\n"
        "virtual = 7\n    real = 192.0.2.11 gate\n"
        "virtual6=[2001:db8::2]:53\n\treal6=[2001:db8::3]:53 masq\n\tprotocol = udp\n"
        "virtual=a.name:80\n\treal=192.0.2.11:80 gate\n"
        "virtual=\nreal=\n"
    )
    six = ip_address("2001:db8::2")

    assert list(services_in(text)) == [
        CheckedService("tcp", VIP, VIP, 80, 0, REALS),
        CheckedService("fwmark", None, None, 0, 7, frozenset({(RIP, 0)})),
        CheckedService("udp", six, six, 53, 0, frozenset({(ip_address("2001:db8::3"), 53)})),
    ]


@pytest.mark.parametrize("text", ["", "virtual", "real=1", "virtual=[:80", "virtual=1:2:x\nreal=:"])
def test_what_is_no_file_of_ldirectords_names_nothing(text: str) -> None:
    assert list(services_in(text)) == []
