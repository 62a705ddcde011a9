"""A keeper on a fake kernel: what it keeps, when it rests, and what it tells of."""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from fake import ETH0, FakeKernel, FakeSession, host
from lvsdr.cli.main import run
from lvsdr.cli.role_verbs import read_profile
from lvsdr.core.draining import drain
from lvsdr.errors import CannotRun, KernelError, ProfileError
from lvsdr.keepalived.keepalived_process import ticks_now
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.keeper.announcements import Announcements
from lvsdr.keeper.background_look import BackgroundLook
from lvsdr.keeper.keep_host import Busy, HostKeeper, Tools
from lvsdr.keeper.kept_profile import KeptProfile
from lvsdr.keeper.looks import Looks
from lvsdr.keeper.service_manager import ServiceManager
from lvsdr.keeper.told import MOST, Noticed, Told
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.keep_event import KeepEvent
from lvsdr.model.neighbour_claim import Answer, AnswerForm
from lvsdr.model.objects import Address, Key, Sysctl
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.route_event import RouteEvent
from lvsdr.proof.take_over import Asking

PROFILES = Path(__file__).parent.parent / "profiles"
DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
RIP = Address("eth0", ip_interface("192.168.1.11/24"), label="eth0")
VIP = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
STRAY = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0")
IGNORE, ANNOUNCE = (
    Sysctl(f"net/ipv4/conf/all/{name}", "0") for name in ("arp_ignore", "arp_announce")
)
FORMS: tuple[AnswerForm, ...] = ("own", "probe")
HEARD = frozenset(Answer(VIP.ip.ip, "02:00:00:00:00:99", form) for form in FORMS)


class Kept:
    """A host, its keeper, and a clock that the test turns."""

    def __init__(
        self, folder: Path, role: str = "director", *own: Address, follows: bool = False
    ) -> None:
        bare = own or ((DIP,) if role == "director" else (RIP,))
        quiet = () if role == "director" else (IGNORE, ANNOUNCE)
        self.kernel: FakeKernel = host(*bare, *quiet)
        self.session = FakeSession(self.kernel, folder / "run")
        self.session.allow_insecure_profile = True
        self.file, self.role = folder / f"{role}.json", role
        self.file.write_text((PROFILES / f"{role}.json").read_text())
        self.told: list[KeepEvent] = []
        self.now = 1000.0
        self.notices: list[RouteEvent] = []
        self.follows = follows
        self.looks = self.started()

    def started(self) -> Looks:
        """Return what looks, of a keeper that starts now."""
        session, book = self.session, self.session.book()
        self.announcements = Announcements(self.kernel, session.announcer, lambda: self.now)
        tools = Tools(
            self.kernel,
            book,
            self.announcements,
            Asking(session.ask_briefly, session.ask_briefly, session.next_hops),
            lambda: False,
            lambda _, __: None,
        )
        self.noticed = Noticed()
        self.kept = KeptProfile(self.file, self._read, book, follows=self.follows)
        told = Told(self.kept.owner, self.told.append, self.noticed)
        self.keeper = HostKeeper(self.kept, tools, told)
        return Looks(
            [self.keeper],
            self.kernel,
            self,
            self.noticed,
            ServiceManager({}),
            5.0,
            10.0,
            lambda: self.now,
        )

    def _read(self, file: Path) -> Profile:
        return read_profile(self.session, file, self.role, partly=True)

    def fileno(self) -> int:
        return 0

    def events(self) -> list[RouteEvent]:
        heard, self.notices = self.notices, []
        return heard

    def begin(self) -> None:
        self.keeper.begin()

    def look(self, after: float = 5.0) -> list[str]:
        """Let time go by and a look come; return the kinds of what was told."""
        before = len(self.told)
        self.now += after
        self.looks.turn(self.now)
        return [each.kind for each in self.told[before:]]

    def run(self, verb: str, *words: str) -> int:
        return run([self.role, verb, *words, str(self.file)], self.session)

    def has(self, *objects: Address | Sysctl) -> bool:
        return all(self.kernel.objects.get(each.key) == each for each in objects)

    def keepalived(self, state: str, *, settled: bool = True) -> None:
        ledger = Ledger(self.session.book(), str(self.file))
        notice = ledger.add(Notice("INSTANCE", "VI_1", state, told_at=ticks_now()))
        if settled:
            ledger.settle(notice)

    def edit(self, **fields: Any) -> None:
        document = json.loads(self.file.read_text())
        self.file.write_text(json.dumps({**document, **fields}))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def servers(kept: Kept) -> list[RealServer]:
    return [each for each in kept.kernel.objects.values() if isinstance(each, RealServer)]


def service(kept: Kept) -> Key:
    return next(key for key, each in kept.kernel.objects.items() if isinstance(each, VirtualServer))


# --- looking and repairing -----------------------------------------------------------------------


def test_it_begins_as_apply_does_and_then_has_nothing_to_do(kept: Kept) -> None:
    kept.begin()
    sent = len(kept.kernel.sent)

    assert kept.has(VIP)
    assert kept.look() == []
    assert len(kept.kernel.sent) == sent
    assert kept.run("plan") == 0


def test_what_others_take_away_or_change_is_back_and_told(kept: Kept) -> None:
    kept.begin()
    kept.kernel.lose(VIP.key)
    kept.kernel.lose_service(service(kept))

    kinds = kept.look()

    assert kinds == ["REPAIRED"] * 4 + ["ANNOUNCED"]
    assert kept.has(VIP) and len(servers(kept)) == 2
    assert kept.run("plan") == 0
    assert not kept.told[-2].exactly and kept.told[-2].since is not None


def test_a_notice_of_the_kernel_brings_the_look_and_says_who_it_was(kept: Kept) -> None:
    kept.begin()
    kept.kernel.lose(VIP.key)
    kept.notices = [RouteEvent("address", "eth0", 2, "192.168.1.2/32", True, 77, "ip")]

    first = kept.look(0.001)
    second = kept.look(0.021)

    assert (first, second) == ([], ["REPAIRED", "ANNOUNCED"])
    repair = kept.told[-2]
    assert (repair.exactly, repair.who) == (True, "ip (process 77)")


def test_a_burst_of_notices_is_one_look(kept: Kept) -> None:
    kept.begin()
    reads = kept.kernel.reads
    for _ in range(50):
        kept.notices = [RouteEvent("link", "veth7", 9)]
        kept.look(0.0001)

    assert kept.kernel.reads == reads
    kept.look(0.02)
    assert kept.kernel.reads > reads


def test_an_overrun_is_looked_at(kept: Kept) -> None:
    kept.begin()
    kept.kernel.lose(VIP.key)
    kept.notices = [RouteEvent("overrun")]
    kept.look(0.001)

    assert kept.look(0.02) == ["REPAIRED", "ANNOUNCED"]


def test_a_vip_that_is_back_is_announced_again_while_it_is_here(kept: Kept) -> None:
    kept.begin()
    assert kept.session.announced == [VIP.ip.ip]
    for after in (0.11, 0.11, 0.9):
        kept.now += after
        kept.announcements.turn(kept.now)
    assert (len(kept.session.announced), kept.announcements.due()) == (4, None)

    kept.kernel.lose(VIP.key)
    kept.look()
    kept.kernel.lose(VIP.key)
    kept.now += 10
    kept.announcements.turn(kept.now)

    assert len(kept.session.announced) == 5


def test_of_many_repairs_some_are_told_one_by_one(kept: Kept) -> None:
    many = [{"rip": f"192.168.2.{n}"} for n in range(1, 100)]
    service_ = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80, "real_servers": many}
    kept.edit(virtual_servers=[service_])
    kept.looks = kept.started()
    kept.begin()
    kept.kernel.lose_service(service(kept))

    kinds = kept.look()

    assert kinds == ["REPAIRED"] * MOST + ["LEFT-OUT"]
    assert kept.told[-1].message == "and 80 changes more"


def test_a_real_server_is_kept_as_well(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "realserver")
    kept.begin()
    kept.kernel.objects[IGNORE.key] = IGNORE

    assert kept.look() == ["REPAIRED"]
    assert kept.has(replace(IGNORE, value="1"))


def test_of_a_real_server_the_rest_is_kept_beside_a_vip_on_a_speaking_link(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "realserver")
    kept.begin()
    kept.kernel.objects[STRAY.key] = STRAY
    kept.kernel.objects[IGNORE.key] = IGNORE

    first, second = kept.look(), kept.look()
    kept.kernel.lose(STRAY.key)
    third = kept.look()

    assert (first, second, third) == (["REFUSED", "REPAIRED"], [], ["AGAIN"])
    assert kept.has(replace(IGNORE, value="1"))


# --- whose turn it is ----------------------------------------------------------------------------


def test_what_was_withdrawn_rests_until_it_is_applied(kept: Kept) -> None:
    kept.begin()
    kept.run("withdraw")

    assert (kept.look(), kept.look(), kept.has(VIP)) == (["RESTING"], [], False)
    kept.run("apply")
    assert kept.look() == ["KEEPING"]
    kept.kernel.lose(VIP.key)
    assert kept.look() == ["REPAIRED", "ANNOUNCED"]


def test_what_another_apply_has_made_is_kept_from_then_on(kept: Kept) -> None:
    kept.begin()
    kept.edit(vips=[{"address": "192.168.1.2"}, {"address": "192.168.1.3"}])
    kept.run("apply")
    new = Address("eth0", ip_interface("192.168.1.3/32"), label="eth0:1")

    assert (kept.look(), kept.has(new)) == ([], True)
    kept.kernel.lose(new.key)
    assert (kept.look(), kept.has(new)) == (["REPAIRED", "ANNOUNCED"], True)


def test_what_another_apply_has_changed_of_checks_alone_is_known(kept: Kept) -> None:
    kept.begin()
    seen = []

    for fall in (3, 4):
        kept.edit(health={"fall": fall})
        not_yet = kept.look(), kept.kept.profile
        assert kept.run("apply") == 0
        kept.look()
        seen.append((not_yet[1], kept.kept.profile))
    written = kept.session.book().path.stat().st_mtime_ns
    assert kept.run("apply") == 0

    told = [
        tuple(isinstance(it, DirectorProfile) and it.health and it.health.fall for it in both)
        for both in seen
    ]
    assert told == [(None, 3), (3, 4)]
    assert kept.session.book().path.stat().st_mtime_ns == written, "the second has nothing to do"


def test_what_nobody_has_applied_stays_in_its_file(kept: Kept) -> None:
    kept.begin()
    kept.edit(vips=[{"address": "192.168.1.2"}, {"address": "192.168.1.3"}])
    sent = len(kept.kernel.sent)
    profile = kept.kept.profile
    assert isinstance(profile, DirectorProfile)
    drain(profile, profile.real_servers[:1], kept.kernel, kept.session.book())

    assert kept.look() == []
    assert len(kept.kernel.sent) == sent + 1
    assert sorted(each.weight for each in servers(kept)) == [0, 1]


def test_a_profile_that_was_applied_and_cannot_be_read_is_not_replaced_by_the_old_one(
    kept: Kept, tmp_path: Path
) -> None:
    kept.begin()
    kept.edit(vips=[{"address": "192.168.1.2"}, {"address": "192.168.1.3"}])
    kept.run("apply")
    whole = kept.file.read_text()
    kept.file.write_text("{")

    assert (kept.look(), kept.look()) == (["RESTING"], [])
    kept.file.write_text(whole)
    assert kept.look() == ["KEEPING"]
    assert kept.run("plan") == 0


def test_a_hangup_applies_the_profile_and_a_broken_one_is_told(kept: Kept) -> None:
    kept.begin()
    kept.edit(vips=[{"address": "192.168.1.2"}, {"address": "192.168.1.3"}])
    kept.looks.reload()
    assert kept.look(0.0) == ["APPLIED", "ANNOUNCED"]

    kept.file.write_text("{")
    kept.looks.reload()
    assert kept.look(0.0) == ["REFUSED"]
    kept.kernel.lose(VIP.key)
    assert kept.look() == ["REPAIRED", "ANNOUNCED"]


def test_while_another_lvsdr_is_at_work_it_is_looked_again_soon(kept: Kept) -> None:
    kept.begin()
    kept.kernel.lose(VIP.key)
    with kept.session.book().locked(0.0):
        assert kept.look() == []
        with pytest.raises(Busy):
            kept.keeper.look(kept.now)
        assert kept.looks.due() == pytest.approx(kept.now + 0.1)

    assert kept.look(0.2) == ["REPAIRED", "ANNOUNCED"]


def test_who_has_the_lock_for_long_is_told(kept: Kept) -> None:
    kept.begin()
    kept.kernel.lose(VIP.key)
    with kept.session.book().locked(0.0):
        kinds = [kind for _ in range(200) for kind in kept.look(0.1)]

    assert kinds == ["REFUSED"]
    assert "holds the lock" in kept.told[-1].message
    assert kept.look() == ["REPAIRED", "ANNOUNCED", "AGAIN"]


def test_a_lock_that_cannot_be_taken_at_all_is_told_at_once(kept: Kept) -> None:
    """A folder of others, or a file system that cannot be written: nobody is at work there."""
    kept.begin()
    kept.kernel.lose(VIP.key)
    root = kept.session.book().root
    root.chmod(0o777)

    kinds = kept.look()
    root.chmod(0o750)

    assert kinds == ["REFUSED"]
    assert "others may write that directory" in kept.told[-1].message
    assert kept.look() == ["REPAIRED", "ANNOUNCED", "AGAIN"]


def test_what_was_applied_and_has_another_name_by_now_is_not_kept_as_it_was_before(
    kept: Kept, tmp_path: Path
) -> None:
    kept.begin()
    other = tmp_path / "other.json"
    document = json.loads(kept.file.read_text())
    other.write_text(json.dumps({**document, "virtual_servers": []}))
    assert run(["director", "apply", str(other)], kept.session) == 0
    other.write_text(json.dumps({**document, "name": "moved"}))

    kinds = kept.look()

    assert kinds == ["RESTING"]
    assert "by its new name moved: web is kept" in kept.told[-1].message
    assert servers(kept) == []


def test_at_rest_the_lock_is_not_asked_for(kept: Kept) -> None:
    kept.begin()

    with kept.session.book().locked(0.0):
        kept.keeper.look(kept.now)


# --- keepalived ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["BACKUP", "FAULT"])
def test_where_keepalived_says_so_a_standby_is_kept(kept: Kept, state: str) -> None:
    kept.keepalived(state)
    kept.begin()
    kept.kernel.objects[VIP.key] = VIP

    assert kept.look() == ["REPAIRED"]
    assert not kept.has(VIP)


def test_what_is_being_carried_out_is_left_to_whoever_does_it(kept: Kept) -> None:
    kept.begin()
    kept.keepalived("MASTER", settled=False)
    kept.kernel.lose(VIP.key)

    assert (kept.look(), kept.has(VIP)) == (["RESTING"], False)
    kept.keepalived("MASTER")
    assert kept.look() == ["KEEPING", "REPAIRED", "ANNOUNCED"]


def test_who_follows_keepalived_does_nothing_before_it_has_said_something(tmp_path: Path) -> None:
    kept = Kept(tmp_path, follows=True)
    kept.begin()

    assert ([each.kind for each in kept.told], kept.has(VIP)) == (["RESTING"], False)
    for state in ("BACKUP", "STOP"):
        kept.keepalived(state)
        kept.look()
        assert not kept.has(VIP)


# --- what cannot be done -------------------------------------------------------------------------


def test_a_vip_that_another_host_has_taken_is_left_to_it(kept: Kept) -> None:
    kept.begin()
    kept.kernel.lose(VIP.key)
    kept.kernel.lose_service(service(kept))
    kept.session._heard = HEARD

    first, second = kept.look(), kept.look()
    asked = len(kept.session.asked_briefly)
    for _ in range(100):
        assert kept.look() == []
    # After 2, 4, 8 ... 60 seconds; each time it is asked whose the MAC is that answers as well.
    assert len(kept.session.asked_briefly) - asked <= 2 * (500 / 60 + 6)
    kept.session._heard = frozenset()
    third = kept.look(60.0)

    assert first == ["TAKEN", "REPAIRED", "REPAIRED", "REPAIRED"]
    assert second == []
    assert third == ["AGAIN", "REPAIRED", "ANNOUNCED"]


def test_at_its_start_it_refuses_what_apply_refuses(kept: Kept) -> None:
    kept.session._heard = HEARD

    with pytest.raises(CannotRun, match="cannot take"):
        kept.begin()

    assert kept.kernel.sent == []


def test_a_link_that_is_gone_is_told_once_and_once_when_it_is_back(kept: Kept) -> None:
    kept.begin()
    links = kept.kernel.bare.links
    kept.kernel.bare = replace(kept.kernel.bare, links={**links, "eth0": replace(ETH0, up=False)})
    first, second = kept.look(), kept.look()
    kept.kernel.bare = replace(kept.kernel.bare, links=links)

    assert (first, second, kept.look()) == (["REFUSED"], [], ["AGAIN"])


def test_a_repair_that_the_kernel_refuses_is_undone_and_tried_ever_more_rarely(kept: Kept) -> None:
    kept.begin()
    kept.kernel.lose(VIP.key)
    kept.kernel.refuse = range(10_000)
    before, tries = len(kept.kernel.sent), list[int]()
    for _ in range(40):
        kept.look()
        tries.append(len(kept.kernel.sent) - before)

    assert [each.kind for each in kept.told if each.severity == "error"] == ["REFUSED"]
    # After 5, 10, 20, 40 and 80 seconds.
    assert tries[-1] <= 7
    kept.kernel.refuse = ()
    assert "REPAIRED" in [kind for _ in range(80) for kind in kept.look()]


def test_whoever_undoes_it_again_and_again_is_left_to_it(kept: Kept) -> None:
    kept.begin()
    kinds = []
    for _ in range(6):
        kept.kernel.lose(VIP.key)
        kinds.append(kept.look(2.0) + kept.look(4.0))

    assert kinds[:3] == [["REPAIRED", "ANNOUNCED"]] * 3
    assert kinds[3] == ["FIGHT"]
    assert kinds[4:] == [[], []]
    kept.now += 60
    assert kept.look() == ["REPAIRED", "ANNOUNCED"]
    assert [kind for _ in range(20) for kind in kept.look()] == ["PEACE"]


def test_what_is_fought_about_stays_claimed_and_the_rest_is_repaired(kept: Kept) -> None:
    kept.begin()
    before = kept.session.book().load()
    for _ in range(4):
        kept.kernel.lose(VIP.key)
        kept.look(6.0)
    server = servers(kept)[0]
    kept.kernel.objects[server.key] = replace(server, weight=7)

    assert kept.look() == ["REPAIRED"]
    after = kept.session.book().load()
    assert (after.claims, after.baseline) == (before.claims, before.baseline)
    assert kept.run("withdraw") == 0


def test_a_keeper_that_is_killed_at_any_change_is_finished_by_the_next(tmp_path: Path) -> None:
    """Killed: what it was about to do is neither done nor undone."""
    for number in range(5):
        kept = Kept(tmp_path)
        kept.begin()
        kept.kernel.lose(VIP.key)
        kept.kernel.lose_service(service(kept))
        fatal = len(kept.kernel.sent) + number
        execute = kept.kernel.execute

        def dying(
            changes: Any, fatal: int = fatal, kept: Kept = kept, execute: Any = execute
        ) -> None:
            for change in changes:
                if len(kept.kernel.sent) == fatal:
                    raise Killed
                execute((change,))

        kept.kernel.execute = dying  # type: ignore[method-assign]
        kept.kernel.reopen = killed  # type: ignore[method-assign]
        if number < 4:
            with pytest.raises(Killed):
                kept.keeper.look(kept.now)
        kept.kernel.execute = execute  # type: ignore[method-assign]
        kept.kernel.reopen = lambda: None  # type: ignore[method-assign]

        kept.looks = kept.started()
        kept.begin()

        assert kept.has(VIP) and len(servers(kept)) == 2
        assert kept.run("plan") == 0
        assert kept.run("withdraw") == 0
        assert not kept.has(VIP) and servers(kept) == []


class Killed(BaseException):
    """The end of the process: nothing after it is done."""


def killed() -> None:
    raise Killed


def test_a_profile_of_the_wrong_kind_is_refused(kept: Kept, tmp_path: Path) -> None:
    kept.file.write_text("{}")

    with pytest.raises(ProfileError):
        kept.started()


def test_errors_of_a_look_are_told_and_it_goes_on(kept: Kept) -> None:
    kept.begin()

    def broken() -> Any:
        raise KernelError("cannot read the links: no buffer space (ENOBUFS)", errno=105)

    read = kept.kernel.read_host
    kept.kernel.read_host = broken  # type: ignore[method-assign]
    assert (kept.look(), kept.look()) == (["REFUSED"], [])
    kept.kernel.read_host = read  # type: ignore[method-assign]
    assert kept.look() == ["AGAIN"]


def test_an_address_that_is_no_vip_is_none_of_its_business(kept: Kept) -> None:
    kept.begin()
    other = Address("eth0", ip_interface("192.168.1.99/32"), label="eth0")
    kept.kernel.objects[other.key] = other

    assert kept.look() == []
    assert kept.has(other)
    assert ip_address("192.168.1.99") in kept.kernel.read_host().ips


# --- a look that takes long ----------------------------------------------------------------------


class Slowly:
    """A kernel whose host is read when `go` says so; counts how often that was asked for."""

    def __init__(self, kernel: FakeKernel, go: Event) -> None:
        self.kernel, self.go, self.asked = kernel, go, 0

    def __enter__(self) -> FakeKernel:
        self.asked += 1
        assert self.go.wait(10.0)
        return self.kernel

    def __exit__(self, *_: object) -> None:
        pass


class LongLooks(Kept):
    """A keeper whose looks take a second each, by a clock of the test."""

    def __init__(self, folder: Path) -> None:
        self.go = Event()
        super().__init__(folder)
        self.kernel.read_host = self._slowly(self.kernel.read_host)  # type: ignore[method-assign]

    def started(self) -> Looks:
        looks = super().started()
        self.slowly = Slowly(self.kernel, self.go)
        self.background = BackgroundLook(lambda _: self.slowly)
        looks._background = self.background
        return looks

    def _slowly(self, read: Callable[[], Host]) -> Callable[[], Host]:
        def slow() -> Host:
            self.now += 1.0
            return read()

        return slow

    def ended(self) -> None:
        """Let what is looked at in the background come to its end, and be taken note of."""
        self.go.set()
        assert select.select([self.background.fileno()], [], [], 10.0)[0]
        self.looks.turn(self.now)


@pytest.fixture
def long_looks(tmp_path: Path) -> Iterator[LongLooks]:
    kept = LongLooks(tmp_path)
    kept.begin()
    # The first one says how long it takes.
    kept.look()
    yield kept
    kept.go.set()
    kept.background.close()


def test_a_look_that_takes_long_is_made_where_it_keeps_nothing_waiting(
    long_looks: LongLooks,
) -> None:
    kept = long_looks
    before = kept.now

    kinds = kept.look()
    during = (kept.looks.due(), kept.now - before)
    kept.ended()

    assert (kinds, during) == ([], (None, 5.0))
    assert kept.looks.due() == kept.now + 5.0
    assert kept.slowly.asked == 1


def test_what_is_found_in_the_background_is_repaired_as_always(long_looks: LongLooks) -> None:
    kept = long_looks
    kept.kernel.lose_service(service(kept))

    begun = kept.look()
    kept.ended()

    assert begun == []
    assert [each.kind for each in kept.told][-3:] == ["REPAIRED"] * 3
    assert len(servers(kept)) == 2


def test_whoever_changes_something_is_not_kept_waiting_for_the_background(
    long_looks: LongLooks,
) -> None:
    kept = long_looks
    kept.look()
    kept.kernel.lose(VIP.key)
    kept.notices = [RouteEvent("address", "eth0", 2, "192.168.1.2/32", True, 77, "ip")]
    kept.look(0.001)

    repaired = kept.look(2.0)
    due = kept.looks.due()
    kept.ended()

    assert repaired == ["REPAIRED", "ANNOUNCED"]
    assert kept.looks.due() == due, "what began before it says nothing"


def test_a_host_that_cannot_be_looked_at_in_the_background_is_looked_at_as_always(
    long_looks: LongLooks,
) -> None:
    kept = long_looks
    kept.slowly.kernel = Unreadable()  # type: ignore[assignment]

    kept.look()
    reads = kept.kernel.reads
    kept.ended()

    assert kept.kernel.reads > reads
    assert kept.looks.due() is not None


def test_what_is_withdrawn_while_it_is_looked_in_the_background_rests(
    long_looks: LongLooks,
) -> None:
    kept = long_looks
    kept.look()
    kept.run("withdraw")

    kept.ended()

    assert [each.kind for each in kept.told][-1] == "RESTING"
    assert kept.look() == []


class Unreadable:
    def __getattr__(self, name: str) -> object:
        raise CannotRun("cannot read it")
