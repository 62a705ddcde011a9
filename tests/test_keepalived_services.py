"""keepalived.conf by itself: virtual servers, addresses, lines, templates, and how bad each is.

tests/lab/test_odd_services.py has what a real keepalived makes of the virtual servers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fake import FakeSession, host
from judging import judged
from lvsdr.cli.main import run
from lvsdr.formats.keepalived.alike_lines import with_alike_lines
from lvsdr.formats.keepalived.said_lines import judged_lines
from lvsdr.formats.keepalived.templates import template_fault
from lvsdr.model.finding import Finding
from lvsdr.model.late_dataclasses import replace
from lvsdr.render.keepalived_results import ConfFindings
from lvsdr.render.text import lines
from odd_services import GOOD, ODD, Odd, filled

INSTANCE = """vrrp_instance A {{
interface eth0
virtual_router_id 9
priority 100
{lines}
virtual_ipaddress {{
{addresses}
}}
}}
"""
SECURE = "global_defs {\nenable_script_security\n}\n"


def instance(addresses: str = "192.168.1.100", lines: str = "") -> str:
    return INSTANCE.format(addresses=addresses, lines=lines)


def found(text: str) -> list[str]:
    return [f"{each.rule}:{each.severity}" for each in judged(text)]


@pytest.mark.parametrize("number", range(len(ODD)), ids=lambda n: str(ODD[n]))
def test_a_virtual_server_is_judged_by_what_keepalived_makes_of_it(number: int) -> None:
    odd: Odd = ODD[number]

    assert tuple(found(filled(odd.text, number))) == odd.findings


SERVICE = filled(GOOD, 0)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (instance() + SERVICE, []),
        (instance("192.168.1.9") + SERVICE, ["KEEPALIVED-SERVICE-VIP:warning"]),
        (instance("127.255.0.9/32 dev lo") + SERVICE, []),
        (SERVICE, []),
        (instance(lines="strict_mode on") + SERVICE, ["KEEPALIVED-STRICT:error"]),
        (instance(lines="no_accept") + SERVICE, ["KEEPALIVED-STRICT:error"]),
        (instance(lines="strict_mode on\naccept") + SERVICE, []),
        (instance(lines="no_accept"), ["KEEPALIVED-STRICT:warning"]),
        (SECURE.replace("}", "vrrp_strict\n}") + instance() + SERVICE, ["KEEPALIVED-STRICT:error"]),
        (instance("192.168.1.100/24"), ["KEEPALIVED-VIP-PREFIX:info"]),
        (instance("192.168.1.100/32 dev lo"), ["KEEPALIVED-VIP-LINK:warning"]),
        (instance("192.168.1.100/24 dev lo"), ["KEEPALIVED-VIP-LINK:error"]),
        (instance("192.168.1.100/32 dev eth0"), []),
        (
            instance("192.168.1.100/24") + SERVICE.replace("1.11", "7.11"),
            ["KEEPALIVED-OFF-SUBNET:warning", "KEEPALIVED-VIP-PREFIX:info"],
        ),
        (
            instance("192.168.1.100/24") + SERVICE.replace("1.11", "7.11").replace("DR", "TUN"),
            ["KEEPALIVED-VIP-PREFIX:info"],
        ),
        (instance() + SERVICE.replace("1.11", "7.11"), []),
    ],
)
def test_an_address_in_a_wrong_place_is_found(text: str, rules: list[str]) -> None:
    assert found(text) == rules


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("lvs_flush", ["KEEPALIVED-LVS-FLUSH:warning"]),
        ("lvs_flush_on_stop", ["KEEPALIVED-LVS-FLUSH:warning"]),
        ("lvs_flush_on_stop VS", []),
    ],
)
def test_a_table_that_nobody_shares_may_be_emptied_with_a_warning(
    words: str, rule: list[str]
) -> None:
    assert found(f"global_defs {{\n{words}\n}}\n") == rule


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (instance().replace("virtual_router_id 9\n", ""), ["KEEPALIVED-INSTANCE:error"]),
        (instance().replace("_id 9", "_id 256"), ["KEEPALIVED-INSTANCE:error"]),
        (instance().replace("interface eth0\n", ""), ["KEEPALIVED-INSTANCE:error"]),
        (instance().replace("interface eth0", "interface lo"), ["KEEPALIVED-INSTANCE:error"]),
        (instance().replace("interface eth0\n", "unicast_src_ip 192.168.1.1\n"), []),
        # Of two lines the last counts, measured with 2.2.7.
        (instance(lines="interface lo"), ["KEEPALIVED-INSTANCE:error"]),
        (instance(lines="virtual_router_id 256"), ["KEEPALIVED-INSTANCE:error"]),
        (instance().replace("interface eth0", "interface lo\ninterface eth0"), []),
        (instance() * 2, ["KEEPALIVED-INSTANCE:error"]),
        (instance(lines="}"), ["KEEPALIVED-BRACES:error"]),
        (instance().rstrip("}\n") + "\n" + instance("192.168.1.9").replace("A", "B", 1),
         ["KEEPALIVED-BRACES:error"]),
        (instance(lines="nopreempt accept"), ["KEEPALIVED-IGNORED:warning"]),
        (instance(lines="advert_int 1 garp_master_delay 5"), ["KEEPALIVED-IGNORED:warning"]),
        (instance(lines="authentication { auth_type PASS auth_pass x }"),
         ["KEEPALIVED-IGNORED:warning"]),
        (instance(lines="authentication {\nauth_type PASS\nauth_pass state\n}"), []),
        (instance(lines="advert_int 0.5"), ["KEEPALIVED-VERSION:warning"]),
        (instance(lines="advert_int 2.0"), []),
        (instance(lines="advert_int 0.5\nversion 3"), []),
        (instance("fe80::9/64", lines="advert_int 0.5"), []),
        (instance(lines="use_vmac"), ["KEEPALIVED-USE-VMAC:info"]),
    ],
)  # fmt: skip
def test_an_instance_is_judged_by_what_keepalived_does_with_it(text: str, rules: list[str]) -> None:
    assert found(text) == rules


@pytest.mark.parametrize(
    ("lines", "rules"),
    [
        ('notify_master "/no/such up"', ["KEEPALIVED-SCRIPT-PATH:warning"]),
        ('notify "/no/such lvsdr"', ["KEEPALIVED-SCRIPT-PATH:error"]),
        ("notify_master logger\nnotify_backup logger", []),
        ("notify_master /bin/true", []),
    ],
)
def test_keepalived_goes_on_without_a_script_of_others(lines: str, rules: list[str]) -> None:
    assert found(SECURE + instance(lines=lines)) == rules


def test_only_lvsdr_is_looked_for_as_lvsdr() -> None:
    ours, theirs = (
        judged(SECURE + instance(lines=f'notify "{name} x"')) for name in ("lvsdr", "a/up.sh")
    )

    assert [each.look for each in ours] == ["write the whole path: command -v lvsdr"]
    assert [each.look for each in theirs] == ["write the whole path"]


# Templates.


@pytest.mark.parametrize(
    "line",
    ["interface {{ link }}", "{% for each in vips %}", "<% if vip %>", "priority <PRIORITY>"],
)
def test_a_template_is_one_finding(line: str) -> None:
    told = template_fault(instance(lines=line), "k.conf")

    assert told is not None
    assert told.rule == "KEEPALIVED-TEMPLATE"
    assert told.message.startswith("k.conf:5: ")


@pytest.mark.parametrize(
    "line",
    [
        "# {{ ansible_managed }}",
        "script \"docker ps --format '{{.Names}}'\"",
        "notification_email_from Root <root@example.com>",
        "virtual_ipaddress { 192.168.1.9 }",
    ],
)
def test_what_looks_like_a_template_may_be_none(line: str) -> None:
    assert template_fault(instance(lines=line), "k.conf") is None


def test_a_name_that_nobody_defines_makes_it_a_template() -> None:
    text = instance("$VIP", "advert_int 0.5").replace("100", "$PRIORITY")

    assert found(text) == ["KEEPALIVED-TEMPLATE:error"]
    assert found(f"$VIP=192.168.1.9\n$PRIORITY=7\n{text}") == ["KEEPALIVED-VERSION:warning"]


# Told once.


def test_what_many_lines_say_is_told_once() -> None:
    script = "vrrp_script c{0} {{\nscript /no/such\n}}\n"
    text = SECURE + "".join(script.format(number) for number in range(30))

    (told,) = judged(text)

    assert told.message == (
        "0.conf:5 (and lines 8, 11, 14 and 26 more): keepalived will not run /no/such: no such file"
    )


def test_what_differs_is_told_each_time() -> None:
    one = Finding("R", "error", "f", "f:1: a")
    others = [Finding("R", "error", "f", "f:2: b"), Finding("R", "warning", "f", "f:3: a")]

    assert [*with_alike_lines([one, *others, one])] == [one, *others]


# What keepalived -t says.


@pytest.mark.parametrize(
    ("said", "severity"),
    [
        ("(VI_1) the virtual router id must be set", "error"),
        ("VI_1 and VI_2 both use VRID 7 with IPv4 on interface eth0", "error"),
        ("(k.conf: Line 3) VRRP parsed invalid IP web. skipping IP...", "error"),
        ("Virtual server [192.0.2.1]:tcp:80 has no real servers - ignoring", "error"),
        ("(k.conf: Line 3) Unknown keyword 'nat_mask'", "warning"),
        ("(k.conf: Line 3) nb_get_retry is deprecated - please use 'retry'", "info"),
        ("(k.conf: Line 3) Truncating auth_pass to 8 characters", "info"),
    ],
)
def test_a_line_of_keepalived_is_as_bad_as_what_comes_of_it(said: str, severity: str) -> None:
    (told,) = judged_lines([said], "k.conf", "", here=False)

    assert told.severity == severity
    assert told.message.startswith(("k.conf: keepalived -t: ", "k.conf:3: keepalived -t: "))


def test_a_link_that_this_host_has_not_is_an_error_of_its_own_file_alone() -> None:
    said = [
        "(k.conf: Line 2) WARNING - interface eth8 for vrrp_instance A doesn't exist",
        "(k.conf: Line 9) (A) tracked interface eth9 doesn't exist",
        "Non-existent interface specified in configuration",
    ]

    (elsewhere,) = judged_lines(said, "k.conf", "", here=False)
    (here,) = judged_lines(said, "k.conf", "", here=True)

    assert (elsewhere.severity, here.severity) == ("info", "error")
    assert "no link eth8, eth9:" in here.message


# As a person reads it.


def test_errors_come_first_and_a_remedy_of_several_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "k.conf"
    script = "vrrp_script {0} {{\nscript /no/{0}\n}}\n"
    wrong = script.format("a") + SERVICE.replace("lb_kind DR", "lb_kind dr")
    file.write_text(SECURE + wrong + SERVICE.replace("100 80", "100 81 82").replace("TCP", "tp"))

    code = run(("keepalived", "check", str(file)), FakeSession(host(), tmp_path / "run"))

    said = [line for line in capsys.readouterr().out.splitlines() if "SYNTAX" not in line]
    severities = [line.split(":")[0] for line in said if not line.startswith(" ")]
    assert code == 1
    assert severities == sorted(severities, key=("error", "warning", "info").index)


def test_a_remedy_of_several_in_a_row_is_printed_once() -> None:
    one = Finding("R", "error", "f", "f:1: a", look="x")
    found = [one, replace(one, message="f:2: b"), replace(one, message="f:3: c", look="y")]

    assert [*lines(ConfFindings(found))] == [
        "error: R: f:1: a",
        "error: R: f:2: b",
        "  look: x",
        "error: R: f:3: c",
        "  look: y",
    ]


def test_warnings_alone_are_exit_zero(tmp_path: Path) -> None:
    file = tmp_path / "k.conf"
    file.write_text(SECURE + SERVICE.replace("protocol TCP\n", ""))

    assert run(("keepalived", "check", str(file)), FakeSession(host(), tmp_path / "run")) == 0
