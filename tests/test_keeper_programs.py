"""Programs that a keeper runs, for checks and at changes; and the files that keepalived reads."""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, sleep

import pytest

from lvsdr.errors import CannotRun
from lvsdr.formats.keepalived.track_files import UP
from lvsdr.keeper.change_program import ChangeProgram
from lvsdr.keeper.child_processes import ChildProcesses, Ended, refuse_unsafe
from lvsdr.keeper.command_checker import Command, CommandChecker
from lvsdr.keeper.track_file_hands import TrackFileHands
from lvsdr.model.health import CheckResult, Down
from lvsdr.model.health_event import HealthEvent
from lvsdr.model.ipvs import RealServer, Service

HTTP = Service("tcp", ip_address("192.0.2.2"), 80)
SERVERS = [RealServer(HTTP, ip_address(f"192.0.2.{number}"), 80) for number in (11, 12)]
SH = "/bin/sh"


def shell(line: str) -> tuple[str, ...]:
    return (SH, "-c", line)


def soon(found: Callable[[], Sequence[object]], count: int = 1) -> list[object]:
    """Return what is found until there are `count`, at the latest after ten seconds."""
    seen: list[object] = []
    deadline = monotonic() + 10
    while len(seen) < count and monotonic() < deadline:
        seen += found()
        sleep(0.005)
    return seen


@pytest.fixture
def children() -> Iterator[ChildProcesses]:
    with ChildProcesses(at_once=2) as made:
        yield made


def test_a_program_ends_with_its_exit_code(children: ChildProcesses) -> None:
    children.start("a", shell("exit 3"), 5.0, monotonic())

    assert soon(lambda: children.ended(monotonic())) == [Ended("a", 3)]


def test_a_program_that_takes_too_long_is_killed_with_all_that_it_has_started(
    children: ChildProcesses, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    children.start("a", shell(f"sleep 600 & echo $! > {pid}; wait"), 0.3, monotonic())

    ended = soon(lambda: children.ended(monotonic()))

    assert ended == [Ended("a", None, late=True)]
    assert soon(lambda: [True] if _has_gone(int(pid.read_text())) else [])


def _has_gone(process: int) -> bool:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return True
    return text.rpartition(")")[2].split()[0] == "Z"


def test_no_more_run_at_once_than_may(children: ChildProcesses, tmp_path: Path) -> None:
    # Each says how many there are with it.
    line = f"touch {tmp_path}/$$; ls {tmp_path} | wc -l > /dev/null; sleep 0.1; rm {tmp_path}/$$"
    for number in range(6):
        children.start(number, shell(line), 5.0, monotonic())
    most, ended = 0, list[object]()
    while len(ended) < 6:
        most = max(most, len(list(tmp_path.iterdir())))
        ended += children.ended(monotonic())

    assert most <= 2
    assert {each.code for each in ended if isinstance(each, Ended)} == {0}


def test_a_program_finds_nothing_of_ours_but_a_path(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with ChildProcesses(1) as children:
        children.start("a", shell(f"env > {out}; cat; ls /proc/self/fd >> {out}"), 5.0, monotonic())
        soon(lambda: children.ended(monotonic()))

    text = out.read_text()
    assert "HOME=" not in text
    assert "PATH=/usr/local/sbin" in text


def test_a_program_that_is_not_there_is_told_by_name(children: ChildProcesses) -> None:
    with pytest.raises(CannotRun, match=r"cannot run /no/such/check: .*ENOENT"):
        children.start("a", ("/no/such/check",), 5.0, monotonic())


def test_programs_end_though_whoever_has_started_us_ignores_that() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with ChildProcesses(at_once=1) as children:
            children.start("a", shell("exit 3"), 5.0, monotonic())
            ended = soon(lambda: children.ended(monotonic()))
    finally:
        signal.signal(signal.SIGCHLD, before)

    assert ended == [Ended("a", 3)]


def test_a_program_that_could_not_be_watched_is_not_run(
    children: ChildProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", no_more)
    with pytest.raises(CannotRun, match="too many open files"):
        children.start("a", shell("exit 3"), 5.0, monotonic())

    assert children.ended(monotonic()) == []
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_program_that_others_may_write_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "check"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o777)

    with pytest.raises(CannotRun) as refused:
        refuse_unsafe((str(script),), "check")

    assert str(script) in refused.value.message


def checked(line: str, timeout: float = 5.0) -> CheckResult:
    with CommandChecker({7: Command(shell(line), timeout)}) as checker:
        checker.begin([7], monotonic())
        (result,) = soon(lambda: checker.results(monotonic()))
    assert isinstance(result, CheckResult)
    return result


def test_exit_code_0_serves_and_all_else_does_not() -> None:
    assert checked("exit 0").ok
    assert checked("exit 1").why == "the command says 1"
    assert checked("kill -9 $$").why == "a signal has ended the command"
    assert checked("sleep 60", timeout=0.1).why == "the command took too long"


def test_a_command_that_cannot_be_started_says_nothing() -> None:
    """That it is not there, or that we may start no more, is no fault of the real server's."""
    commands = {7: Command(("/no/such/check",), 5.0)}
    with CommandChecker(commands) as checker:
        checker.begin([7], 1.0)
        (result,) = checker.results(1.0)

    assert (result.ok, result.silent) == (False, True)
    assert "/no/such/check" in result.why


def test_one_that_has_waited_and_cannot_be_started_says_nothing_either() -> None:
    commands = {1: Command(shell("exit 3"), 5.0), 7: Command(("/no/such/check",), 5.0)}
    with CommandChecker(commands, at_once=1) as checker:
        checker.begin([1, 7], monotonic())
        found = soon(lambda: checker.results(monotonic()), 2)

    assert [(each.number, each.silent) for each in results(found)] == [(1, False), (7, True)]


@pytest.mark.parametrize(
    ("link", "up", "silent"),
    [
        ("eth0", (True, True), False),
        ("eth0", (False, True), True),
        ("eth0", (True, False), True),
        # It is not known on which link it asks, or there is no way there.
        ("", (False, False), False),
        (None, (True, True), True),
    ],
)
def test_one_that_fails_while_its_link_is_down_says_nothing(
    link: str | None, up: tuple[bool, bool], silent: bool
) -> None:
    asked = list[str]()

    def runs(name: str) -> bool:
        asked.append(name)
        return up[len(asked) - 1]

    with CommandChecker({7: Command(shell("exit 3"), 5.0, link)}, runs=runs) as checker:
        checker.begin([7], monotonic())
        (result,) = results(soon(lambda: checker.results(monotonic())))

    assert (result.why, result.silent) == ("the command says 3", silent)


def test_one_that_serves_is_taken_at_its_word_whatever_the_link_is_like() -> None:
    with CommandChecker({7: Command(shell("exit 0"), 5.0, "eth0")}, runs=lambda _: False) as made:
        made.begin([7], monotonic())
        (result,) = results(soon(lambda: made.results(monotonic())))

    assert (result.ok, result.silent) == (True, False)


def results(found: list[object]) -> list[CheckResult]:
    return [each for each in found if isinstance(each, CheckResult)]


def test_a_check_under_way_is_not_begun_again() -> None:
    with CommandChecker({7: Command(shell("sleep 0.2"), 5.0)}) as checker:
        checker.begin([7], monotonic())
        checker.begin([7], monotonic())
        found = soon(lambda: checker.results(monotonic()))
        later = checker.results(monotonic())

    assert (len(found), later) == (1, [])


def down(why: str = "no answer") -> HealthEvent:
    place = HTTP, SERVERS[0].rip, 80
    return HealthEvent("DOWN", "error", "director:web", "is down", *place, why)


def told(words: tuple[str, ...], *events: HealthEvent) -> list[HealthEvent]:
    """Return what is told of a program that is run for `events`."""
    heard: list[HealthEvent] = []
    with ChangeProgram(heard.append) as program:
        program.use(words)
        for event in events:
            program.run(event, monotonic())
        deadline = monotonic() + 10
        while program.filenos() and monotonic() < deadline:
            program.turn(monotonic())
            sleep(0.005)
    return heard


def test_the_program_is_told_what_where_and_why_in_the_order_of_the_changes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = (SH, "-c", f'printf "%s|" "$@" >> {out}; echo >> {out}', "x")
    service = HealthEvent("ALL-DOWN", "error", "director:web", "none", HTTP)
    blind = HealthEvent("BLIND", "warning", "director:web", "eth0")

    heard = told(script, down("it's; $(down)"), service, blind)

    assert heard == []
    assert out.read_text().splitlines() == [
        "real-server|tcp:192.0.2.2:80|192.0.2.11:80|down|it's; $(down)|",
        "service|tcp:192.0.2.2:80|-|down|",
    ]


def test_a_program_that_fails_is_told_of_once() -> None:
    heard = told(shell("exit 4"), down(), down(), down())

    assert [each.message for each in heard] == [f"on_change {SH} has failed: it says 4"]


def track(folder: Path) -> TrackFileHands:
    return TrackFileHands(folder, lambda: SERVERS)


def test_each_real_server_has_a_file_that_says_whether_it_serves(tmp_path: Path) -> None:
    hands = track(tmp_path / "track")
    hands.begin()
    before = contents(tmp_path / "track")

    hands.carry_out({SERVERS[0].key: Down(1, "no answer")})

    assert before == {"tcp-192.0.2.2-80-192.0.2.11": "0", "tcp-192.0.2.2-80-192.0.2.12": "0"}
    assert contents(tmp_path / "track")["tcp-192.0.2.2-80-192.0.2.11"] == "1"
    assert list(hands.out().down) == [SERVERS[0].key]


def test_what_the_files_say_is_known_after_a_restart(tmp_path: Path) -> None:
    first = track(tmp_path)
    first.begin()
    first.carry_out({SERVERS[0].key: Down(1, "no answer")})

    second = track(tmp_path)
    second.begin()
    second.carry_out(dict.fromkeys(second.out().down))

    assert set(contents(tmp_path).values()) == {"0"}


def test_who_is_checked_no_more_is_not_down_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "track"
    hands = TrackFileHands(folder, lambda: SERVERS)
    hands.begin()
    hands.carry_out({SERVERS[0].key: Down(1, "is silent")})

    later = TrackFileHands(folder, lambda: SERVERS[1:], lambda: SERVERS[:1])
    later.begin()
    out = later.out().down
    later.carry_out(dict.fromkeys(out))

    assert list(out) == [SERVERS[0].key]
    assert later.out().down == {}
    assert {each.read_text() for each in folder.iterdir()} == {UP}


def test_a_file_is_put_in_place_whole(tmp_path: Path) -> None:
    hands = track(tmp_path)
    hands.begin()
    with (tmp_path / "tcp-192.0.2.2-80-192.0.2.11").open() as held:
        hands.carry_out({SERVERS[0].key: Down(1, "no answer")})

        # Whoever had it open still reads what it was.
        assert held.read() == "0\n"
    assert stat.S_IMODE((tmp_path / "tcp-192.0.2.2-80-192.0.2.11").stat().st_mode) & 0o022 == 0


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    with pytest.raises(CannotRun, match="others than root may write there"):
        track(tmp_path).begin()


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1\n")
    folder = tmp_path / "track"
    folder.mkdir()
    (folder / "tcp-192.0.2.2-80-192.0.2.11").symlink_to(secret)

    with pytest.raises(CannotRun, match="ELOOP"):
        track(folder).begin()


def contents(folder: Path) -> dict[str, str]:
    return {each.name: each.read_text().strip() for each in folder.iterdir()}
