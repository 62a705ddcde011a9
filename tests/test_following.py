"""Following the FIFO: what a killed or failed reader leaves, and what checks say."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from time import monotonic

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run
from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keepalived.checker_states import Health, Server, server_from_line
from lvsdr.keepalived.fifo import Fifo
from lvsdr.keepalived.following import Following
from lvsdr.keepalived.hook import Outcome
from lvsdr.keepalived.host_roles import HostAccess, Roles
from lvsdr.keepalived.keepalived_process import ticks_now
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.telling import ToldLater
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.keeper.fifo_reader import FifoReader
from lvsdr.model.ipvs import RealServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.neighbour_claim import NeighbourClaim
from lvsdr.model.objects import Address, Sysctl, keyed
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read

PROFILES = Path(__file__).parent.parent / "profiles"
DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
ON_ETH0 = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
# One of the director's real servers, and what the kernel has for settings.
RIP = Address("eth0", ip_interface("192.168.1.11/24"), label="eth0")
LOUD = [Sysctl(f"net/ipv4/conf/all/{name}", "0") for name in ("arp_ignore", "arp_announce")]
KEY = "INSTANCE VI_1"
WEB = "[192.168.1.2]:tcp:80"


class Reader:
    """What follows a FIFO, on a fake kernel."""

    def __init__(self, folder: Path, own: Address = DIP, *, both: bool = False) -> None:
        self.session = FakeSession(host(own), folder / "run")
        self.both, self.synced = both, False
        self.done: list[Outcome] = []
        self.failures: list[LvsdrError] = []
        self.broken: CannotRun | None = None
        self.lines: list[str] = []
        self.lives = False
        self.later: list[list[str]] = []
        self.following = self.another()

    def another(self) -> Following:
        """Return a reader that starts now."""
        session = self.session
        ledger = Ledger(session.book(), more=lambda: self.later.pop(0) if self.later else [])
        return Following(
            HostAccess(session.kernel(), ledger, session.announcer, session.ears, grace=0),
            self._roles,
            1.0,
            ToldLater(self),
            lambda: self.lives,
        )

    def outcome(self, outcome: Outcome) -> None:
        self.done.append(outcome)

    def line(self, line: str) -> None:
        self.lines.append(line)

    def failed(self, failure: LvsdrError) -> None:
        self.failures.append(failure)

    def _roles(self) -> Roles:
        if self.broken is not None:
            raise self.broken
        profile = read(PROFILES / "director.json", "director")
        assert isinstance(profile, DirectorProfile)
        if not self.both:
            return Roles(profile)
        if self.synced:
            daemons = tuple(
                SyncDaemon(each, "eth0", 1, 1472, ip_address("224.0.0.81"), 8848, 1)
                for each in ("master", "backup")
            )
            profile = replace(profile, standby="synced", sync_daemons=daemons)
        served = read(PROFILES / "realserver.json", "realserver")
        assert isinstance(served, RealServerProfile)
        return Roles(profile, served)

    def hears(self, *lines: str, has_writer: bool = True, grace: float = 0) -> None:
        made = replace(self.following.access, announcer=self.session.announcer, grace=grace)
        replace(self.following, access=made).take(lines, has_writer=has_writer)

    def states(self) -> list[tuple[str, str | None]]:
        """Return what was said, and what was done about it, since this was asked last."""
        done = [(str(each.notice), each.state) for each in self.done]
        self.done.clear()
        return done

    def left(self, state: str) -> None:
        """Leave what a reader does that was killed in the middle."""
        kind, name = KEY.split()
        Ledger(self.session.book()).add(Notice(kind, name, state, told_at=ticks_now()))

    @property
    def is_director(self) -> bool:
        return ON_ETH0.key in self.session.kernel().objects

    @property
    def weights(self) -> set[int]:
        objects = self.session.kernel().objects.values()
        return {each.weight for each in objects if isinstance(each, RealServer)}


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_what_a_killed_reader_left_is_finished_by_the_next(reader: Reader) -> None:
    reader.left("MASTER")

    reader.hears()

    assert reader.is_director
    assert [each.state for each in reader.done] == ["MASTER"]


def test_nobody_becomes_the_director_by_what_was_left_where_keepalived_has_gone(
    reader: Reader,
) -> None:
    reader.left("MASTER")

    reader.hears(has_writer=False)

    assert not reader.is_director


def test_a_host_that_was_the_director_stands_by_where_its_stop_was_read_by_nobody(
    reader: Reader, tmp_path: Path
) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')
    before = reader.is_director
    reader.following = reader.another()

    reader.hears(has_writer=False)

    assert (before, reader.is_director) == (True, False)


def test_a_reader_that_starts_beside_a_living_keepalived_leaves_the_director_alone(
    reader: Reader, tmp_path: Path
) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')
    sent = len(reader.session.kernel().sent)
    reader.following = reader.another()

    reader.hears()

    assert reader.is_director
    assert len(reader.session.kernel().sent) == sent


def test_what_failed_is_told_once_and_tried_until_it_is_done(reader: Reader) -> None:
    reader.broken = CannotRun("cannot use link eth0: it is down")
    reader.hears('INSTANCE "VI_1" MASTER 100')
    reader.hears()
    before = reader.is_director
    reader.broken = None

    reader.hears()
    reader.hears()

    assert (before, reader.is_director) == (False, True)
    assert [each.message for each in reader.failures] == ["cannot use link eth0: it is down"]
    assert len(reader.done) == 1


def test_a_keepalived_that_went_without_a_word_is_told_of(reader: Reader) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')

    reader.hears(has_writer=False)
    before = list(reader.failures)
    reader.hears(has_writer=False)
    reader.hears(has_writer=False)

    assert (reader.is_director, before, len(reader.failures)) == (True, [], 1)
    assert "has gone without a word" in reader.failures[0].message


def test_a_keepalived_that_closes_the_fifo_for_a_moment_has_not_gone(reader: Reader) -> None:
    """As it does when it is reloaded."""
    reader.hears('INSTANCE "VI_1" MASTER 100', f"VS {WEB} UP")

    reader.hears(has_writer=False)
    reader.hears()
    reader.hears(has_writer=False)

    assert reader.failures == []
    assert len(Health(reader.session.book()).servers()) == 1


def test_a_keepalived_that_stopped_is_not(reader: Reader) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')

    reader.hears('INSTANCE "VI_1" STOP 100', has_writer=False)
    reader.hears(has_writer=False)

    assert (reader.is_director, reader.failures) == (False, [])


# What was said last counts.


RIVAL = [
    NeighbourClaim(ip_address(each), "02:00:00:00:00:12", "reply")
    for each in ("192.168.1.2", "192.168.1.12")
]


def test_a_standby_lets_go_though_its_profile_can_be_read_no_more(reader: Reader) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')
    reader.broken = CannotRun("cannot read director.json: it is no JSON")

    reader.hears('INSTANCE "VI_1" BACKUP 100')
    reader.hears()

    assert not reader.is_director
    assert [each.message for each in reader.failures] == [reader.broken.message]
    assert reader.failures[0].notes == ["for BACKUP, the profile counts as it was read last"]


@pytest.mark.parametrize("waits", [True, False])
def test_an_unfinished_master_does_not_undo_what_another_instance_said_later(
    both: Reader, waits: bool
) -> None:
    if waits:
        both.session.overheard = list(RIVAL)
    else:
        both.session.kernel().refuse = [0]
    both.hears('INSTANCE "A" MASTER 100')

    both.hears('INSTANCE "B" BACKUP 100')
    at_once = both.is_director
    both.hears()
    both.hears()

    assert (at_once, both.is_director) == (False, False)
    assert both.states()[-2:] == [("INSTANCE A MASTER", None), ("INSTANCE B BACKUP", "BACKUP")]
    assert run(("keepalived", "status"), both.session) == 0


@pytest.mark.parametrize("line", ['INSTANCE "WEB" BACKUP 100', 'INSTANCE "VI_1" BACKUP 100'])
def test_nobody_is_taken_for_a_master_still_beside_one_that_is_none(
    reader: Reader, line: str
) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100', 'INSTANCE "VI_2" MASTER 100')
    reader.hears(has_writer=False)
    reader.hears(has_writer=False)
    reader.states()

    reader.hears(line)
    reader.hears()

    assert not reader.is_director
    assert [state for _, state in reader.states()] == ["BACKUP"]


def test_a_master_that_is_assumed_comes_before_what_is_said(reader: Reader) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')
    reader.hears(has_writer=False)
    reader.hears(has_writer=False)
    reader.states()

    reader.hears('INSTANCE "VI_2" MASTER 100')

    assert reader.states() == [("INSTANCE VI_1 MASTER", None), ("INSTANCE VI_2 MASTER", "MASTER")]


def test_what_came_while_the_lock_was_anothers_is_taken_first(reader: Reader) -> None:
    reader.later = [['INSTANCE "VI_1" BACKUP 100']]

    reader.hears('INSTANCE "VI_1" MASTER 100')

    assert reader.states() == [("INSTANCE VI_1 BACKUP", "BACKUP")]
    assert reader.session.announced == []
    assert reader.lines == ['INSTANCE "VI_1" MASTER 100', 'INSTANCE "VI_1" BACKUP 100']


def test_a_standby_that_is_to_be_the_director_again_does_not_outlast_anybody(both: Reader) -> None:
    both.synced = True
    both.hears('INSTANCE "VI_1" MASTER 100')
    # After the lock, then while it goes on.
    both.later = [[], ["VS a UP"], [], ['INSTANCE "VI_1" MASTER 100']]
    both.states()

    began = monotonic()
    both.hears('INSTANCE "VI_1" BACKUP 100', grace=30)

    assert monotonic() - began < 20
    assert both.is_director
    assert [state for _, state in both.states()] == ["BACKUP", "MASTER"]


def test_a_master_that_is_overtaken_announces_nothing_more(reader: Reader) -> None:
    # After the lock, then while it announces.
    reader.later = [[], [], ['INSTANCE "VI_1" BACKUP 100']]

    reader.hears('INSTANCE "VI_1" MASTER 100')

    assert [state for _, state in reader.states()] == ["MASTER", "BACKUP"]
    assert len(reader.session.announced) == 1
    assert not reader.is_director


def test_nothing_is_told_before_it_is_done(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(reader, "line", lambda _: seen.append(reader.is_director))

    reader.hears(f"VS {WEB} UP", 'INSTANCE "VI_1" MASTER 100')

    assert seen == [True, True]


def test_nobody_is_reminded_of_a_director_whose_keepalived_has_gone(reader: Reader) -> None:
    reader.following.known.reminder.after = (0.0, 0.0)
    reader.hears('INSTANCE "VI_1" MASTER 100')
    at_first = len(reader.session.announced)

    reader.hears(has_writer=False)
    silent = len(reader.session.announced)
    reader.hears()

    assert (silent, len(reader.session.announced)) == (at_first, at_first + 1)


def test_what_comes_during_a_reminder_is_done_at_once(reader: Reader) -> None:
    reader.following.known.reminder.after = (0.0, 0.0)
    reader.hears('INSTANCE "VI_1" MASTER 100')
    announced = len(reader.session.announced)
    reader.later = [['INSTANCE "VI_1" BACKUP 100']]

    reader.hears()

    assert (reader.is_director, len(reader.session.announced)) == (False, announced)


# A keepalived that lives, and is not heard: its FIFO was removed.


def test_a_keepalived_that_lives_has_not_gone(reader: Reader) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')
    reader.lives = True

    for _ in range(6):
        reader.hears(has_writer=False)

    assert reader.is_director
    assert [each.hints for each in reader.failures] == [["systemctl reload keepalived"]]
    assert "cannot hear keepalived" in reader.failures[0].message


def test_a_reader_that_cannot_hear_a_keepalived_does_not_take_it_for_stopped(
    reader: Reader,
) -> None:
    reader.hears('INSTANCE "VI_1" MASTER 100')
    reader.lives = True
    reader.following = reader.another()

    reader.hears(has_writer=False)
    meanwhile = reader.is_director
    reader.lives = False
    reader.hears(has_writer=False)

    assert (meanwhile, reader.is_director) == (True, False)


# What checks say.


def test_what_checks_say_is_exported_until_keepalived_ends(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.hears(f"VS {WEB} UP", f"RS [192.168.1.11]:tcp:80 {WEB} UP")
    reader.hears(f"RS [192.168.1.11]:tcp:80 {WEB} DOWN", 'INSTANCE "VI_1" BACKUP 100')

    code = run(("keepalived", "status", "--format", "json"), reader.session)
    shown = json.loads(capsys.readouterr().out)
    reader.hears(has_writer=False)
    reader.hears(has_writer=False)

    servers = [(each["real_server"], each["state"]) for each in shown["servers"]]
    assert code == 0
    assert servers == [(None, "UP"), ("[192.168.1.11]:tcp:80", "DOWN")]
    assert shown["instances"] == [
        {"type": "INSTANCE", "name": "VI_1", "state": "BACKUP", "done": True}
    ]
    assert Health(reader.session.book()).servers() == ()


def test_a_state_that_was_not_carried_out_is_shown(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.left("MASTER")
    Health(reader.session.book()).write_down([Server(WEB, None, "UP", 0)])

    code = run(("keepalived", "status"), reader.session)

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "INSTANCE VI_1: MASTER, not carried out",
        f"virtual server {WEB}: UP since 1970-01-01T00:00:00+00:00",
    ]


def test_what_is_said_again_has_been_so_since_it_was_said_first(reader: Reader) -> None:
    health = Health(reader.session.book())
    health.write_down([Server(WEB, None, "UP", 10)])

    health.write_down([Server(WEB, None, "UP", 20), Server(WEB, "a", "UP", 20)])

    assert [each.since for each in health.servers()] == [10, 20]


@pytest.mark.parametrize(
    "line", ["VS UP", "RS a UP", f"VS {WEB} MAYBE", "VS \x1b[2J UP", f"VS {'x' * 300} UP", ""]
)
def test_a_line_that_names_no_server_is_left_out(line: str) -> None:
    assert server_from_line(line) is None


def test_an_export_that_nobody_can_read_is_begun_afresh(reader: Reader) -> None:
    health = Health(reader.session.book())
    health.write_down([Server(WEB, None, "UP", 10)])
    health.path.write_text('{"format": "lvsdr/health/1", "servers": [1]}')

    health.write_down([Server(WEB, None, "DOWN", 20)])

    assert health.servers() == (Server(WEB, None, "DOWN", 20),)


@pytest.fixture
def both(tmp_path: Path) -> Reader:
    made = Reader(tmp_path, RIP, both=True)
    made.session.kernel().objects |= keyed(LOUD)
    return made


def test_who_has_to_wait_for_another_is_told_once_and_tried_again(both: Reader) -> None:
    both.session.overheard = [
        NeighbourClaim(ip_address(each), "02:00:00:00:00:12", "reply")
        for each in ("192.168.1.2", "192.168.1.12")
    ]

    both.hears('INSTANCE "VI_1" MASTER 100')
    both.hears()
    both.hears()
    waiting = len(both.done)
    both.session.overheard.clear()
    both.hears()
    both.hears()

    assert (waiting, len(both.done)) == (1, 2)
    assert both.done[0].report.notes
    assert [each.key[0] for each in both.done[1].report.changes] == [RealServer.kind]


def test_a_box_whose_keepalived_has_gone_chooses_itself_until_it_is_back(both: Reader) -> None:
    both.hears('INSTANCE "VI_1" MASTER 100')
    both.hears(has_writer=False)
    closed = both.weights
    both.hears(has_writer=False)
    gone = both.weights

    both.hears()

    assert (closed, gone, both.weights) == ({1}, {0, 1}, {1})
    assert "has gone without a word" in both.failures[0].message


def test_a_box_that_cannot_choose_itself_says_so_and_tries_again(both: Reader) -> None:
    both.hears('INSTANCE "VI_1" MASTER 100')
    sent = len(both.session.kernel().sent)
    both.session.kernel().refuse = [sent, sent + 1]

    both.hears(has_writer=False)
    both.hears(has_writer=False)
    both.hears(has_writer=False)
    refused = both.weights
    both.hears(has_writer=False)

    assert len(both.failures) == 2
    assert (refused, both.weights) == ({1}, {0, 1})


def test_a_new_director_speaks_again_later_and_a_standby_does_not(reader: Reader) -> None:
    reader.following.known.reminder.after = (0.0, 60.0)

    reader.hears('INSTANCE "VI_1" MASTER 100')
    first = len(reader.session.announced)
    reader.hears()
    again = len(reader.session.announced)
    reader.following.known.reminder.after = (0.0,)
    reader.hears('INSTANCE "VI_1" BACKUP 100')
    reader.hears()

    # Three times at once, and once more at the next look.
    assert (first, again, len(reader.session.announced)) == (3, 4, 4)


def test_to_be_unable_to_speak_again_is_told_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_link: str) -> None:
        raise CannotRun("cannot open a packet socket on eth0: the link is down")

    # Not in the look in which it becomes the director, but in each of the next two.
    reader.following.known.reminder.after = (0.0, 0.0)
    reader.hears('INSTANCE "VI_1" MASTER 100')
    monkeypatch.setattr(reader.session, "announcer", broken)

    reader.hears()
    reader.hears()

    assert [each.message[:11] for each in reader.failures] == ["cannot open"]


def test_something_else_in_the_place_of_the_fifo_ends_no_keeper(tmp_path: Path) -> None:
    reader, path, now = Reader(tmp_path), tmp_path / "fifo", [0.0]
    with Fifo(path) as fifo:
        part = FifoReader(fifo, reader.following, lambda: None, lambda: now[0])
        part.turn(0.0)
        path.unlink()
        path.write_text("INSTANCE VI_1 MASTER 100\n")
        for _ in range(3):
            now[0] += 1.0
            part.turn(now[0])
        deaf = part.filenos()
        path.unlink()
        now[0] += 1.0
        part.turn(now[0])

    assert deaf == (), "what is at its end could be read for ever"
    assert [each.message for each in reader.failures] == [f"cannot trust {path}: it is no FIFO"]
    # It may be a profile, that somebody has named by mistake.
    assert not [hint for each in reader.failures for hint in each.hints if "rm " in hint]
    assert part.filenos() == (fifo.fileno(),)
