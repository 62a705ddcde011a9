"""The program: what it prints, and every exit code of the contract."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from fake import ETH0, LO, FakeKernel, FakeSession, host
from lvsdr import errors
from lvsdr.cli.command_line import cli
from lvsdr.cli.command_table import Later
from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.core.book import Book
from lvsdr.errors import CannotRun, Interrupted
from lvsdr.model.change import Change
from lvsdr.model.host import HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.neighbour_claim import Answer, AnswerForm
from lvsdr.model.objects import Address, Link, Object, Sysctl
from lvsdr.render.results import Result

PROFILES = Path(__file__).parent.parent / "profiles"
DIRECTOR, REALSERVER = str(PROFILES / "director.json"), str(PROFILES / "realserver.json")

DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
VIP = ip_address("192.168.1.2")
WEB = Service("tcp", VIP, 80)
TABLE: tuple[Object, ...] = (
    VirtualServer(WEB, persistence=300),
    RealServer(WEB, ip_address("192.168.1.11"), 80),
    RealServer(WEB, ip_address("192.168.1.12"), 80),
    Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0"),
)
LOUD = (
    Sysctl("net/ipv4/conf/all/arp_ignore", "0"),
    Sysctl("net/ipv4/conf/all/arp_announce", "0"),
    Link("lo", "loopback", up=True, arp=True),
)


class Run:
    """One run of the program on a fake kernel."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], session: FakeSession, *arguments: str
    ) -> None:
        capsys.readouterr()
        self.code = run(arguments, session)
        self.out, self.err = capsys.readouterr()

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def director(tmp_path: Path) -> FakeSession:
    return FakeSession(host(DIP), tmp_path)


@pytest.fixture
def realserver(tmp_path: Path) -> FakeSession:
    return FakeSession(host(*LOUD), tmp_path)


def kernel_of(session: FakeSession) -> FakeKernel:
    return session.kernel()


def test_0_apply_then_plan_has_nothing_to_change(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    applied = Run(capsys, director, "director", "apply", DIRECTOR)
    plan = Run(capsys, director, "director", "plan", DIRECTOR)

    assert applied.code == 0
    assert applied.out.splitlines()[-1] == "announced 192.168.1.2"
    assert (plan.code, plan.out, plan.err) == (0, "nothing to change\n", "")


def test_a_second_apply_neither_writes_nor_announces(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, director, "director", "apply", DIRECTOR)
    sent, announced = len(kernel_of(director).sent), list(director.announced)

    again = Run(capsys, director, "director", "apply", DIRECTOR)

    assert again.out == "nothing to change\n"
    assert len(kernel_of(director).sent) == sent
    assert director.announced == announced == [VIP] * 3


def test_1_a_plan_with_changes_touches_nothing(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Run(capsys, director, "director", "plan", DIRECTOR)

    assert plan.code == 1
    assert plan.out.splitlines()[0] == "+ tcp 192.168.1.2:80 (wlc, persistence 300 s)"
    assert kernel_of(director).sent == []
    assert not list(Path(director.book().root).iterdir())


def test_1_a_real_server_that_answers_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rip, mac = ip_address("192.168.1.11"), "02:00:00:00:00:11"
    heard = [Answer(ip, mac, form) for ip in (rip, VIP) for form in get_args(AnswerForm)[:2]]
    session = FakeSession(host(DIP, *TABLE), tmp_path, heard)

    verified = Run(capsys, session, "director", "verify", DIRECTOR, "--format", "json")

    assert verified.code == 1
    assert verified.document["format"] == "lvsdr/verify/1"
    assert verified.document["ok"] is False
    (finding,) = verified.document["findings"]
    assert finding["rule"] == "ARP-ANSWER"
    assert (finding["vip"], finding["mac"], finding["rip"]) == (str(VIP), mac, str(rip))


def test_0_a_director_that_alone_answers_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(DIP, *TABLE), tmp_path)

    verified = Run(capsys, session, "director", "verify", DIRECTOR)

    assert verified.code == 0
    assert verified.out.splitlines() == [
        "192.168.1.2 is at 02:00:00:00:00:10 (this host)",
        "tcp 192.168.1.2:80: 2 of 2 real servers serve",
        "verified: no findings",
    ]
    (question,) = session.asked
    assert (question.link, str(question.source4)) == ("eth0", "192.168.1.10")


def test_2_a_bad_profile_touches_nothing(
    tmp_path: Path, realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "bad.json"
    profile.write_text('{"role": "realserver", "interface": "eth0", "vips": ["192.168.1.2/24"]}')

    applied = Run(capsys, realserver, "realserver", "apply", str(profile))

    assert applied.code == 2
    assert applied.out == ""
    assert applied.err.startswith(f"lvsdr: {profile}: /vips/0: ")
    assert kernel_of(realserver).sent == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["director", "frobnicate"],
        ["director", "plan", "--format", "xml"],
        ["director", "plan", "one", "two"],
        ["schema", "router"],
        ["check"],
        ["verify"],
        ["watch"],
        ["verify", "--seconds", "nan", DIRECTOR],
        ["verify", "--rate", "nan", DIRECTOR],
        ["director", "apply", "--lock-timeout", "nan", DIRECTOR],
        [],
    ],
)
def test_2_bad_usage(
    arguments: list[str], director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    used = Run(capsys, director, *arguments)

    assert used.code == 2
    assert used.out == ""
    assert used.err


def test_2_bad_usage_is_json_where_json_was_asked_for(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    used = Run(capsys, director, "director", "plan", "--format=json", "--frobnicate")

    assert used.document["format"] == "lvsdr/error/1"
    assert used.document["exit_code"] == used.code == 2


def test_3_a_refused_change_is_undone(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = kernel_of(realserver)
    before = dict(kernel.objects)
    kernel.refuse = {3}

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert applied.code == 3
    assert applied.out == ""
    assert applied.err.splitlines() == [
        "lvsdr: cannot add unreachable 192.168.1.2/32 metric 4294967294",
        "  3 changes undone; the host is as it was",
    ]
    assert kernel.objects == before


def test_3_a_refused_change_in_json(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel_of(realserver).refuse = {0}

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER, "--format", "json")

    assert applied.err == ""
    assert applied.document == {
        "format": "lvsdr/error/1",
        "error": "cannot change net/ipv4/conf/all/arp_ignore = 1",
        "exit_code": 3,
        "notes": ["nothing was changed; the host is as it was"],
        "hints": [],
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_3_a_signal_in_the_middle_undoes_everything(
    number: signal.Signals,
    realserver: FakeSession,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = kernel_of(realserver)
    before, take = dict(kernel.objects), kernel._take

    def interrupted(change: Change) -> None:
        take(change)
        if len(kernel.sent) == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(kernel, "_take", interrupted)
    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert applied.code == Interrupted.exit_code == 3
    assert f"lvsdr: interrupted by {number.name}" in applied.err
    assert "  2 changes undone; the host is as it was" in applied.err
    assert kernel.objects == before


def test_4_a_kernel_that_takes_all_and_does_not_do_it(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = kernel_of(realserver)
    before = dict(kernel.objects)
    kernel.forget = {1}

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert applied.code == 4
    assert "  ~ net/ipv4/conf/all/arp_announce = 2" in applied.err
    assert "  4 changes undone; the host is as it was" in applied.err
    assert kernel.objects == before


def test_5_undoing_fails_too_and_the_next_run_finishes(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = kernel_of(realserver)
    before = dict(kernel.objects)
    kernel.refuse = range(2, 1000)

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)
    kernel.refuse = ()
    withdrawn = Run(capsys, realserver, "realserver", "withdraw", REALSERVER)

    assert applied.code == 5
    assert "  stuck: ~ net/ipv4/conf/all/arp_ignore = 0" in applied.err
    assert "  stuck: ~ net/ipv4/conf/all/arp_announce = 0" in applied.err
    assert withdrawn.code == 0
    assert kernel.objects == before


def test_6_a_host_that_lacks_something_is_not_touched(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel_of(realserver).missing = CannotRun("cannot change this host", hints=["be root"])

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert applied.code == 6
    assert applied.err == "lvsdr: cannot change this host\n  hint: be root\n"
    assert kernel_of(realserver).sent == []


@pytest.mark.parametrize("shown", ["", "self"])
@pytest.mark.parametrize(
    "words",
    [
        ("realserver", "plan", REALSERVER),
        ("realserver", "apply", REALSERVER),
        ("realserver", "plan", "--timings", REALSERVER),
        ("realserver", "plan", "--netns", "web", REALSERVER),
        ("explain", "arp"),
    ],
    ids=" ".join,
)
def test_6_without_proc_nothing_is_taken_for_a_setting(
    words: tuple[str, ...],
    shown: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lvsdr.kernel.process_needs.PROC", tmp_path)
    monkeypatch.setattr(Session, "book", lambda _: Book("test", tmp_path / "run"))
    if shown:
        (tmp_path / shown).mkdir()

    capsys.readouterr()
    code = run([*words, "--allow-insecure-profile"] if "explain" not in words else words, Session())

    said = f"cannot read sysctls: there is no {tmp_path}/sys/net" if shown else "without /proc"
    assert code == 6
    assert said in capsys.readouterr().err


def test_6_a_lock_that_is_held_names_its_holder(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    with realserver.book().locked(0):
        applied = Run(
            capsys, realserver, "realserver", "apply", REALSERVER, "--lock-timeout", "0.1"
        )

    assert applied.code == 6
    assert f"process {os.getpid()} (" in applied.err
    assert kernel_of(realserver).sent == []


class Odd(BaseException):
    """What not even `except Exception` would catch."""


BUGS = [
    (KeyError("veth\x1b[2J"), "KeyError: 'veth\\x1b[2J'"),
    (ValueError("two\nlines\x1b"), "ValueError: two\\nlines\\x1b"),
    (MemoryError(), "MemoryError"),
    (RecursionError("too deep"), "RecursionError: too deep"),
    (Odd("odd"), "Odd: odd"),
]


def broken(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, bug: BaseException) -> None:
    """Let `bug` come up in the middle of a plan, after its second change."""
    take = kernel._take

    def taken(change: Change) -> None:
        take(change)
        if len(kernel.sent) == 2:
            raise bug

    monkeypatch.setattr(kernel, "_take", taken)


@pytest.mark.parametrize(("bug", "told"), BUGS)
def test_7_a_bug_in_the_middle_is_undone_and_told_in_one_line(
    bug: BaseException,
    told: str,
    realserver: FakeSession,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = kernel_of(realserver)
    before = dict(kernel.objects)
    broken(kernel, monkeypatch, bug)

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert (applied.code, applied.out) == (7, "")
    assert applied.err.splitlines() == [
        f"lvsdr: internal error: {told}",
        "  2 changes undone; the host is as it was",
        "  hint: this is a bug of lvsdr: report it with what LVSDR_DEBUG=1 prints",
    ]
    assert kernel.objects == before


def test_7_a_bug_is_json_where_json_was_asked_for(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(kernel_of(realserver), monkeypatch, KeyError("veth0"))

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER, "--format", "json")

    assert (applied.code, applied.err) == (7, "")
    assert applied.document == {
        "format": "lvsdr/error/1",
        "error": "internal error: KeyError: 'veth0'",
        "exit_code": 7,
        "notes": ["2 changes undone; the host is as it was"],
        "hints": ["this is a bug of lvsdr: report it with what LVSDR_DEBUG=1 prints"],
    }


def test_7_of_a_bug_that_nothing_undid_nothing_is_claimed(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(*_: Any, **__: Any) -> None:
        raise IndexError("no such row")

    monkeypatch.setattr(realserver, "show", show)
    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert applied.code == 7
    assert "undone" not in applied.err
    assert "  what was changed is not known: plan shows what differs\n" in applied.err
    assert kernel_of(realserver).sent


@pytest.mark.parametrize("debug", ["", "1"])
def test_7_the_traceback_of_a_bug_is_printed_only_for_who_asks(
    debug: str,
    realserver: FakeSession,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LVSDR_DEBUG", debug)
    broken(kernel_of(realserver), monkeypatch, KeyError("veth0"))

    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert applied.code == 7
    assert ("Traceback (most recent call last):" in applied.err) == bool(debug)


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_python_ends_a_program_by_is_no_bug(
    end: type[BaseException],
    realserver: FakeSession,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken(kernel_of(realserver), monkeypatch, end())

    with pytest.raises(end):
        Run(capsys, realserver, "realserver", "apply", REALSERVER)


def every_command(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    for name, listed in group.commands.items():
        command = listed.loaded() if isinstance(listed, Later) else listed
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", [*every_command()], ids=" ".join)
def test_no_command_breaks_on_what_it_is_given(
    words: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lvsdr.lab.kernel_choice.this_kernel_fits", lambda: False)
    monkeypatch.setattr("lvsdr.lab.kernel_choice.require_uml", lambda: None)
    monkeypatch.setattr("lvsdr.lab.uml.run", lambda *_, **__: 0)
    empty, folder = tmp_path / "empty.json", tmp_path / "folder.json"
    empty.write_bytes(b"")
    folder.mkdir()
    odd = ["", "/dev/null", str(folder), str(empty), str(tmp_path / "n\udcff\xe4.json"), "a\x1b[2J"]
    option = "--director" if words == ("keepalived", "config") else None

    for argument in (None, *odd):
        given = [] if argument is None else [argument] if option is None else [option, argument]
        ended = Run(capsys, FakeSession(host(*LOUD), tmp_path / "run"), *words, *given)

        assert ended.code != 7, (argument, ended.err)
        assert "\x1b" not in ended.err


def test_each_exit_code_of_the_contract_has_a_test_and_is_said_everywhere() -> None:
    raised = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {0, 1, *(each.exit_code for each in raised if hasattr(each, "exit_code"))}
    readme = (PROFILES.parent / "README.md").read_text(encoding="utf-8")
    said = " ".join((cli.help or "").partition("Exit codes:")[2].split())

    assert codes == set(range(8))
    assert {int(code) for code in re.findall(r"^\| (\d) \|", readme, re.M)} == codes
    assert {int(code) for code in re.findall(r"(?:^|, )(\d) ", said.strip())} == codes
    tested = {name.split("_")[1] for name in globals() if name.startswith("test_")}
    assert {str(code) for code in codes} <= tested


UNFIT = [
    ((), "cannot use link eth0: no such link"),
    (
        (HostLink("eth0", master="br0", master_kind="bridge"),),
        'write "interface": "br0" in the profile',
    ),
    (
        (HostLink("eth0", master="bond0", master_kind="bond"),),
        'write "interface": "bond0" in the profile',
    ),
    ((HostLink("eth0", up=False),), "ip link set eth0 up"),
    ((HostLink("eth0", arp=False),), "ip link set eth0 arp on"),
    ((ETH0,), "it has no IPv4 address of its own"),
]


@pytest.mark.parametrize(("links", "said"), UNFIT)
def test_6_a_link_that_cannot_carry_vips_is_refused_with_the_remedy(
    links: tuple[HostLink, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(links=(*links, LO)), tmp_path)

    planned = Run(capsys, session, "director", "plan", DIRECTOR)

    assert planned.code == 6
    assert said in planned.err


def test_6_a_vip_on_the_talking_link_of_a_real_server_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = Address("eth0", ip_interface("192.168.1.2/24"), label="eth0:0")
    session = FakeSession(host(*LOUD, loud), tmp_path)

    applied = Run(capsys, session, "realserver", "apply", REALSERVER)
    verified = Run(capsys, session, "realserver", "verify", REALSERVER)

    assert applied.code == 6
    assert (
        "  hint: ip address add 192.168.1.2/32 dev lo && ip address del 192.168.1.2/24 dev eth0"
        f" && lvsdr realserver apply {REALSERVER} && ip address del 192.168.1.2/32 dev lo\n"
    ) in applied.err
    assert verified.code == 1
    assert "error: VIP-ON-LINK: eth0 holds 192.168.1.2 itself" in verified.out


def test_a_part_of_a_vrf_is_a_link_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = HostLink("eth0", master="blue", master_kind="vrf")
    session = FakeSession(host(DIP, links=(link, LO)), tmp_path)

    assert Run(capsys, session, "director", "plan", DIRECTOR).code == 1


def test_the_vips_are_announced_only_where_they_are(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Run(capsys, director, "director", "announce", DIRECTOR)
    Run(capsys, director, "director", "apply", DIRECTOR)
    director.announced.clear()
    after = Run(capsys, director, "director", "announce", DIRECTOR)

    assert before.code == 6
    assert "cannot announce 192.168.1.2: it is not on eth0 of this host" in before.err
    assert (after.code, after.out) == (0, "announced 192.168.1.2\n")
    assert director.announced == [VIP]


def test_status_says_what_is_missing_and_what_differs(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel_of(director).objects[TABLE[0].key] = VirtualServer(WEB, "rr")

    status = Run(capsys, director, "director", "status", DIRECTOR)

    assert status.code == 1
    assert [line.rpartition("  ")[2].strip() for line in status.out.splitlines()] == [
        "state",
        "missing",
        "differs: rr",
        "missing",
        "missing",
    ]


def test_status_in_json_and_commands(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, director, "director", "apply", DIRECTOR)

    document = Run(capsys, director, "director", "status", DIRECTOR, "--format", "json")
    commands = Run(capsys, director, "director", "status", DIRECTOR, "--format", "commands")

    assert document.code == 0
    assert document.document["format"] == "lvsdr/status/1"
    assert {item["state"] for item in document.document["objects"]} == {"ok"}
    assert commands.out.splitlines() == [
        "ipvsadm -A -t 192.168.1.2:80 -s wlc -p 300",
        "ipvsadm -a -t 192.168.1.2:80 -r 192.168.1.11:80 -g -w 1",
        "ipvsadm -a -t 192.168.1.2:80 -r 192.168.1.12:80 -g -w 1",
        "ip address add 192.168.1.2/32 dev eth0 label eth0:0",
    ]


def test_a_plan_in_json_holds_each_change_before_and_after(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Run(capsys, realserver, "realserver", "plan", REALSERVER, "--format", "json")

    assert plan.document["format"] == "lvsdr/plan/1"
    assert plan.document["changes"][0] == {
        "sign": "~",
        "object": "sysctl",
        "key": ["net/ipv4/conf/all/arp_ignore"],
        "before": {"path": "net/ipv4/conf/all/arp_ignore", "value": "0"},
        "after": {"path": "net/ipv4/conf/all/arp_ignore", "value": "1"},
    }
    assert [change["object"] for change in plan.document["changes"]] == [
        "sysctl",
        "sysctl",
        "link",
        "route",
        "address",
    ]


def test_a_real_server_that_is_silent_is_verified_and_one_that_is_not_is_named(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Run(capsys, realserver, "realserver", "verify", REALSERVER, "--format", "json")
    Run(capsys, realserver, "realserver", "apply", REALSERVER)
    after = Run(capsys, realserver, "realserver", "verify", REALSERVER, "--format", "json")

    assert before.code == 1
    rules = {finding["rule"] for finding in before.document["findings"]}
    assert rules == {"ARP-IGNORE", "ARP-ANNOUNCE", "DRIFT"}
    assert (after.code, after.document["findings"]) == (0, [])


def test_profiles_that_disagree_exit_1(
    tmp_path: Path, director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"role": "realserver", "interface": "eth0", "vips": ["192.168.1.3"]}')

    alone = Run(capsys, director, "check", DIRECTOR, REALSERVER)
    against = Run(capsys, director, "check", DIRECTOR, str(other), "--format", "json")

    assert alone.code == 0
    assert against.code == 1
    assert {each["rule"] for each in against.document["findings"]} == {
        "VIP-NO-DIRECTOR",
        "VIP-NOT-HELD",
    }


def test_a_hostile_name_is_escaped(
    tmp_path: Path, director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Run(capsys, director, "director", "plan", str(tmp_path / "a\x1b[2J.json"))

    assert missing.code == 2
    assert "\x1b" not in missing.err
    assert "a\\x1b[2J.json" in missing.err


def test_the_schema_of_each_role_is_printed(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    for role in ("director", "realserver"):
        shown = Run(capsys, director, "schema", role)

        assert shown.code == 0
        assert shown.document["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_no_colour_without_a_terminal(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "\x1b" not in Run(capsys, director, "director", "plan", DIRECTOR).out


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lvsdr", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_the_program_itself_exits_with_the_code() -> None:
    assert program("check", DIRECTOR, REALSERVER).returncode == 0
    assert program("check", "nowhere.json").returncode == 2
    assert program("director", "plan", "--netns", "no-such-namespace", DIRECTOR).returncode == 6


def test_a_reader_that_has_gone_is_no_error() -> None:
    command = f"{sys.executable} -m lvsdr schema director | true"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)

    assert done.stderr == ""


def loaded_by(*arguments: str) -> set[str]:
    """Return the modules that the program has imported when it ends."""
    script = (
        "import sys\n"
        f"sys.argv = ['lvsdr', *{list(arguments)!r}]\n"
        "from lvsdr.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("question", ["--help", "--version"])
def test_a_question_about_the_program_imports_no_command(question: str) -> None:
    loaded = loaded_by(question)

    assert loaded & {"pyroute2", "jsonschema", "subprocess"} == set()
    assert {name for name in loaded if name.startswith("lvsdr.")} == {
        "lvsdr.cli",
        "lvsdr.cli.command_line",
        "lvsdr.cli.command_table",
        "lvsdr.cli.default_profile",
        "lvsdr.cli.journal_priorities",
        "lvsdr.cli.main",
        "lvsdr.cli.neighbourhood",
        "lvsdr.cli.plain_lines",
        "lvsdr.cli.plain_output",
        "lvsdr.cli.session",
        "lvsdr.core",
        "lvsdr.core.signals",
        "lvsdr.errors",
        "lvsdr.model",
        "lvsdr.model.late_dataclasses",
        "lvsdr.model.late_methods",
    }


def test_a_plan_imports_neither_pyroute2_nor_what_explains_a_bad_profile() -> None:
    heavy = {
        "pyroute2",
        "asyncio",
        "ssl",
        "jsonschema",
        "subprocess",
        "tomllib",
        "difflib",
        "click",
    }
    heavy |= {"dataclasses", "inspect", "threading", "datetime"}

    loaded = loaded_by("director", "plan", DIRECTOR)

    # As far as IPVS: a machine on which this runs need not have it.
    assert {
        "lvsdr.core.planned_situations",
        "lvsdr.core.situation",
        "lvsdr.kernel.views.host_view",
        "lvsdr.kernel.tables.ipvs_servers",
    } <= loaded
    assert loaded & heavy == set()
    # Nobody waits at a pipe.
    assert loaded & {"lvsdr.cli.progress_line", "lvsdr.cli.stopwatch"} == set()
    assert loaded & {"lvsdr.kernel.views.host_in_depth", "lvsdr.rules", "lvsdr.wire"} == set()
    assert loaded & {"lvsdr.render.json_documents", "lvsdr.render.shell_commands"} == set()
    assert "lvsdr.render.status_verify_text" not in loaded
    assert loaded & {"lvsdr.profile.reader.schema_errors", "hashlib", "_blake2"} == set()
    fields = ("health_checks", "sorry_servers", "command_words", "entered_service")
    assert loaded & {f"lvsdr.profile.reader.{name}" for name in fields} == set()
    # What only the rules look at.
    assert (
        loaded
        & {f"lvsdr.model.{name}" for name in ("bridge_state", "foreign_program", "route_lookup")}
        == set()
    )


def test_the_overview_says_of_each_command_what_its_own_help_says() -> None:
    said = {name: listed.get_short_help_str(999) for name, listed in cli.commands.items()}

    commands = {
        name: later.loaded() for name, later in cli.commands.items() if isinstance(later, Later)
    }

    assert said == {name: found.get_short_help_str(999) for name, found in commands.items()}
    assert {name: found.name for name, found in commands.items()} == {name: name for name in said}


@pytest.mark.parametrize("group", ["", "director", "realserver", "keepalived", "import"])
def test_each_line_of_an_overview_is_a_whole_sentence_at_80_columns(
    group: str,
    director: FakeSession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    out = Run(capsys, director, *group.split(), "--help").out
    listed = out.partition("Commands:\n")[2].splitlines()

    assert len(listed) >= 4
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_what_others_changed_is_told_as_drift(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, director, "director", "apply", DIRECTOR)
    heavy = RealServer(WEB, ip_address("192.168.1.11"), 80, weight=9)
    kernel_of(director).objects[heavy.key] = heavy
    del kernel_of(director).objects[TABLE[3].key]

    plan = Run(capsys, director, "director", "plan", DIRECTOR)
    document = Run(capsys, director, "director", "status", DIRECTOR, "--format", "json")

    assert plan.out.splitlines()[-2:] == [
        "drift: 192.168.1.11:80 of tcp 192.168.1.2:80: was dr, weight 1; is dr, weight 9",
        "drift: 192.168.1.2/32 on eth0: was label eth0:0, scope global; is gone",
    ]
    assert [(each["sign"], each["object"]) for each in document.document["drift"]] == [
        ("~", "real_server"),
        ("-", "address"),
    ]


def test_what_another_profile_still_holds_is_no_drift_of_one_that_let_go(
    tmp_path: Path, realserver: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    def profile(name: str, *vips: str) -> str:
        path = tmp_path / f"{name}.json"
        wanted = {"role": "realserver", "interface": "eth0", "vips": vips}
        path.write_text(json.dumps(wanted))
        return str(path)

    Run(capsys, realserver, "realserver", "apply", profile("web", "192.168.1.2"))
    Run(capsys, realserver, "realserver", "apply", profile("mail", "192.168.1.3"))

    plan = Run(capsys, realserver, "realserver", "plan", profile("web", "2001:db8::2"))

    assert plan.code == 1
    assert "drift" not in plan.out


def test_a_service_that_others_use_stays_and_that_is_said(
    director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, director, "director", "apply", DIRECTOR)
    foreign = RealServer(WEB, ip_address("192.168.1.99"), 80)
    kernel_of(director).objects[foreign.key] = foreign

    withdrawn = Run(capsys, director, "director", "withdraw", DIRECTOR)
    again = Run(capsys, director, "director", "withdraw", DIRECTOR)

    assert withdrawn.code == 0
    assert withdrawn.err == (
        "lvsdr: virtual server tcp 192.168.1.2:80 (wlc, persistence 300 s) stays: others use it\n"
    )
    assert set(kernel_of(director).objects) == {DIP.key, TABLE[0].key, foreign.key}
    assert (again.out, again.err) == ("nothing to change\n", "")


def test_two_profiles_that_want_one_service_otherwise_do_not_take_turns(
    tmp_path: Path, director: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "mail.json"
    other.write_text(Path(DIRECTOR).read_text().replace('"web"', '"mail"').replace("wlc", "rr"))
    Run(capsys, director, "director", "apply", DIRECTOR)
    sent = len(kernel_of(director).sent)

    refused = Run(capsys, director, "director", "apply", str(other))

    assert refused.code == 2
    assert "has set up virtual server tcp 192.168.1.2:80 otherwise than rr" in refused.err
    assert len(kernel_of(director).sent) == sent


def test_a_signal_after_the_last_change_is_too_late(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = realserver.show

    def interrupted(result: Result) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return show(result)

    monkeypatch.setattr(realserver, "show", interrupted)
    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert (applied.code, applied.err) == (0, "")


def test_a_second_signal_does_not_break_the_undoing(
    realserver: FakeSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = kernel_of(realserver)
    before, take = dict(kernel.objects), kernel._take

    def interrupted(change: Change) -> None:
        take(change)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(kernel, "_take", interrupted)
    applied = Run(capsys, realserver, "realserver", "apply", REALSERVER)

    assert applied.code == 3
    assert kernel.objects == before


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "lvsdr.cli.role_verbs.os", type("Os", (), {"geteuid": staticmethod(lambda: 0)})
    )


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(("file", "folder"), [(0o664, 0o755), (0o646, 0o755), (0o644, 0o775)])
def test_root_does_not_take_a_profile_that_others_may_write(
    file: int, folder: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(*LOUD), tmp_path / "run")
    profile = tmp_path / "etc" / "realserver.json"
    profile.parent.mkdir()
    profile.write_text(Path(REALSERVER).read_text())
    profile.chmod(file)
    profile.parent.chmod(folder)

    refused = Run(capsys, session, "realserver", "plan", str(profile))
    allowed = Run(capsys, session, "realserver", "plan", str(profile), "--allow-insecure-profile")

    assert refused.code == 2
    assert f"lvsdr: cannot trust {profile}: others may" in refused.err
    assert "  hint: chmod go-w " in refused.err
    assert allowed.code == 1


@pytest.mark.usefixtures("as_root")
def test_in_a_sticky_folder_nobody_can_replace_the_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(*LOUD), tmp_path / "run")
    profile = tmp_path / "tmp" / "realserver.json"
    profile.parent.mkdir()
    profile.write_text(Path(REALSERVER).read_text())
    profile.chmod(0o644)
    profile.parent.chmod(0o1777)

    assert Run(capsys, session, "realserver", "plan", str(profile)).code == 1


def test_a_result_that_cannot_be_written_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lvsdr", "schema", "director"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.stderr == "lvsdr: cannot write the result: no space left on device (ENOSPC)\n"


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], ["director", "--help"], ["director", "plan", "--help"], []],
    ids=" ".join,
)
def test_a_question_whose_answer_cannot_be_written_is_told_of_as_a_result(words: list[str]) -> None:
    environment = {**os.environ, **({} if words else {"_LVSDR_COMPLETE": "bash_source"})}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lvsdr", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment,
        )

    assert done.stderr == "lvsdr: cannot write the result: no space left on device (ENOSPC)\n"
    assert done.returncode == 0


def test_a_result_that_cannot_be_written_is_complained_about_once() -> None:
    """From Python 3.14 on, what could not be flushed is kept, and flushed again at the end."""
    script = (
        "import errno, io, os, sys\n"
        "class Full(io.StringIO):\n"
        "    tries = 0\n"
        "    def flush(self):\n"
        "        self.tries += 1\n"
        "        if self.tries < 3: raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "    def fileno(self): return 1\n"
        "sys.stdout = Full()\n"
        "sys.argv = ['lvsdr', 'schema', 'director']\n"
        "from lvsdr.cli.main import main\n"
        "main()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stderr == "lvsdr: cannot write the result: no space left on device (ENOSPC)\n"


def test_names_that_the_locale_cannot_write_do_not_break_the_program(tmp_path: Path) -> None:
    profile = tmp_path / "d\xfcrector.json"
    profile.write_text(Path(DIRECTOR).read_text())
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    for path, code in ((profile, 0), (tmp_path / "\u20ac.json", 2)):
        done = program("check", str(path), env={**os.environ, **plain})

        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_closed_streams_do_not_break_the_program() -> None:
    for closed in ("<&-", ">&-", "2>&-", ">&- 2>&-", "2>/dev/full"):
        command = f"{sys.executable} -m lvsdr check nowhere.json {closed}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_6_a_profile_for_other_hosts_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rip = Address("eth0", ip_interface("192.168.1.11/24"), label="eth0")
    here, there = FakeSession(host(*LOUD, rip), tmp_path), FakeSession(host(*LOUD), tmp_path)
    path = tmp_path / "realserver.json"
    wanted = json.loads(Path(REALSERVER).read_text(encoding="utf-8"))
    path.write_text(json.dumps({**wanted, "rips": ["192.168.1.11"]}), encoding="utf-8")

    planned = Run(capsys, here, "realserver", "plan", str(path))
    refused = Run(capsys, there, "realserver", "apply", str(path))

    assert planned.code == 1
    assert refused.code == 6
    assert "it is for other hosts" in refused.err
    assert kernel_of(there).sent == []


def test_the_setting_of_a_link_that_has_gone_goes_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Sysctl("net/ipv4/conf/mv0/arp_ignore", "5")
    links = {"eth0": ETH0, "lo": LO}
    kernel = host(*LOUD, own, links=(*links.values(), HostLink("mv0")))
    session = FakeSession(kernel, tmp_path)
    before = Run(capsys, session, "realserver", "apply", REALSERVER)

    del kernel.objects[own.key]
    session = FakeSession(host(*kernel.objects.values()), tmp_path)
    planned = Run(capsys, session, "realserver", "plan", REALSERVER)
    withdrawn = Run(capsys, session, "realserver", "withdraw", REALSERVER)

    assert (before.code, planned.code, withdrawn.code) == (0, 0, 0)
    assert own.key not in kernel_of(session).objects


def test_explain_says_what_would_be_answered_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rip = Address("eth0", ip_interface("192.168.1.11/24"), label="eth0")
    session = FakeSession(host(*LOUD, rip), tmp_path)

    shown = Run(capsys, session, "explain", "arp", "--vip", "192.168.1.2")

    assert shown.code == 0
    assert "who-has 192.168.1.11, a probe: ANSWERS: 192.168.1.11 is an address of eth0" in shown.out
    assert "who-has 192.168.1.2, tell 192.168.1.1: silent: 192.168.1.2 is not here" in shown.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("explain", "arp", "eth9"), 6, "cannot explain link eth9: no such link"),
        (("explain", "arp", "--vip", "fd00::1"), 2, "'fd00::1' is not an IPv4 address"),
        (("check", "--dip", "10.0.0.1", DIRECTOR), 2, "write 10.0.0.1/24"),
        (("check", "--dip", "ten", DIRECTOR), 2, "'ten' is not an address with a prefix"),
        (("check", "--dip", "10.0.0.1/24", DIRECTOR), 1, ""),
    ],
)
def test_what_explain_and_check_cannot_take_is_refused(
    director: FakeSession,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    ended = Run(capsys, director, *words)

    assert ended.code == code
    assert said in ended.err
