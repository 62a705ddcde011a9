"""keepalived as another owner of VIPs and table: which of its files count, and what they claim."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvsdr.kernel.views.foreign_config_files import owners
from lvsdr.model.finding import Finding
from lvsdr.model.foreign_program import Owner
from lvsdr.model.host import Host
from lvsdr.model.ipvs import Service, VirtualServer
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.rules.host import other_programs

VIP = ip_address("192.0.2.10")
DIRECTOR = DirectorProfile(
    "web", "eth0", (LabelledVip(VIP, "eth0:0"),), (VirtualServer(Service("tcp", VIP, 80)),), ()
)
NODE = os.uname().nodename.partition(".")[0]
DEFAULT = "/etc/keepalived/keepalived.conf"
TABLE = "virtual_server 192.0.2.10 80 {\n}\n"
HERE, ELSEWHERE = "net:[1]", "net:[2]"
FLUSH, KEEPALIVED = "OWNER-FLUSH", "OWNER-KEEPALIVED"


def write(root: Path, path: str, text: str) -> Path:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def enable(root: Path) -> None:
    """Let keepalived start at boot, as systemd writes it down."""
    write(root, "/etc/systemd/system/multi-user.target.wants/keepalived.service", "")


def process(root: Path, name: str, *words: str, namespace: str = HERE, cwd: str = "/") -> Path:
    """Add a process to the /proc of a host, by its command line; `self` is our own thread."""
    folder = root / "proc" / name
    (folder / "ns").mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"".join(os.fsencode(each) + b"\0" for each in words))
    links = {"exe": words[0], "root": "/", "cwd": cwd, "ns/net": namespace, "ns/mnt": "mnt:[1]"}
    for link, target in links.items():
        (folder / link).symlink_to(target)
    return folder


def us(root: Path) -> None:
    process(root, "thread-self", "/usr/bin/python3")


def findings(root: Path, profile: DirectorProfile = DIRECTOR) -> list[Finding]:
    """Return what is found on a director that has these files."""
    seen = Host({}, owners=tuple(owners({}, root)))
    return list(other_programs.keepalived(profile, seen))


def said(root: Path, profile: DirectorProfile = DIRECTOR) -> list[tuple[str, str]]:
    return [(each.rule, each.subject) for each in findings(root, profile)]


def at_boot(root: Path, text: str) -> list[tuple[str, str]]:
    enable(root)
    write(root, DEFAULT, text)
    return said(root)


# What empties the table.


@pytest.mark.parametrize(
    ("words", "empties"),
    [
        ("lvs_flush", True),
        ("lvs_flush_on_stop", True),
        ("lvs_flush_onstop", True),
        ("lvs_flush_on_stop VS", False),
        ("@other lvs_flush", False),
        (f"@{NODE} lvs_flush", True),
        ("@^other lvs_flush", True),
        ("# lvs_flush", False),
        ("router_id lvs_flush", False),
    ],
)
def test_the_whole_table_is_emptied_at_start_or_stop(
    tmp_path: Path, words: str, empties: bool
) -> None:
    text = f"global_defs {{\n{words}\n}}\n"

    assert at_boot(tmp_path, text) == ([(FLUSH, DEFAULT)] if empties else [])


def test_the_finding_names_the_setting(tmp_path: Path) -> None:
    text = "global_defs {\nlvs_flush\nlvs_flush_on_stop\n}\n"
    at_boot(tmp_path, text)

    (finding,) = findings(tmp_path)

    assert "has lvs_flush and lvs_flush_on_stop: " in finding.message


@pytest.mark.parametrize("include", ["conf.d/*.conf", "/etc/keepalived/conf.d/a.conf"])
def test_what_is_included_counts_where_it_stands(tmp_path: Path, include: str) -> None:
    part = "/etc/keepalived/conf.d/a.conf"
    write(tmp_path, part, f"global_defs {{\nlvs_flush_on_stop\n}}\n{TABLE}")

    assert at_boot(tmp_path, f"include {include}\n") == [(KEEPALIVED, part), (FLUSH, part)]


# What it has of a profile's.


@pytest.mark.parametrize(
    ("lines", "ours"),
    [
        ("192.0.2.10 80", True),
        ("192.0.2.9-13 80", True),
        ("192.0.2.0/28 80", True),
        ("192.0.2.11-13 80", False),
        ("fwmark 7", False),
        ("198.51.100.1 80\n192.0.2.10 443", True),
    ],
)
def test_a_group_of_virtual_servers_is_keepalived_s_too(
    tmp_path: Path, lines: str, ours: bool
) -> None:
    group = f"virtual_server_group web {{\n{lines}\n}}\n"

    unused = at_boot(tmp_path, group)
    used = at_boot(tmp_path, f"{group}virtual_server group web {{\n}}\n")

    assert (unused, used) == ([], [(KEEPALIVED, DEFAULT)] if ours else [])


def test_a_mark_of_a_group_is_a_service_of_the_profile(tmp_path: Path) -> None:
    group = "virtual_server_group web {\nfwmark 7\n}\nvirtual_server group web {\n}\n"
    at_boot(tmp_path, group)
    (server,) = DIRECTOR.virtual_servers[:1]
    marked = replace(server, service=replace(server.service, fwmark=7, vip=None))
    profile = replace(DIRECTOR, virtual_servers=(marked,))

    (finding,) = findings(tmp_path, profile)

    assert finding.rule == KEEPALIVED
    assert "virtual_server fwmark 7 (group web): " in finding.message
    assert not finding.hint.startswith("sed")


@pytest.mark.parametrize("listed", ["virtual_ipaddress", "virtual_ipaddress_excluded"])
@pytest.mark.parametrize(("owner", "count"), [("lvsdr", 1), ("keepalived", 0)])
def test_a_vip_has_one_owner_too(tmp_path: Path, listed: str, owner: str, count: int) -> None:
    at_boot(tmp_path, f"vrrp_instance VI {{\n{listed} {{\n192.0.2.10/32 dev eth0\n}}\n}}\n")
    profile = replace(DIRECTOR, vips_owner=owner)

    assert said(tmp_path, profile) == [(KEEPALIVED, DEFAULT)] * count


def test_names_are_filled_in_and_conditions_hold_as_keepalived_has_them(tmp_path: Path) -> None:
    text = "$VIP=192.0.2.10\n@other virtual_server 192.0.2.10 443 {\n@other }\n"

    assert at_boot(tmp_path, text) == []
    assert at_boot(tmp_path, f"{text}virtual_server ${{VIP}} 80 {{\n}}\n") == [
        (KEEPALIVED, DEFAULT)
    ]


# Which files count.


def test_a_file_that_nobody_uses_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, "/etc/keepalived/other.conf", TABLE)
    write(tmp_path, DEFAULT, TABLE)

    before = said(tmp_path)
    enable(tmp_path)

    assert (before, said(tmp_path)) == ([], [(KEEPALIVED, DEFAULT)])


@pytest.mark.parametrize(
    "enabled", ["/etc/rc2.d/S01keepalived", "/etc/runlevels/default/keepalived"]
)
def test_other_inits_start_it_as_well(tmp_path: Path, enabled: str) -> None:
    write(tmp_path, enabled, "")
    write(tmp_path, DEFAULT, TABLE)

    assert said(tmp_path) == [(KEEPALIVED, DEFAULT)]


@pytest.mark.parametrize("unit", ["/etc", "/lib", "/usr/lib"])
def test_where_systemd_is_the_init_a_script_behind_a_unit_starts_nothing(
    tmp_path: Path, unit: str
) -> None:
    """systemd 262 removes the unit's link alone, as its own `disable` says."""
    write(tmp_path, "/etc/rc2.d/S01keepalived", "")
    write(tmp_path, DEFAULT, TABLE)
    (tmp_path / "run/systemd/system").mkdir(parents=True)

    without_unit = said(tmp_path)
    write(tmp_path, f"{unit}/systemd/system/keepalived.service", "[Service]\n")
    disabled = said(tmp_path)
    enable(tmp_path)

    assert (without_unit, disabled) == ([(KEEPALIVED, DEFAULT)], [])
    assert said(tmp_path) == [(KEEPALIVED, DEFAULT)]


def test_what_is_masked_does_not_start(tmp_path: Path) -> None:
    write(tmp_path, "/etc/rc2.d/S01keepalived", "")
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system/keepalived.service").symlink_to("/dev/null")
    write(tmp_path, DEFAULT, TABLE)

    assert said(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("/etc/default/keepalived", 'DAEMON_ARGS="-f /srv/k.conf"\n'),
        ("/etc/sysconfig/keepalived", "KEEPALIVED_OPTIONS='-D -f /srv/k.conf' # more\n"),
    ],
)
def test_the_unit_may_name_another_file(tmp_path: Path, file: str, text: str) -> None:
    write(tmp_path, "/srv/k.conf", TABLE)
    write(tmp_path, DEFAULT, "")
    write(tmp_path, file, text)
    enable(tmp_path)

    assert said(tmp_path) == [(KEEPALIVED, "/srv/k.conf")]


def test_what_starts_at_boot_starts_in_the_first_namespace(tmp_path: Path) -> None:
    us(tmp_path)
    first = process(tmp_path, "1", "/sbin/init", namespace=ELSEWHERE)

    elsewhere = at_boot(tmp_path, TABLE)
    (first / "ns/net").unlink()
    (first / "ns/net").symlink_to(HERE)

    assert (elsewhere, said(tmp_path)) == ([], [(KEEPALIVED, DEFAULT)])


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["-f", "/srv/k.conf"], "/srv/k.conf"),
        (["-f/srv/k.conf"], "/srv/k.conf"),
        (["-nlf", "/srv/k.conf", "-D"], "/srv/k.conf"),
        (["--use-file=/srv/k.conf"], "/srv/k.conf"),
        (["--use-file", "/srv/k.conf"], "/srv/k.conf"),
        (["-f", "/no/such", "-f", "/srv/k.conf"], "/srv/k.conf"),
        (["-f", "k.conf"], "/srv/k.conf"),
        (["-p", "-f", "--vrrp"], DEFAULT),
        (["-D", "-n"], DEFAULT),
        ([], DEFAULT),
    ],
)
def test_a_running_keepalived_has_the_file_of_its_arguments(
    tmp_path: Path, words: list[str], file: str
) -> None:
    us(tmp_path)
    process(tmp_path, "7", "/usr/sbin/keepalived", *words, cwd="/srv")
    # A child has the same arguments.
    process(tmp_path, "8", "/usr/sbin/keepalived", *words, cwd="/srv")
    for each in (DEFAULT, "/srv/k.conf"):
        write(tmp_path, each, TABLE)

    assert said(tmp_path) == [(KEEPALIVED, file)]


def test_a_keepalived_of_another_namespace_does_not_count(tmp_path: Path) -> None:
    us(tmp_path)
    process(tmp_path, "7", "/usr/sbin/keepalived", namespace=ELSEWHERE)
    process(tmp_path, "8", "/usr/bin/vi")
    write(tmp_path, DEFAULT, TABLE)

    assert said(tmp_path) == []


@pytest.mark.parametrize(("words", "ours"), [(["-i", "two"], True), (["--config-id=one"], False)])
def test_a_running_keepalived_has_the_name_of_its_arguments(
    tmp_path: Path, words: list[str], ours: bool
) -> None:
    us(tmp_path)
    process(tmp_path, "7", "/usr/sbin/keepalived", *words)
    write(tmp_path, DEFAULT, "@two virtual_server 192.0.2.10 80 {\n}\n")

    assert said(tmp_path) == ([(KEEPALIVED, DEFAULT)] if ours else [])


def test_a_container_on_our_network_has_files_of_its_own(tmp_path: Path) -> None:
    us(tmp_path)
    guest, child = (process(tmp_path, each, "/usr/sbin/keepalived") for each in ("7", "11"))
    for each in (guest, child):
        (each / "ns/mnt").unlink()
        (each / "ns/mnt").symlink_to("mnt:[2]")
        (each / "root").unlink()
        (each / "root").symlink_to(tmp_path / "guest")
    write(tmp_path, DEFAULT, TABLE)
    write(tmp_path, "/guest" + DEFAULT, "include /etc/keepalived/more/*\n")
    write(tmp_path, "/guest/etc/keepalived/more/x", "virtual_server 192.0.2.10 443 {\n}\n")

    (owner,) = owners({}, tmp_path)

    place = f"{guest}/root/etc/keepalived/more/x"
    assert owner == Owner("keepalived", place, ("192.0.2.10 443",))


# What cannot be read.


def unreadable(root: Path) -> Iterator[Path]:
    """Yield files that cannot be read, in whole or in part, one after another."""
    place = root / DEFAULT.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir()
    yield place
    place.rmdir()
    os.mkfifo(place)
    yield place
    place.unlink()
    with place.open("wb") as file:
        file.truncate((1 << 20) + 1)
    yield place
    place.write_text("include keepalived.conf\n")
    yield place
    place.write_text("include pipe\n")
    os.mkfifo(place.parent / "pipe")
    yield place
    place.write_text("include $PLACE/x.conf\n")
    yield place


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    enable(tmp_path)

    for _ in unreadable(tmp_path):
        (owner,) = owners({}, tmp_path)
        assert owner.unread.startswith(DEFAULT)
        assert said(tmp_path) == [(KEEPALIVED, DEFAULT)]


def test_arguments_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    arguments = write(tmp_path, "/etc/default/keepalived", "")
    arguments.unlink()
    os.mkfifo(arguments)

    assert at_boot(tmp_path, TABLE) == [(KEEPALIVED, DEFAULT)]


def test_a_file_that_is_not_there_is_not_used_at_boot(tmp_path: Path) -> None:
    enable(tmp_path)
    at_start = said(tmp_path)
    us(tmp_path)
    process(tmp_path, "1", "/usr/sbin/keepalived")

    assert (at_start, said(tmp_path)) == ([], [(KEEPALIVED, DEFAULT)])


def test_keepalived_goes_on_without_an_included_file(tmp_path: Path) -> None:
    assert at_boot(tmp_path, f"include none.conf\ninclude none/*\n{TABLE}") == [
        (KEEPALIVED, DEFAULT)
    ]


def test_a_process_that_ends_meanwhile_is_none(tmp_path: Path) -> None:
    us(tmp_path)
    gone = process(tmp_path, "7", "/usr/sbin/keepalived")
    (gone / "cmdline").unlink()
    write(tmp_path, DEFAULT, TABLE)

    assert said(tmp_path) == []


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_is_too_odd_to_look_at(tmp_path: Path, content: bytes) -> None:
    enable(tmp_path)
    write(tmp_path, DEFAULT, "").write_bytes(content)

    assert {rule for rule, _ in said(tmp_path)} <= {KEEPALIVED, FLUSH}


@pytest.mark.parametrize(
    ("words", "claims"),
    [
        ("fwmark", []),
        ("", []),
        ("192.0.2.10", [("192.0.2.10 0",)]),
        ("192.0.2.10 80;reboot", []),
        ("192.0.2.10-x 80", []),
        ("group", []),
        ("group web", []),
    ],
)
def test_no_virtual_server_is_too_odd_to_look_at(
    tmp_path: Path, words: str, claims: list[tuple[str, ...]]
) -> None:
    at_boot(tmp_path, f'virtual_server "{words}" {{\n}}\nvirtual_server {words} {{\n}}\n')

    assert [each.claims for each in owners({}, tmp_path)] == claims
