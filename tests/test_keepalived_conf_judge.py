"""keepalived.conf judged, by theme: owners, routers, scripts, and what each director reads."""

from __future__ import annotations

import signal
from ipaddress import ip_address
from pathlib import Path

import pytest

from judging import GOOD, SERVED, judged, profile, rules
from lvsdr.formats.keepalived.conf_syntax import lines_of, parsed
from lvsdr.formats.keepalived.configuration import read_by_each_host
from lvsdr.formats.keepalived.syntax_check import ended_by
from lvsdr.formats.keepalived.virtual_servers import services_in
from lvsdr.model.finding import ERROR, WARNING

HOOK = '    notify "/bin/true lvsdr"\n'
TABLE = f"virtual_server 192.168.1.2 80 {{\n{SERVED}}}\n"


def with_vip(address: str, text: str = GOOD) -> str:
    return text.replace(HOOK, f"{HOOK}virtual_ipaddress {{\n{address}\n}}\n")


def open_script(folder: Path) -> Path:
    """Return a script in a folder where anybody may write."""
    script = folder / "open" / "hook"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    script.parent.chmod(0o777)
    return script


# Beside lvsdr.


def test_a_second_global_defs_counts_as_the_first_one() -> None:
    second = "global_defs {\n lvs_flush\n}\n"
    secured = GOOD.replace("    enable_script_security\n", "")

    assert rules(GOOD + second) == ["KEEPALIVED-LVS-FLUSH"]
    assert rules(secured + "global_defs {\n enable_script_security\n}\n") == []


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        "virtual_server_group G {\n192.168.1.1-9 80\n192.168.1.2 80\n}\n",
        "virtual_server_group G {\n192.168.1.0-9 80\n}\n",
        "virtual_server_group G {\n192.168.1.0/29 80\n}\n",
        f"virtual_server fwmark 7 {{\n{SERVED}}}\n",
    ],
)
def test_the_table_of_a_profile_is_lvsdrs_whatever_the_hook_is_called(
    tmp_path: Path, table: str
) -> None:
    services = [{"fwmark": 7, "real_servers": []}]
    director = profile(tmp_path, virtual_servers=services)
    wrapped = GOOD.replace("/bin/true lvsdr", "/bin/true")

    assert rules(wrapped + table, director=director) == ["KEEPALIVED-VIRTUAL-SERVER"]
    assert rules(wrapped + table) == []


def test_a_table_of_other_vips_beside_other_hooks_is_no_fault(tmp_path: Path) -> None:
    wrapped = GOOD.replace("/bin/true lvsdr", "/bin/true")
    others = (
        TABLE.replace("192.168.1.2", "192.168.1.3") + f"virtual_server fwmark 8 {{\n{SERVED}}}\n"
    )

    assert rules(wrapped + others, director=profile(tmp_path)) == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("lvs_flush_on_stop", ["KEEPALIVED-LVS-FLUSH"]),
        ("lvs_flush_onstop", ["KEEPALIVED-LVS-FLUSH"]),
        ("lvs_flush_on_stop VS", []),
    ],
)
def test_keepalived_may_take_away_its_own_services_alone(words: str, rule: list[str]) -> None:
    assert rules(f"{GOOD}global_defs {{\n{words}\n}}\n") == rule


@pytest.mark.parametrize(
    ("text", "has", "has_not"),
    [
        ("192.0.2.10-13", ["192.0.2.10", "192.0.2.13"], ["192.0.2.9", "192.0.2.14", "::a"]),
        ("192.0.2.20-10", [], ["192.0.2.10", "192.0.2.15", "192.0.2.20"]),
        ("192.0.2.0/30", ["192.0.2.0", "192.0.2.3"], ["192.0.2.4"]),
        ("fd00::10-1f", ["fd00::10", "fd00::1a", "fd00::1f"], ["fd00::20", "192.0.2.1"]),
        ("192.0.2.10-256", [], ["192.0.2.10"]),
        ("192.0.2.10-x", [], ["192.0.2.10"]),
        ("web.example", [], ["192.0.2.10"]),
    ],
)
def test_a_line_of_a_group_may_name_many_addresses(
    text: str, has: list[str], has_not: list[str]
) -> None:
    (group,) = services_in(parsed(lines_of(f"virtual_server_group G {{\n{text} 80\n}}\n")))

    def named(addresses: list[str]) -> list[str]:
        ips = [ip_address(each) for each in addresses]
        return [str(ip) for ip in ips if any(line.has(ip) for line in group.lines)]

    assert (named(has), named(has_not)) == (has, [])


# Who is told of a stop.


@pytest.mark.parametrize(
    ("hooks", "rule"),
    [
        ('notify_master "/bin/true lvsdr"\nnotify_backup /bin/true', ["KEEPALIVED-NO-STOP"]),
        ('notify_master "/bin/true lvsdr"\nnotify_stop /bin/true', []),
        ("notify /bin/true", []),
    ],
)
def test_a_group_has_to_hear_of_a_stop_too(hooks: str, rule: list[str]) -> None:
    group = f"vrrp_sync_group G {{\ngroup {{\nVI_1\n}}\n{hooks}\n}}\n"

    assert rules(GOOD.replace(HOOK, "") + group) == rule


def test_an_instance_may_hear_of_the_stop_for_its_group() -> None:
    group = "vrrp_sync_group G {\ngroup {\nVI_1\n}\nnotify_master /bin/true\n}\n"

    assert rules(GOOD + group) == []
    assert rules(GOOD + group.replace("VI_1", "VI_2")) == ["KEEPALIVED-NO-STOP"]


@pytest.mark.parametrize(
    ("fifo", "rule"),
    [
        ("lvs_notify_fifo", ["KEEPALIVED-NO-STOP"]),
        ("vrrp_notify_fifo", []),
        ("notify_fifo", []),
    ],
)
def test_only_a_fifo_that_tells_of_states_is_in_place_of_a_hook(fifo: str, rule: list[str]) -> None:
    text = GOOD.replace("notify ", "notify_master ")

    assert rules(f"global_defs {{\n{fifo} /run/f\n}}\n{text}") == rule


# Scripts.


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("enable_script_security", "enable_script_security\nscript_user nobody"),
        ('lvsdr"', 'lvsdr" nobody'),
    ],
)
def test_a_hook_of_lvsdrs_is_run_by_root(old: str, new: str) -> None:
    found = judged(GOOD.replace(old, new))

    assert [each.rule for each in found] == ["KEEPALIVED-SCRIPT-USER"]
    assert "as nobody" in found[0].message
    assert rules(GOOD.replace(old, new.replace("nobody", "root"))) == []


def test_a_hook_that_may_lead_to_lvsdr_is_run_by_root(tmp_path: Path) -> None:
    text = GOOD.replace("/bin/true lvsdr", "/bin/true").replace('true"', 'true" nobody')

    assert rules(text) == []
    assert rules(text, director=profile(tmp_path)) == ["KEEPALIVED-SCRIPT-USER"]


@pytest.mark.parametrize("code", [-signal.SIGTERM, 128 + signal.SIGTERM])
def test_a_signal_that_ends_keepalived_has_a_name(code: int) -> None:
    said = ended_by(code)

    assert said is not None
    assert "(SIGTERM)" in said
    assert [ended_by(each) for each in (0, 1, 4, 5)] == [None] * 4


@pytest.mark.parametrize(
    "place",
    [
        "global_defs {{\nnotify_fifo /run/f\nnotify_fifo_script {0}\n}}\n",
        "global_defs {{\nstartup_script {0}\n}}\n",
        'vrrp_script chk {{\nscript "{0} word"\n}}\n',
        "vrrp_sync_group G {{\nnotify_master_rx_lower_pri {0}\n}}\n",
        "virtual_server 192.0.2.1 80 {{\nreal_server 192.0.2.2 80 {{\nMISC_CHECK {{\n"
        "misc_path {0}\n}}\n}}\n}}\n",
    ],
)
def test_every_script_that_others_may_write_is_found(tmp_path: Path, place: str) -> None:
    script = open_script(tmp_path)
    other_hooks = GOOD.replace("/bin/true lvsdr", "/bin/true")

    assert "KEEPALIVED-SCRIPT-PATH" in rules(other_hooks + place.format(script))
    assert "KEEPALIVED-SCRIPT-PATH" not in rules(other_hooks + place.format("/bin/true"))


def test_a_check_may_leave_it_to_keepalived_where_its_program_is() -> None:
    assert rules(GOOD + 'vrrp_script chk {\nscript "killall -0 nginx"\n}\n') == []


def test_the_switch_notify_deleted_is_no_hook() -> None:
    assert rules(GOOD.replace(HOOK, f"{HOOK}notify_deleted\n")) == []


def test_without_script_security_keepalived_runs_what_others_may_write(tmp_path: Path) -> None:
    text = GOOD.replace("/bin/true", str(open_script(tmp_path)))

    secure = judged(text)
    insecure = judged(text.replace("    enable_script_security\n", ""))

    assert [(each.rule, each.severity) for each in secure] == [("KEEPALIVED-SCRIPT-PATH", ERROR)]
    assert "will not run" in secure[0].message
    assert [(each.rule, each.severity) for each in insecure] == [
        ("KEEPALIVED-SCRIPT-SECURITY", WARNING),
        ("KEEPALIVED-SCRIPT-PATH", WARNING),
    ]
    assert "will not run" not in insecure[1].message


def test_without_script_security_keepalived_does_not_run_what_is_not_there() -> None:
    text = GOOD.replace("/bin/true", "/no/such").replace("    enable_script_security\n", "")

    assert [each.severity for each in judged(text)] == [WARNING, ERROR]


# Addresses.


@pytest.mark.parametrize("owner", ["lvsdr", "keepalived"])
def test_a_static_address_is_on_every_director(tmp_path: Path, owner: str) -> None:
    director = profile(tmp_path, vips_owner=owner)
    text = with_vip("192.168.1.2") if owner == "keepalived" else GOOD
    static = "static_ipaddress {\n192.168.1.2/32 dev eth0\n}\n"

    assert rules(text, director=director) == []
    assert rules(text + static, director=director) == ["KEEPALIVED-VIP-TWICE"]


def test_one_vip_in_two_routers_has_two_masters() -> None:
    one = with_vip("192.168.1.2")
    two = one.replace("VI_1", "VI_2").replace("51", "52")

    assert rules(one, two) == ["KEEPALIVED-VIP-TWICE"]
    assert rules(one + two) == ["KEEPALIVED-VIP-TWICE"]
    assert rules(one, one) == []
    assert rules(one, one.replace("VI_1", "VI_2")) == []


@pytest.mark.parametrize("address", ["127.255.0.51/32 dev lo", "fe80::33/64"])
def test_a_stand_in_may_be_in_two_routers(address: str) -> None:
    one = with_vip(address)

    assert rules(one, one.replace("VI_1", "VI_2").replace("51", "52")) == []


def test_the_link_of_a_macvlan_is_told_once(tmp_path: Path) -> None:
    director = profile(tmp_path, vips_owner="keepalived")
    text = with_vip("192.168.1.2").replace("eth0", "eth0\nuse_vmac")

    assert rules(text, director=director) == ["KEEPALIVED-USE-VMAC"]


# Routers.


def test_each_family_has_its_own_router_numbers() -> None:
    four = with_vip("192.168.1.2")
    six = with_vip("fe80::9/64").replace("VI_1", "VI_6")

    assert rules(four + six) == []
    assert rules(four + six.replace("fe80::9/64", "192.168.1.3")) == ["KEEPALIVED-ROUTER-ID"]


@pytest.mark.parametrize(
    ("words", "address", "link", "mac"),
    [
        ("", "192.168.1.2", "vrrp.51", "00:00:5e:00:01:33"),
        ("web0", "fe80::9/64", "web0", "00:00:5e:00:02:33"),
        ("web0 02:00:00:00:00:09", "192.168.1.2", "web0", "02:00:00:00:00:09"),
        ("02:00:00:00:00", "192.168.1.2", "vrrp.51", "02:00:00:00:00:33"),
    ],
)
def test_a_macvlan_has_the_name_and_mac_that_it_will_have(
    words: str, address: str, link: str, mac: str
) -> None:
    text = with_vip(address).replace("eth0", f"eth0\nuse_vmac {words}")

    said = next(each.message for each in judged(text) if each.rule == "KEEPALIVED-USE-VMAC")

    assert f"the macvlan {link}, which answers as {mac}:" in said


# What each director reads.


def read_by(text: str) -> dict[str | None, list[list[str]]]:
    return {
        each.host: [block.words for block in each.root.inner]
        for each in read_by_each_host(lines_of(text, "/etc/keepalived/k.conf"), "k.conf")
    }


def test_what_is_written_behind_a_word_keepalived_passes_over() -> None:
    """As people write who take another sign for that of a comment; keepalived -t says nothing."""
    text = with_vip("192.168.1.2")
    for word in ("virtual_router_id 51", "interface eth0", "vrrp_version 3", "advert_int 0.1"):
        assert f"{word}\n" in text
        text = text.replace(f"{word}\n", f"{word} // of the pair\n")

    assert rules(text) == []
    # It is the same one for all that.
    assert rules(text, text.replace("51 //", "52 //")) == ["KEEPALIVED-ROUTER-ID"]


def test_a_router_id_may_have_a_name() -> None:
    text = "$ID={}\n" + GOOD.replace("51", "$ID")

    assert rules(text.replace("{}", "51"), text.replace("{}", "51")) == []
    assert rules(text.replace("{}", "51"), text.replace("{}", "52")) == ["KEEPALIVED-ROUTER-ID"]


def test_directors_that_share_a_file_may_differ_in_it() -> None:
    shared = "    @one virtual_router_id 51\n    @^one virtual_router_id {}\n"
    text = GOOD.replace("    virtual_router_id 51\n", shared)

    assert rules(text.replace("{}", "51")) == []
    assert rules(text.replace("{}", "52")) == ["KEEPALIVED-ROUTER-ID"]


def test_a_hook_of_one_director_is_judged() -> None:
    text = GOOD.replace(HOOK, f"    @one {HOOK.replace('/bin/true', '/no/such')}")

    found = judged(text)

    assert [each.rule for each in found] == ["KEEPALIVED-SCRIPT-PATH", "KEEPALIVED-FAILOVER"]
    assert all(each.message.startswith("0.conf:10: ") for each in found)


def test_what_all_directors_read_is_told_once() -> None:
    assert rules(GOOD.replace("/bin/true", "/no/such") + "@one x\n@two x\n") == [
        "KEEPALIVED-SCRIPT-PATH"
    ]


def test_where_two_directors_have_a_name_no_other_is_expected() -> None:
    assert read_by("@one a\n@^two b\nc") == {"one": [["a"], ["b"], ["c"]], "two": [["c"]]}
    assert read_by("@one a\n@^one b") == {"one": [["a"]], "": [["b"]]}
    assert read_by("a") == {None: [["a"]]}


def test_names_are_filled_in_as_keepalived_does() -> None:
    """keepalived.conf(5): when it is used, again and again, and only what has been defined."""
    text = (
        "$BASE=10.2.${SUB}\n$SUB=0\n${BASE}.1 $UNKNOWN\n$SUB=10\n${BASE}.1\n"
        "$EACH= \\\n  id $NUM \\\n  $NUM=7 \\\n  id $NUM\n$NUM=1\n$EACH\npwd ${_PWD}\n"
    )

    assert read_by(text)[None] == [
        ["10.2.0.1", "$UNKNOWN"],
        ["10.2.10.1"],
        ["id", "1"],
        ["id", "7"],
        ["pwd", "/etc/keepalived"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "$A=$A\n$A",
        "$A=${B}${B}\n$B=${A}${A}\n$A",
        "$A=\\\n$A\\\n$A\n$A",
        "@a " * 20000,
        "\n".join(f"@h{each} x" for each in range(1000)),
    ],
)
def test_no_definition_is_too_odd_to_read(text: str) -> None:
    assert judged(text) == []
