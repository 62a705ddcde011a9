"""The story: whatever the profile, and whatever happens in between, the host ends as promised."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake import FakeKernel, FakeSession, host
from fuzz.profiles import FOREIGN, PROFILES, hosts, realservers, times
from lvsdr.core import signals
from lvsdr.core.book import Book
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.record import Record, owner_of
from lvsdr.core.withdrawal import plan_withdrawal
from lvsdr.core.workflow import announce, apply, converge, new_vips, withdraw, without_undo
from lvsdr.errors import CannotRun, KernelError, LvsdrError, NotConverged, ProfileError, Stuck
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.host import Host, HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import NOTHING, Address, Key, Link, Object, Objects, Sysctl, keyed
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile.reader import read

SHIPPED = Path(__file__).parent.parent / "profiles"
DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
IGNORE = Sysctl("net/ipv4/conf/all/arp_ignore", "0")
LOUD = (
    IGNORE,
    Sysctl("net/ipv4/conf/all/arp_announce", "0"),
    Link("lo", "loopback", up=True, arp=True),
)


def profile_of(data: dict[str, Any], root: Path, name: str = "web") -> Profile:
    path = root / f"{name}.json"
    path.write_text(json.dumps({**data, "name": name}))
    return read(path)


# Any profiles, in any order.


@times(100, 5000)
@given(PROFILES, hosts())
def test_any_profile_is_applied_whole_and_withdrawn_without_a_trace(
    data: dict[str, Any], kernel: FakeKernel
) -> None:
    with TemporaryDirectory() as folder:
        profile = profile_of(data, Path(folder))
        session = FakeSession(kernel, Path(folder) / "run")
        book = session.book()
        before = dict(kernel.objects)

        apply(profile, kernel, book, session.announcer)
        left = plan_apply(profile, kernel, book)
        withdraw(profile, kernel, book)
        again = withdraw(profile, kernel, book)

        assert left.todo == ()
        assert left.drift == ()
        assert (again.todo, again.kept) == ((), ())
        assert kernel.objects == before
        assert forgotten(book)


ALIKE = realservers(holders=("dummy",))
THREE = st.tuples(PROFILES, PROFILES, PROFILES) | st.tuples(ALIKE, ALIKE, ALIKE)
STEPS = st.tuples(
    st.sampled_from(["apply", "apply", "withdraw", "refused", "killed", "unsettled", "others"]),
    st.integers(0, 2),
    st.integers(0, 6),
)


@times(100, 10_000)
@given(THREE, hosts(), st.lists(STEPS, max_size=8))
def test_profiles_in_any_interleaving_leave_the_host_as_it_was_before_all_of_them(
    data: tuple[dict[str, Any], ...], kernel: FakeKernel, steps: list[tuple[str, int, int]]
) -> None:
    with TemporaryDirectory() as folder:
        # The second and the third have one name: one takes the other's place. Where the table
        # becomes keepalived's so, what is in it stays.
        names = ("one", "two", "two")
        for each in data:
            each.pop("table_owner", None)
        profiles = [
            profile_of(each, Path(folder), name) for each, name in zip(data, names, strict=True)
        ]
        session = FakeSession(kernel, Path(folder) / "run")
        book = session.book()
        expected = dict(kernel.objects)

        for what, which, number in steps:
            if what == "others":
                toggle(kernel.objects, FOREIGN[number])
                toggle(expected, FOREIGN[number])
            else:
                # Two profiles may want of one host what cannot be; then nothing is touched.
                with suppress(CannotRun, ProfileError):
                    STEP[what](profiles[which], session, number)
        for profile in profiles:
            withdraw(profile, kernel, book)

        assert kernel.objects == expected
        assert forgotten(book)


def but_for_failures(folder: Path) -> Iterator[Path]:
    """Yield what lvsdr has left beside a word on what failed."""
    yield from (each for each in folder.iterdir() if each.suffix != ".failed")


def forgotten(book: Book) -> bool:
    """Return whether the record has nothing but what was others' before."""
    return replace(book.load(), given_back={}) == Record()


def toggle(objects: dict[Key, Object], item: Object) -> None:
    if objects.pop(item.key, None) is None:
        objects[item.key] = item


def applied(profile: Profile, session: FakeSession, number: int = 0) -> None:
    apply(profile, session.kernel(), session.book(), session.announcer)


def withdrawn(profile: Profile, session: FakeSession, number: int = 0) -> None:
    withdraw(profile, session.kernel(), session.book())


def refused(profile: Profile, session: FakeSession, number: int) -> None:
    """Apply, but `number` changes on the kernel takes nothing any more; not even to undo."""
    kernel: FakeKernel = session.kernel()
    kernel.refuse = range(len(kernel.sent) + number, 1_000_000)
    try:
        with suppress(KernelError, Stuck):
            applied(profile, session)
    finally:
        kernel.refuse = ()


def killed(profile: Profile, session: FakeSession, number: int = 0) -> None:
    """Leave what a run leaves that is killed before its first change."""
    situation = plan_apply(profile, session.kernel(), session.book())
    record = situation.record.claim(situation.owner, situation.desired, situation.observed)
    session.book().save(record)


def unsettled(profile: Profile, session: FakeSession, number: int = 0) -> None:
    """Leave what a run leaves that is killed after its last change."""
    situation = plan_apply(profile, session.kernel(), session.book())
    record = situation.record.claim(situation.owner, situation.desired, situation.observed)
    applied(profile, session)
    session.book().save(record)


def test_a_link_that_a_killed_withdraw_left_half_way_is_given_back_by_the_next() -> None:
    """Killed when tunl0 was down again, and still had its queueing discipline."""
    tunl0 = Link("tunl0", "ipip", up=False, arp=False, started=False)
    end = HostLink("tunl0", link_kind="ipip", arp=False, up=False)
    links = {"eth0": HostLink("eth0"), "tunl0": end}
    kernel = FakeKernel(Host(links, ()), keyed([*unsilenced().objects.values(), tunl0]))
    before = dict(kernel.objects)
    data = {"role": "realserver", "interface": "eth0", "holder": "tunl0", "vips": ["192.168.1.2"]}
    with TemporaryDirectory() as folder:
        session, profile = FakeSession(kernel, Path(folder) / "run"), profile_of(data, Path(folder))
        applied(profile, session)
        situation = plan_withdrawal(profile, kernel, session.book())
        session.book().save(situation.record_before)
        for change in situation.todo:
            if change.key == tunl0.key:
                kernel.objects[tunl0.key] = replace(tunl0, started=True)
                break
            kernel.execute((change,))

        withdraw(profile, kernel, session.book())

    assert kernel.objects == before


def unsilenced() -> FakeKernel:
    """Return a host that answers for every address."""
    settings = (
        Sysctl(f"net/ipv4/conf/{link}/{name}", "0")
        for link in ("all", "eth0", "lo")
        for name in ("arp_ignore", "arp_announce", "rp_filter")
    )
    links = {"eth0": HostLink("eth0"), "lo": HostLink("lo", loopback=True)}
    return FakeKernel(Host(links, ()), keyed(settings))


def test_a_setting_that_a_failed_run_left_is_not_taken_for_the_hosts_own() -> None:
    """Two profiles share arp_ignore, and the run of one got stuck when it had set its own value."""
    path = "net/ipv4/conf/all/arp_ignore"
    shared: dict[str, Any] = {"role": "realserver", "interface": "eth0"}
    fields: dict[str, dict[str, Any]] = {
        "one": {"vips": ["192.168.1.3"], "arp_ignore": 2},
        "two": {"vips": ["192.168.1.2"]},
    }
    kernel = unsilenced()
    before = dict(kernel.objects)
    with TemporaryDirectory() as folder:
        session = FakeSession(kernel, Path(folder) / "run")
        one, two = (
            profile_of({**shared, **fields[name]}, Path(folder), name) for name in ("one", "two")
        )
        applied(two, session)
        refused(one, session, 1)
        stuck = kernel.objects["sysctl", path]

        for profile in (one, two):
            withdraw(profile, kernel, session.book())

    assert stuck == Sysctl(path, "2")
    assert kernel.objects == before


def test_a_setting_that_a_killed_run_left_goes_when_its_profile_wants_it_no_more() -> None:
    """The run of the first `two` is killed after its last change; the next has other settings."""
    shared = {"role": "realserver", "interface": "eth0", "vips": ["192.168.1.2"]}
    links = {**shared, "arp_scope": "links"}
    kernel = unsilenced()
    before = dict(kernel.objects)
    with TemporaryDirectory() as folder:
        session = FakeSession(kernel, Path(folder) / "run")
        one = profile_of(links, Path(folder), "one")
        killed_at_its_end = profile_of({**links, "arp_ignore": 2}, Path(folder), "two")
        two = profile_of(shared, Path(folder), "two")

        applied(one, session)
        unsettled(killed_at_its_end, session)
        applied(two, session)
        for profile in (one, two):
            withdraw(profile, kernel, session.book())

    assert kernel.objects == before


STEP: dict[str, Callable[[Profile, FakeSession, int], None]] = {
    "apply": applied,
    "withdraw": withdrawn,
    "refused": refused,
    "killed": killed,
    "unsettled": unsettled,
}


# Faults.


class FaultyKernel(FakeKernel):
    """A fake kernel that breaks otherwise than by a refusal, and writes down what it is asked."""

    def __init__(self, *objects: Object) -> None:
        plain = host(*objects)
        super().__init__(plain.bare, plain.objects)
        self.log: list[str] = []
        self.fault: BaseException | None = None
        self.at = -1
        self.no_reopening: LvsdrError | None = None
        self.book = Book("test")

    def require(self, todo: Plan) -> None:
        self.log.append("require")
        super().require(todo)

    def reopen(self) -> None:
        self.log.append("reopen")
        if self.no_reopening is not None:
            raise self.no_reopening

    def _take(self, change: Change) -> None:
        if "claimed" not in self.log:
            self.log.append("claimed" if change.key in self.book.load().baseline else "unclaimed")
        super()._take(change)
        if self.fault is not None and len(self.sent) - 1 == self.at:
            raise self.fault

    def observe(self, keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        self.log.append("observe")
        return super().observe(keys, likely)


class FullBook(Book):
    """A record on a disk that is full from the save `full_at` on."""

    full_at = 0
    saves = 0

    def save(self, record: Record, *, known: bool = False) -> None:
        type(self).saves += 1
        if type(self).saves > type(self).full_at:
            raise CannotRun("cannot write it: no space left on device (ENOSPC)")
        super().save(record, known=known)


def full(root: Path, full_at: int) -> Book:
    made: type[Book] = type("Full", (FullBook,), {"full_at": full_at})
    return made("test", root)


@pytest.fixture
def realserver() -> Profile:
    return read(SHIPPED / "realserver.json")


@pytest.fixture
def director() -> Profile:
    return read(SHIPPED / "director.json")


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), MemoryError(), OSError(5, "gone")])
def test_whatever_is_raised_in_the_middle_everything_is_undone_and_it_goes_on(
    fault: BaseException, tmp_path: Path, realserver: Profile
) -> None:
    kernel = FaultyKernel(*LOUD)
    before = dict(kernel.objects)

    for at in range(5):
        kernel.fault, kernel.at = fault, len(kernel.sent) + at
        with pytest.raises(type(fault)) as raised:
            applied(realserver, FakeSession(kernel, tmp_path))

        assert raised.value is fault
        assert kernel.objects == before
        assert list(but_for_failures(tmp_path)) == []


def test_the_claim_is_on_disk_before_the_first_change(tmp_path: Path, realserver: Profile) -> None:
    kernel = FaultyKernel(*LOUD)
    kernel.book = Book("test", tmp_path)

    applied(realserver, FakeSession(kernel, tmp_path))

    # What is there is looked at before the first change and after the last.
    assert kernel.log == ["observe", "require", "claimed", "observe"]


def test_the_sockets_are_opened_afresh_before_anything_is_undone(
    tmp_path: Path, realserver: Profile
) -> None:
    kernel = FaultyKernel(*LOUD)
    kernel.book = Book("test", tmp_path)
    kernel.refuse = {1}

    with pytest.raises(KernelError):
        applied(realserver, FakeSession(kernel, tmp_path))

    assert kernel.log == ["observe", "require", "claimed", "reopen", "observe", "observe"]


def test_where_the_process_cannot_change_anything_not_even_the_record_is_written(
    tmp_path: Path, realserver: Profile
) -> None:
    kernel = FaultyKernel(*LOUD)
    kernel.missing = CannotRun("cannot change this host")

    with pytest.raises(CannotRun) as missing:
        applied(realserver, FakeSession(kernel, tmp_path))

    assert missing.value.notes == []
    assert kernel.sent == []
    assert list(but_for_failures(tmp_path)) == []


def test_a_record_that_cannot_be_written_at_first_leaves_the_host_alone(
    tmp_path: Path, realserver: Profile
) -> None:
    kernel = FaultyKernel(*LOUD)

    with pytest.raises(CannotRun, match="ENOSPC") as failed:
        apply(realserver, kernel, full(tmp_path, 0), FakeSession(kernel, tmp_path).announcer)

    assert kernel.sent == []
    assert failed.value.notes == ["nothing was changed; the host is as it was"]


def test_a_record_that_cannot_be_written_in_the_end_undoes_everything_and_that_is_said(
    tmp_path: Path, realserver: Profile, director: Profile
) -> None:
    kernel = FaultyKernel(DIP)
    session = FakeSession(kernel, tmp_path)
    applied(director, session)
    before, record = dict(kernel.objects), session.book().load()
    vanished = {**director_data(), "vips": [], "virtual_servers": [{"fwmark": 7}]}
    changed = profile_of(vanished, tmp_path)

    with pytest.raises(CannotRun) as failed:
        apply(changed, kernel, full(tmp_path, 1), session.announcer)

    assert kernel.objects == before
    assert failed.value.notes == [
        "5 changes undone; the host is as it was",
        "cannot write it: no space left on device (ENOSPC)",
    ]
    # It claims too much, and does no harm.
    assert Book("test", tmp_path).load() != record
    applied(director, session)
    assert (kernel.objects, session.book().load()) == (before, record)


def director_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((SHIPPED / "director.json").read_text())
    return data


class Mute(FakeSession):
    """A session that has no voice: it cannot open its announcer, or not say anything."""

    closed = True
    opened = 0

    @contextmanager
    def announcer(self, link: str) -> Iterator[FakeSession]:
        self.opened += 1
        if self.closed:
            raise CannotRun(f"cannot announce on {link}")
        yield self

    def announce(self, vips: Iterable[IPAddress], *, count: int = 3, interval: float = 0.1) -> None:
        raise OSError(100, "network is down")


def test_a_director_that_may_not_announce_is_not_touched(tmp_path: Path, director: Profile) -> None:
    kernel = FaultyKernel(DIP)

    with pytest.raises(CannotRun, match="cannot announce on eth0"):
        applied(director, Mute(kernel, tmp_path))

    assert kernel.sent == []
    assert list(but_for_failures(tmp_path)) == []


def test_an_announcement_that_fails_undoes_everything(tmp_path: Path, director: Profile) -> None:
    kernel = FaultyKernel(DIP)
    session = Mute(kernel, tmp_path)
    session.closed = False

    with pytest.raises(OSError, match="network is down"):
        applied(director, session)

    assert list(kernel.objects.values()) == [DIP]
    assert list(but_for_failures(tmp_path)) == []


class Speaking(FakeSession):
    """A session that remembers what the record was like each time that it announced."""

    silent_from = 3

    def __init__(self, kernel: FakeKernel, root: Path) -> None:
        super().__init__(kernel, root)
        self.pending: list[bool] = []

    def announce(self, vips: Iterable[IPAddress], *, count: int = 3, interval: float = 0.1) -> None:
        if len(self.pending) == self.silent_from:
            raise OSError(100, "network is down")
        self.pending.append(bool(self.book().load().intents))


def test_the_record_is_written_between_announcements(tmp_path: Path, director: Profile) -> None:
    session = Speaking(FaultyKernel(DIP), tmp_path)

    applied(director, session)

    assert session.pending == [True, True, False]


def test_an_announcement_that_fails_after_the_record_undoes_everything(
    tmp_path: Path, director: Profile
) -> None:
    kernel = FaultyKernel(DIP)
    session = Speaking(kernel, tmp_path)
    session.silent_from = 2

    with pytest.raises(OSError, match="network is down"):
        applied(director, session)

    assert session.pending == [True, True]
    assert list(kernel.objects.values()) == [DIP]
    assert list(but_for_failures(tmp_path)) == []


def test_nothing_is_announced_by_a_real_server_or_where_no_vip_is_new(
    tmp_path: Path, director: Profile, realserver: Profile
) -> None:
    applied(director, FakeSession(director_host := FaultyKernel(DIP), tmp_path / "director"))
    again, quiet = Mute(director_host, tmp_path / "director"), Mute(host(*LOUD), tmp_path)

    applied(director, again)
    applied(realserver, quiet)

    assert (again.opened, quiet.opened) == (0, 0)


def test_only_a_vip_that_is_added_is_new() -> None:
    vip = Address("eth0", ip_interface("192.0.2.10/32"), label="eth0:0")
    other = Address("eth0", ip_interface("192.0.2.11/32"), label="eth0:1")
    renamed = Change(vip, Address("eth0", vip.ip, label="eth0:9"))

    vips = new_vips((renamed, Change(None, other), Change(DIP, None), Change(None, IGNORE)))

    assert vips == (other.ip.ip,)


def test_profiles_of_two_roles_have_records_of_their_own(
    director: Profile, realserver: Profile
) -> None:
    assert owner_of(director) == "director:web"
    assert owner_of(realserver) == "realserver:realserver"


def test_a_run_that_has_nothing_to_do_leaves_the_record_alone(
    tmp_path: Path, realserver: Profile
) -> None:
    session = FakeSession(host(*LOUD), tmp_path)
    applied(realserver, session)

    apply(realserver, session.kernel(), full(tmp_path, 0), session.announcer)

    assert owner_of(realserver) in session.book().load().claims


def test_5_where_the_kernel_cannot_be_reached_to_undo(tmp_path: Path, realserver: Profile) -> None:
    kernel = FaultyKernel(*LOUD)
    kernel.refuse = {1}
    kernel.no_reopening = CannotRun("cannot open a netlink socket: too many open files (EMFILE)")

    with pytest.raises(Stuck) as stuck:
        applied(realserver, FakeSession(kernel, tmp_path))

    assert stuck.value.exit_code == 5
    assert stuck.value.notes == [
        "cannot open a netlink socket: too many open files (EMFILE)",
        "stuck: how the host is now cannot be read",
    ]


def test_what_another_profile_had_raised_goes_back_too(tmp_path: Path) -> None:
    kernel = host(*LOUD)
    session = FakeSession(kernel, tmp_path / "run")
    shared = {"role": "realserver", "interface": "eth0", "holder": "lo"}
    one = profile_of({**shared, "vips": ["192.0.2.1"]}, tmp_path, "one")
    two = profile_of({**shared, "vips": ["192.0.2.2"], "arp_ignore": 8}, tmp_path, "two")

    for step, profile in ((applied, one), (applied, two), (withdrawn, two), (applied, one)):
        step(profile, session)
    withdrawn(one, session)

    assert kernel.objects[IGNORE.key] == IGNORE


def test_a_killed_change_of_profile_does_not_lose_what_was_there_first(tmp_path: Path) -> None:
    kernel = host(*LOUD)
    session = FakeSession(kernel, tmp_path / "run")
    data = {"role": "realserver", "interface": "eth0", "holder": "lo", "vips": ["192.0.2.1"]}
    old = profile_of({**data, "arp_ignore": 1}, tmp_path)
    new = profile_of({**data, "arp_ignore": 2}, tmp_path)

    for step, profile in ((applied, old), (killed, new), (applied, old), (withdrawn, old)):
        step(profile, session)

    assert kernel.objects[IGNORE.key] == IGNORE


def test_what_a_profile_made_of_the_object_of_a_stuck_one_is_not_taken_for_the_hosts(
    tmp_path: Path,
) -> None:
    kernel = host(*LOUD)
    session = FakeSession(kernel, tmp_path / "run")
    shared = {"role": "realserver", "interface": "eth0", "holder": "lo"}
    stuck = profile_of({**shared, "vips": ["192.0.2.1"]}, tmp_path, "stuck")
    other = profile_of({**shared, "vips": ["192.0.2.2"], "arp_ignore": 2}, tmp_path, "other")

    refused(stuck, session, 1)
    for step, profile in ((applied, other), (withdrawn, other), (applied, stuck)):
        step(profile, session)
    withdrawn(stuck, session)

    assert kernel.objects[IGNORE.key] == IGNORE


def test_a_run_that_has_nothing_to_do_looks_once_and_does_nothing_after_it(
    tmp_path: Path, realserver: Profile
) -> None:
    kernel = FaultyKernel(*LOUD)
    session = FakeSession(kernel, tmp_path)
    applied(realserver, session)
    situation = plan_apply(realserver, kernel, session.book())
    kernel.log.clear()
    done: list[str] = []

    converge(situation, kernel, session.book(), lambda: done.append("after"))

    assert (kernel.log, done) == (["require"], [])


class Shared(FakeKernel):
    """A kernel whose table another program changes while we change it."""

    theirs: Object | None = None

    def execute(self, changes: Iterable[Change]) -> None:
        super().execute(changes)
        if self.theirs is not None:
            self.objects[self.theirs.key] = self.theirs


def test_what_others_do_meanwhile_to_another_service_does_not_undo_ours(tmp_path: Path) -> None:
    services = [
        {"vip": "192.168.1.2", "protocol": "tcp", "port": port, "real_servers": [{"rip": rip}]}
        for port, rip in ((80, "192.168.1.11"), (25, "192.168.1.12"))
    ]
    data = {**director_data(), "virtual_servers": services}
    plain = host(DIP)
    kernel = Shared(plain.bare, plain.objects)
    session = FakeSession(kernel, tmp_path)
    applied(profile_of(data, tmp_path), session)
    services[0]["real_servers"] = [{"rip": "192.168.1.11", "weight": 7}]
    mail = Service("tcp", ip_address("192.168.1.2"), 25)
    kernel.theirs = RealServer(mail, ip_address("192.168.1.12"), 25, weight=0)

    apply(profile_of(data, tmp_path), kernel, session.book(), session.announcer)
    drift = plan_apply(profile_of(data, tmp_path), kernel, session.book()).drift

    assert [change.after for change in drift] == [kernel.theirs]


class Interrupting(FakeKernel):
    """A kernel on whose host somebody asks the process to stop while it undoes."""

    def reopen(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_does_not_break_the_undoing_of_what_the_kernel_refused(
    tmp_path: Path, realserver: Profile
) -> None:
    plain = host(*LOUD)
    kernel = Interrupting(plain.bare, plain.objects)
    before = dict(kernel.objects)
    kernel.refuse = {2}

    with signals.raising(), pytest.raises(KernelError) as refused:
        applied(realserver, FakeSession(kernel, tmp_path))

    assert refused.value.notes == ["2 changes undone; the host is as it was"]
    assert kernel.objects == before


def test_what_is_announced_is_announced_on_the_link_that_holds_it(
    tmp_path: Path, director: Profile
) -> None:
    assert isinstance(director, DirectorProfile)
    kernel = FaultyKernel(DIP)

    with pytest.raises(CannotRun) as refused:
        announce(director, kernel, Mute(kernel, tmp_path).announcer)
    applied(director, FakeSession(kernel, tmp_path))
    with pytest.raises(CannotRun, match="cannot announce on eth0"):
        announce(director, kernel, Mute(kernel, tmp_path).announcer)

    assert refused.value.message == ("cannot announce 192.168.1.2: it is not on eth0 of this host")
    assert refused.value.hints == ["lvsdr director apply"]


def test_a_service_that_somebody_changed_to_what_is_wanted_now_is_still_ours() -> None:
    web = Service("fwmark", fwmark=7)
    ours, wanted = VirtualServer(web, "wlc"), VirtualServer(web, "rr")
    record = Record().claim("director:web", keyed([ours]), {}).settle("director:web", keyed([ours]))

    again = record.claim("director:web", keyed([wanted]), keyed([wanted]))

    assert again.baseline == {ours.key: None}


def test_the_vips_of_the_profile_are_what_is_announced(tmp_path: Path, director: Profile) -> None:
    assert isinstance(director, DirectorProfile)
    session = FakeSession(host(DIP), tmp_path)
    applied(director, session)
    session.announced.clear()

    told = announce(director, session.kernel(), session.announcer)

    assert session.announced == list(told) == list(director.vips)


def test_4_says_what_the_kernel_took_and_did_not_do(tmp_path: Path, realserver: Profile) -> None:
    kernel = host(*LOUD)
    kernel.forget = {0}

    with pytest.raises(NotConverged) as differs:
        applied(realserver, FakeSession(kernel, tmp_path))

    assert differs.value.message == "the kernel took every change, and yet the host differs"
    assert differs.value.notes[0] == "~ net/ipv4/conf/all/arp_ignore = 1"


def test_profiles_that_quarrel_are_told_about_each_other(tmp_path: Path) -> None:
    session = FakeSession(host(*LOUD, DIP), tmp_path / "run")
    one, two = (
        profile_of(marked(scheduler), tmp_path, name)
        for name, scheduler in (("one", "rr"), ("two", "lc"))
    )
    applied(one, session)

    with pytest.raises(ProfileError) as refused:
        applied(two, session)

    assert refused.value.message == (
        "cannot apply profile two: profile director:one has set up virtual server fwmark 7"
        " otherwise than lc"
    )
    assert refused.value.hints == ["let only one of them have it, or give both the same name"]


def marked(scheduler: str) -> dict[str, Any]:
    servers = [{"rip": "192.168.1.11"}]
    service = {"fwmark": 7, "scheduler": scheduler, "real_servers": servers}
    return {"role": "director", "interface": "eth0", "virtual_servers": [service]}


def test_what_others_have_come_to_use_stays_and_is_said_whatever_kind_it_is(
    tmp_path: Path,
) -> None:
    web = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80, "real_servers": []}
    servers = {"vips": [{"address": "192.168.1.2"}], "virtual_servers": [web]}
    both = {**servers, "virtual_servers": [web, *marked("rr")["virtual_servers"]]}
    session = FakeSession(host(DIP), tmp_path / "run")
    profile = profile_of({"role": "director", "interface": "eth0", **both}, tmp_path)
    applied(profile, session)
    kernel = session.kernel()
    for server in [item for item in kernel.objects.values() if isinstance(item, VirtualServer)]:
        theirs = RealServer(server.service, ip_address("192.168.1.99"), server.service.port)
        kernel.objects[theirs.key] = theirs

    situation = plan_withdrawal(profile, kernel, session.book())

    assert situation.notes == (
        "virtual server fwmark 7 (rr) stays: others use it",
        "virtual server tcp 192.168.1.2:80 (wlc) stays: others use it",
    )


# What is not undone.


def test_what_is_done_without_undo_stays_though_some_of_it_is_refused() -> None:
    kernel = FaultyKernel(DIP, *LOUD)
    todo = tuple(Change(item, None) for item in (DIP, IGNORE, LOUD[2]))
    kernel.refuse = {0, 2}

    with pytest.raises(KernelError, match=r"cannot delete 192\.168\.1\.10/24") as refused:
        without_undo(todo, kernel)

    assert list(kernel.objects.values()) == [DIP, LOUD[1], LOUD[2]]
    assert refused.value.notes == [
        f"cannot delete {LOUD[2]}",
        f"done, and not undone: - {IGNORE}",
    ]


def test_what_cannot_be_done_without_undo_is_not_begun() -> None:
    kernel = FaultyKernel(DIP)
    kernel.missing = CannotRun("cannot change this host")

    with pytest.raises(CannotRun):
        without_undo((Change(DIP, None),), kernel)

    assert kernel.sent == []
