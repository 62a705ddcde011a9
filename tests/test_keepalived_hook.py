"""keepalived's hooks: what they do on a fake kernel, in whatever order they come."""

from __future__ import annotations

import json
import os
import syslog
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from time import monotonic, sleep

import pytest

from fake import FakeKernel, FakeSession, host
from lvsdr.cli.main import run
from lvsdr.core.book import Book
from lvsdr.errors import CannotRun, ProfileError
from lvsdr.keepalived.fifo import LONGEST_LINE, Fifo, Lines
from lvsdr.keepalived.hook import follow
from lvsdr.keepalived.host_roles import HostAccess, Roles
from lvsdr.keepalived.keepalived_process import hook_started_at, lives, ticks_now
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.vrrp_states import Notice, notice_from_line
from lvsdr.model.ipvs import Service, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.objects import Address, Object, Sysctl
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

PROFILES = Path(__file__).parent.parent / "profiles"
DIRECTOR = ("--director", str(PROFILES / "director.json"))
BOTH = (*DIRECTOR, "--realserver", str(PROFILES / "realserver.json"))
DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
VIP = ip_address("192.168.1.2")
ON_ETH0 = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
ON_HOLDER = Address("lvsdr0", ip_interface("192.168.1.2/32"), label="lvsdr0", scope="host")
WEB = VirtualServer(Service("tcp", VIP, 80), persistence=300)
LOUD = [Sysctl(f"net/ipv4/conf/all/{name}", "0") for name in ("arp_ignore", "arp_announce")]
MASTER, BACKUP = (
    SyncDaemon(state, "eth0", 1, 1472, ip_address("224.0.0.81"), 8848, 1)
    for state in ("master", "backup")
)


@pytest.fixture
def session(tmp_path: Path) -> FakeSession:
    return FakeSession(host(DIP, *LOUD), tmp_path / "run")


def notified(session: FakeSession, state: str, *profiles: str, name: str = "VI_1") -> int:
    words = ("keepalived", "notify", "--allow-insecure-profile", *(profiles or BOTH))
    return run((*words, "INSTANCE", name, state, "100"), session)


def has(session: FakeSession, *wanted: Address | VirtualServer | SyncDaemon) -> list[bool]:
    return [each.key in session.kernel().objects for each in wanted]


def synced(folder: Path, **fields: object) -> tuple[str, str]:
    document = json.loads((PROFILES / "director.json").read_text())
    daemons = [{"state": state, "syncid": 1} for state in ("master", "backup")]
    path = folder / "director.json"
    path.write_text(json.dumps({**document, "standby": "synced", "sync_daemons": daemons} | fields))
    return ("--director", str(path))


# What the states do.


def test_the_master_has_the_vip_on_the_link_and_the_table(session: FakeSession) -> None:
    code = notified(session, "MASTER")

    assert code == 0
    assert has(session, ON_ETH0, ON_HOLDER, WEB) == [True, True, True]
    assert session.announced == [VIP] * 3


@pytest.mark.parametrize("state", ["BACKUP", "FAULT", "STOP", "DELETED"])
def test_whoever_is_not_the_master_has_the_vip_on_the_holder_alone(
    session: FakeSession, state: str
) -> None:
    notified(session, "MASTER")

    code = notified(session, state)

    assert code == 0
    assert has(session, ON_ETH0, ON_HOLDER, WEB) == [False, True, False]


def test_the_first_thing_a_backup_does_is_to_let_go_of_the_vip(session: FakeSession) -> None:
    notified(session, "MASTER")
    before = len(session.kernel().sent)

    notified(session, "BACKUP")

    assert session.kernel().sent[before].before == ON_ETH0


def test_a_backup_is_silent_before_it_holds_the_vip(session: FakeSession) -> None:
    notified(session, "BACKUP")

    sent = [change.key for change in session.kernel().sent]
    objects: list[Object] = [*LOUD, ON_HOLDER]
    places = [sent.index(each.key) for each in objects]
    assert places[-1] == max(places)


def test_a_backup_that_has_the_vip_with_another_prefix_lets_go_of_it_too(
    session: FakeSession,
) -> None:
    wide = Address("eth0", ip_interface("192.168.1.2/24"), label="eth0")
    session.kernel().objects[wide.key] = wide

    notified(session, "BACKUP")

    assert has(session, wide) == [False]


def test_the_same_state_twice_changes_nothing(session: FakeSession) -> None:
    notified(session, "MASTER")
    sent = len(session.kernel().sent)

    code = notified(session, "MASTER")

    assert (code, len(session.kernel().sent)) == (0, sent)


def test_the_daemons_are_swapped_and_the_one_stops_before_the_other_starts(
    session: FakeSession, tmp_path: Path
) -> None:
    off = Sysctl("net/ipv4/vs/backup_only", "0")
    session.kernel().objects[off.key] = off
    profile = synced(tmp_path)

    notified(session, "MASTER", *profile)
    active = has(session, MASTER, BACKUP, WEB, ON_ETH0)
    notified(session, "BACKUP", *profile)
    standing_by = has(session, MASTER, BACKUP, WEB, ON_ETH0)
    notified(session, "MASTER", *profile)

    assert active == [True, False, True, True]
    assert standing_by == [False, True, True, False]
    daemons = [each for each in session.kernel().sent if each.key[0] == SyncDaemon.kind]
    assert [(each.sign, each.key[1]) for each in daemons] == [
        ("+", "master"),
        ("-", "master"),
        ("+", "backup"),
        ("-", "backup"),
        ("+", "master"),
    ]


def test_a_synced_standby_whose_daemon_is_refused_is_emptied(
    session: FakeSession, tmp_path: Path
) -> None:
    off = Sysctl("net/ipv4/vs/backup_only", "0")
    session.kernel().objects[off.key] = off
    profile = synced(tmp_path)
    notified(session, "MASTER", *profile)
    sent = len(session.kernel().sent)
    # The VIP, the master daemon, the backup daemon.
    session.kernel().refuse = [sent + 2]

    code = notified(session, "BACKUP", *profile)

    assert code == 3
    assert has(session, ON_ETH0, MASTER, BACKUP, WEB) == [False] * 4


def test_the_vip_is_not_taken_back_by_a_standby_that_fails(session: FakeSession) -> None:
    notified(session, "MASTER")
    session.kernel().refuse = [len(session.kernel().sent) + 1]

    code = notified(session, "BACKUP")

    assert code == 3
    assert has(session, ON_ETH0) == [False]


def test_vips_of_keepalived_are_announced_where_they_are(
    session: FakeSession, tmp_path: Path
) -> None:
    document = json.loads((PROFILES / "director.json").read_text())
    path = tmp_path / "director.json"
    path.write_text(json.dumps({**document, "vips_owner": "keepalived"}))
    profile = ("--director", str(path), *BOTH[2:])
    notified(session, "MASTER", *profile)
    absent = list(session.announced)
    session.kernel().objects[ON_ETH0.key] = ON_ETH0

    code = notified(session, "MASTER", *profile)

    assert (code, absent, session.announced) == (0, [], [VIP])
    assert has(session, ON_ETH0, ON_HOLDER, WEB) == [True, True, True]


def test_arp_ignore_8_is_refused_on_a_host_that_is_both(
    session: FakeSession, tmp_path: Path
) -> None:
    document = json.loads((PROFILES / "realserver.json").read_text())
    path = tmp_path / "realserver.json"
    path.write_text(json.dumps({**document, "arp_ignore": 8}))

    code = notified(session, "MASTER", *DIRECTOR, "--realserver", str(path))

    assert (code, session.kernel().sent) == (2, [])


# In whatever order they come.


def ledger_of(session: FakeSession) -> Ledger:
    return Ledger(session.book(), BOTH[1])


def test_a_hook_that_comes_late_is_dropped(session: FakeSession) -> None:
    notified(session, "BACKUP")
    kernel, sent = session.kernel(), len(session.kernel().sent)
    profile = read(PROFILES / "director.json", "director")
    assert isinstance(profile, DirectorProfile)
    late, done = Notice("INSTANCE", "VI_1", "MASTER"), ledger_of(session).newest("INSTANCE VI_1")
    assert done is not None

    outcome = follow(
        replace(late, told_at=done.told_at - 1),
        lambda: Roles(profile),
        HostAccess(kernel, ledger_of(session), session.announcer, session.ears),
        1,
    )

    assert outcome.state is None
    assert outcome.reason == "is older than BACKUP, which was done by another run"
    assert len(kernel.sent) == sent


def test_a_hook_that_waited_carries_out_what_was_said_last(
    session: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    notified(session, "MASTER")
    capsys.readouterr()
    waiting: list[int] = []
    with session.book().locked(5):
        thread = threading.Thread(target=lambda: waiting.append(notified(session, "MASTER")))
        thread.start()
        _until(lambda: ledger_of(session).newest("INSTANCE VI_1") != _settled(session))
        ledger_of(session).add(Notice("INSTANCE", "VI_1", "BACKUP", told_at=ticks_now() + 1))
    thread.join()

    assert waiting == [0]
    assert has(session, ON_ETH0, WEB) == [False, False]
    assert "overtaken by BACKUP" in capsys.readouterr().out


def test_a_hook_whose_state_another_one_carried_out_does_nothing(
    session: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    with session.book().locked(5):
        threads = [
            threading.Thread(target=lambda: codes.append(notified(session, "MASTER")))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        _until(lambda: (seen := ledger_of(session).newest("INSTANCE VI_1")) and seen.number == 3)
    for thread in threads:
        thread.join()

    said = capsys.readouterr().out
    assert codes == [0, 0, 0]
    assert said.count("dropped") == 2
    assert has(session, ON_ETH0) == [True]


def test_a_failed_state_is_tried_again_by_the_next_hook(session: FakeSession) -> None:
    session.kernel().refuse = [0]
    first = notified(session, "MASTER", *DIRECTOR)

    second = notified(session, "MASTER", *DIRECTOR)

    assert (first, second) == (3, 0)
    assert has(session, ON_ETH0) == [True]


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (ProfileError("cannot read it", notes=["a note"]), ["cannot read it", "a note"], 2),
        (KeyError("eth0"), ["internal error: KeyError: 'eth0'", "what was changed is not"], 7),
    ],
    ids=["an error", "a bug"],
)
@pytest.mark.parametrize("command", ["notify", "fifo"])
def test_what_ends_a_hook_is_told_to_syslog_and_to_whoever_started_it(  # noqa: PLR0913, PLR0917
    error: BaseException,
    said: list[str],
    code: int,
    command: str,
    session: FakeSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logged: list[tuple[int, str]] = []
    monkeypatch.setattr(syslog, "openlog", lambda *_: None)
    monkeypatch.setattr(syslog, "syslog", lambda *words: logged.append(words))

    def kernel() -> FakeKernel:
        raise error

    monkeypatch.setattr(session, "kernel", kernel)
    os.mkfifo(tmp_path / "fifo", 0o600)
    more = {"notify": ("INSTANCE", "VI_1", "MASTER"), "fifo": (str(tmp_path / "fifo"),)}

    ended = run(("keepalived", command, "--log", *DIRECTOR, *more[command]), session)

    assert ended == code
    assert [
        (level, text[: len(each)]) for (level, text), each in zip(logged, said, strict=True)
    ] == [(syslog.LOG_ERR, each) for each in said]
    assert capsys.readouterr().err.count(said[0]) == 1


def _settled(session: FakeSession) -> object:
    seen = ledger_of(session).newest("INSTANCE VI_1")
    return seen if seen is not None and seen.settled else None


def _until(there: Callable[[], object]) -> None:
    deadline = monotonic() + 10
    while not there():
        assert monotonic() < deadline, "it never came"
        sleep(0.01)


def test_a_ledger_that_nobody_can_read_is_begun_afresh(tmp_path: Path) -> None:
    ledger = Ledger(Book("test", tmp_path))
    ledger.add(Notice("INSTANCE", "a", "MASTER", told_at=1))
    ledger.path.write_text("[]")

    ledger.add(Notice("INSTANCE", "b", "BACKUP", told_at=2))

    seen = ledger.newest("INSTANCE b")
    assert seen is not None
    assert (seen.state, ledger.newest("INSTANCE a")) == ("BACKUP", None)


def test_what_another_boot_left_is_not_newer_than_what_is_said_now(tmp_path: Path) -> None:
    ledger = Ledger(Book("test", tmp_path))
    ledger.add(Notice("INSTANCE", "a", "BACKUP", told_at=ticks_now() + 1_000_000))

    ledger.add(Notice("INSTANCE", "a", "MASTER", told_at=ticks_now()))

    seen = ledger.newest("INSTANCE a")
    assert seen is not None and seen.state == "MASTER"


def test_files_are_made_with_their_own_modes_whatever_the_umask(session: FakeSession) -> None:
    before = os.umask(0o177)
    try:
        code = notified(session, "MASTER")
    finally:
        os.umask(before)

    folder = session.book().root
    assert code == 0
    assert folder.stat().st_mode & 0o777 == 0o750
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o640}


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "x" * 300, "\u202ename"])
def test_a_name_that_is_none_is_refused(session: FakeSession, name: str) -> None:
    code = notified(session, "MASTER", name=name)

    assert (code, session.kernel().sent) == (2, [])


@pytest.mark.parametrize(
    "name", ['a"b', "--help", "../../etc/passwd", "a b", "VI 1; rm -rf /", "%s"]
)
def test_a_name_is_a_name_however_odd(session: FakeSession, name: str) -> None:
    code = notified(session, "MASTER", name=name)

    assert code == 0
    assert ledger_of(session).newest(f"INSTANCE {name}") is not None


# Profiles that cannot be read, and several of them.


@pytest.mark.parametrize("state", ["BACKUP", "FAULT", "STOP"])
def test_a_host_lets_go_of_the_vip_though_its_profile_can_be_read_no_more(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    profile = tmp_path / "director.json"
    profile.write_text((PROFILES / "director.json").read_text())
    before = notified(session, "MASTER", "--director", str(profile))
    profile.write_text("{ broken")

    code = notified(session, state, "--director", str(profile))

    said = capsys.readouterr().err
    assert (before, code, has(session, ON_ETH0)) == (0, 2, [False])
    assert "192.168.1.2/32 on eth0 as eth0:0 was taken away all the same" in said
    assert run(("keepalived", "status"), session) == 1
    assert capsys.readouterr().out == f"INSTANCE VI_1: {state}, not carried out\n"


def test_a_master_whose_profile_cannot_be_read_keeps_the_vip(
    session: FakeSession, tmp_path: Path
) -> None:
    profile = tmp_path / "director.json"
    profile.write_text((PROFILES / "director.json").read_text())
    notified(session, "MASTER", "--director", str(profile))
    profile.write_text("{ broken")

    code = notified(session, "MASTER", "--director", str(profile))

    assert (code, has(session, ON_ETH0)) == (2, [True])


def test_a_host_that_cannot_let_go_says_both(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "director.json"
    profile.write_text((PROFILES / "director.json").read_text())
    notified(session, "MASTER", "--director", str(profile))
    profile.write_text("{ broken")
    session.kernel().refuse = [len(session.kernel().sent)]

    code = notified(session, "STOP", "--director", str(profile))

    said = capsys.readouterr().err
    assert code == 2
    assert "director.json:1:3: expected a field" in said
    assert "cannot delete 192.168.1.2/32 on eth0" in said


@pytest.mark.parametrize("readable", [True, False])
def test_a_vip_that_is_refused_does_not_keep_the_others_on_a_standby(
    session: FakeSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    readable: bool,
) -> None:
    document = json.loads((PROFILES / "director.json").read_text())
    vips = [{"address": "192.168.1.2"}, {"address": "192.168.1.3"}]
    profile = tmp_path / "director.json"
    profile.write_text(json.dumps({**document, "vips": vips}))
    notified(session, "MASTER", "--director", str(profile))
    if not readable:
        profile.write_text("{ broken")
    session.kernel().refuse = [len(session.kernel().sent)]

    code = notified(session, "BACKUP", "--director", str(profile))

    second = Address("eth0", ip_interface("192.168.1.3/32"))
    assert code == (3 if readable else 2)
    assert has(session, ON_ETH0, second) == [True, False]
    said = capsys.readouterr().err
    assert "cannot delete 192.168.1.2/32 on eth0" in said
    assert "done, and not undone: - 192.168.1.3/32 on eth0" in said


def test_two_profiles_of_one_instance_do_not_settle_one_another(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = Ledger(session.book(), "/a"), Ledger(session.book(), "/b")
    mine = first.add(Notice("INSTANCE", "VI_1", "BACKUP", told_at=20))
    other = second.add(Notice("INSTANCE", "VI_1", "BACKUP", told_at=20))

    second.settle(other)

    assert first.newest("INSTANCE VI_1") == mine
    assert second.later(other) is None
    assert run(("keepalived", "status"), session) == 1
    assert capsys.readouterr().out.splitlines() == [
        "INSTANCE VI_1: BACKUP, not carried out",
        "INSTANCE VI_1: BACKUP",
    ]


def test_a_hook_is_dropped_where_another_instance_said_something_else_later(
    session: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = ledger_of(session)
    with session.book().locked(5):
        thread = threading.Thread(target=lambda: notified(session, "MASTER"))
        thread.start()
        _until(lambda: ledger.newest("INSTANCE VI_1"))
        other = ledger.add(Notice("INSTANCE", "VI_2", "BACKUP", told_at=ticks_now()))
        ledger.settle(other)
    thread.join()

    assert has(session, ON_ETH0) == [False]
    assert "dropped (is older than INSTANCE VI_2 BACKUP, which was done" in capsys.readouterr().out
    assert run(("keepalived", "status"), session) == 0


# When a hook was started.


@dataclass
class Processes:
    """A folder like /proc."""

    root: Path

    def add(
        self, pid: int, name: str, parent: int, started: int, program: str | None = None
    ) -> None:
        (self.root / str(pid)).mkdir()
        if program is not None:
            (self.root / str(pid) / "exe").symlink_to(program)
        rest = " ".join(["S", str(parent), *["0"] * 17, str(started)])
        (self.root / str(pid) / "stat").write_text(f"{pid} ({name}) {rest} 0 0\n")


def test_a_hook_was_started_when_keepalived_forked_the_shell_around_it(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(10, "keepalived", 1, 500)
    processes.add(20, "a (shell) S 9", 10, 700)
    processes.add(30, "python3", 20, 900)

    assert hook_started_at(tmp_path, 30) == 700


def test_a_script_that_is_called_like_keepalived_is_not_keepalived(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(10, "keepalived_vrrp", 1, 500, "/usr/sbin/keepalived (deleted)")
    processes.add(20, "keepalived", 10, 700, "/usr/bin/dash")
    processes.add(30, "keepalived_noti", 20, 900)
    processes.add(40, "python3", 30, 950)

    assert hook_started_at(tmp_path, 40) == 700


def test_a_hook_that_nobody_started_was_started_when_its_process_was(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(20, "bash", 1, 700)
    processes.add(30, "python3", 20, 900)

    assert hook_started_at(tmp_path, 30) == 900
    assert 0 < hook_started_at() <= ticks_now()


def test_a_keepalived_that_lives_here_is_found(tmp_path: Path) -> None:
    process(tmp_path, "thread-self", "/usr/bin/python3", "net:[1]")
    process(tmp_path, "7", "/usr/sbin/keepalived", "net:[2]")
    process(tmp_path, "8", "/bin/sh", "net:[1]")
    (tmp_path / "9").mkdir()
    elsewhere = lives(tmp_path)
    process(tmp_path, "10", "/usr/sbin/keepalived (deleted)", "net:[1]")

    assert (elsewhere, lives(tmp_path)) == (False, True)


def process(proc: Path, name: str, program: str, namespace: str) -> None:
    (proc / name / "ns").mkdir(parents=True)
    (proc / name / "exe").symlink_to(program)
    (proc / name / "ns/net").symlink_to(namespace)


# Lines of the FIFO.


def test_a_line_is_a_notice() -> None:
    assert notice_from_line('INSTANCE "VI_1" MASTER 100') == Notice(
        "INSTANCE", "VI_1", "MASTER", 100
    )
    assert notice_from_line('GROUP "a b" FAULT 0') == Notice("GROUP", "a b", "FAULT", 0)


@pytest.mark.parametrize(
    "line",
    [
        "VS [192.168.1.2]:tcp:80 UP",
        "RS [192.168.1.11]:80 [192.168.1.2]:tcp:80 DOWN",
        'INSTANCE "VI_1" MASTER_RX_LOWER_PRI 100',
        "INSTANCE VI_1 MASTER 100",
        "",
    ],
)
def test_a_line_of_something_else_is_none(line: str) -> None:
    assert notice_from_line(line) is None


@pytest.mark.parametrize(
    "torn", ['INSTANCE "VI_1" BAC', 'INSTANCE "VI', 'GROUP "G" MASTER 1', "RS [192.168.1.11]:t"]
)
def test_a_line_that_is_glued_to_a_torn_one_is_heard(torn: str) -> None:
    said = notice_from_line(f'{torn}INSTANCE "VI_1" MASTER 100')

    assert said == Notice("INSTANCE", "VI_1", "MASTER", 100)


def test_a_line_with_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ProfileError):
        notice_from_line('INSTANCE "\x07" MASTER 100')


def test_lines_come_whole_however_they_were_cut() -> None:
    lines = Lines()

    found = [line for byte in b"one\ntwo\n" for line in lines.feed(bytes([byte]))]

    assert (found, lines.torn) == (["one", "two"], 0)


def test_a_line_without_an_end_is_left_out_and_the_next_one_is_not() -> None:
    lines = Lines()

    first = list(lines.feed(b"x" * (LONGEST_LINE + 1)))
    rest = list(lines.feed(b"xx\nnext\n"))

    assert (first, rest, lines.torn) == ([], ["next"], 1)


def test_what_a_dead_writer_left_unfinished_is_no_beginning() -> None:
    lines = Lines()
    list(lines.feed(b'INSTANCE "VI_1" MAS'))

    lines.end()

    assert (list(lines.feed(b"next\n")), lines.torn) == (["next"], 1)


@dataclass
class Pipe:
    """A FIFO that is read in a thread of its own."""

    path: Path
    lines: list[str]
    fifo: Fifo | None = None

    def left(self) -> None:
        """Wait until the reader has seen that the writer has gone."""
        _until(lambda: self.fifo is not None and not self.fifo.has_writer)

    def write(self, text: str) -> None:
        with self.path.open("w") as writer:
            writer.write(text)

    def heard(self, *wanted: str) -> None:
        _until(lambda: self.lines == list(wanted))


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    made = Pipe(tmp_path / "fifo", [])
    wake, stop = os.pipe()
    opened = threading.Event()

    def read() -> None:
        with Fifo(made.path, wake) as fifo:
            made.fifo = fifo
            opened.set()
            for lines in fifo.batches():
                made.lines.extend(lines)

    thread = threading.Thread(target=read)
    thread.start()
    assert opened.wait(5)
    yield made
    os.write(stop, b"!")
    thread.join(5)
    assert not thread.is_alive()
    os.close(wake)
    os.close(stop)


def test_a_writer_that_goes_and_comes_back_is_heard_again(pipe: Pipe) -> None:
    pipe.write("one\ntorn")
    pipe.heard("one")
    pipe.left()

    pipe.write("two\n")

    pipe.heard("one", "two")


def test_a_fifo_that_was_made_anew_is_found(pipe: Pipe) -> None:
    pipe.path.unlink()
    os.mkfifo(pipe.path, 0o600)

    pipe.write("again\n")

    pipe.heard("again")


def test_a_full_pipe_is_emptied(pipe: Pipe) -> None:
    many = [f"line {number}" for number in range(20_000)]

    pipe.write("\n".join(many) + "\n")

    pipe.heard(*many)


def test_what_waits_is_read_without_waiting_for_more(tmp_path: Path) -> None:
    with Fifo(tmp_path / "fifo", 0) as fifo:
        nobody = (fifo.waiting(), fifo.has_writer)
        with (tmp_path / "fifo").open("w") as writer:
            writer.write("one\ntwo\nto")
            writer.flush()
            some = (fifo.waiting(), fifo.waiting(), fifo.has_writer)
        rest = (fifo.waiting(), fifo.has_writer)

    assert nobody == ([], False)
    assert some == (["one", "two"], [], True)
    assert (rest, fifo.torn) == (([], False), 1)


def test_a_fifo_of_others_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    path.chmod(0o622)

    with pytest.raises(CannotRun, match="others may write it"):
        Fifo(path, 0)
