"""A host that is director and real server: what it is now, and how the one becomes the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest

from fake import FakeSession, host
from lvsdr.cli.main import run
from lvsdr.core.book import Book
from lvsdr.core.plan_order import EXPIRE_NODEST_CONN
from lvsdr.errors import CannotRun, KernelError, LvsdrError, ProfileError
from lvsdr.keepalived.hook import Outcome, follow
from lvsdr.keepalived.host_roles import HostAccess, Report, Roles
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.rivals import spare
from lvsdr.keepalived.transition import enter_state
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.model.change import Change
from lvsdr.model.ipvs import RealServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.neighbour_claim import NeighbourClaim
from lvsdr.model.objects import Address, Sysctl
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read

PROFILES = Path(__file__).parent.parent / "profiles"
VIP = ip_address("192.168.1.2")
# One of the director's real servers.
RIP = Address("eth0", ip_interface("192.168.1.11/24"), label="eth0")
DIP = Address("eth0", ip_interface("192.168.1.10/24"), label="eth0")
ON_ETH0 = Address("eth0", ip_interface("192.168.1.2/32"), label="eth0:0")
LOUD = [Sysctl(f"net/ipv4/conf/all/{name}", "0") for name in ("arp_ignore", "arp_announce")]
KEPT = Sysctl("net/ipv4/vs/expire_nodest_conn", "0")
OFF = Sysctl("net/ipv4/vs/backup_only", "0")


@pytest.fixture
def session(tmp_path: Path) -> FakeSession:
    return FakeSession(host(RIP, OFF, KEPT, *LOUD), tmp_path / "run")


def roles(folder: Path, **fields: object) -> Roles:
    document = json.loads((PROFILES / "director.json").read_text())
    daemons = [{"state": state, "syncid": 1} for state in ("master", "backup")]
    path = folder / "director.json"
    path.write_text(json.dumps({**document, "standby": "synced", "sync_daemons": daemons} | fields))
    director, served = read(path, "director"), read(PROFILES / "realserver.json", "realserver")
    assert isinstance(director, DirectorProfile)
    assert isinstance(served, RealServerProfile)
    return Roles(director, served)


def access(
    session: FakeSession, *, grace: float = 0, more: Callable[[], list[str]] = list
) -> HostAccess:
    """Return what one program has; `more` is what its FIFO says when it is asked."""
    ledger = Ledger(session.book(), more=more)
    return HostAccess(session.kernel(), ledger, session.announcer, session.ears, grace=grace)


def entered(session: FakeSession, state: str, what: Roles) -> Report:
    return enter_state(state, what, access(session))


def ran(session: FakeSession, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    profile = str(PROFILES / "realserver.json")
    code = run((*words, "--allow-insecure-profile", profile), session)
    said = capsys.readouterr()
    return code, said.out + said.err


# What the real server's commands say on it.


@pytest.mark.parametrize("owner", ["lvsdr", "keepalived"])
def test_a_real_server_that_is_the_director_now_is_no_fault(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], owner: str
) -> None:
    fields = {"sysctls": {"backup_only": 1}} if owner == "keepalived" else {}
    entered(session, "MASTER", roles(tmp_path, vips_owner=owner, **fields))
    session.kernel().objects[ON_ETH0.key] = ON_ETH0

    verified = ran(session, capsys, "realserver", "verify")
    applied = ran(session, capsys, "realserver", "apply")

    words = ("director", "verify", "--no-paths", "--allow-insecure-profile")
    run((*words, str(tmp_path / "director.json")), session)
    of_director = capsys.readouterr().out

    assert verified[0] == 0
    assert "VIP-ELSEWHERE" not in of_director
    assert "warning: VIP-DIRECTOR: eth0 holds 192.168.1.2 for director:" in verified[1]
    assert "VIP-ON-LINK" not in verified[1]
    assert applied[0] == 0
    assert "this host is the director now" in applied[1]
    assert ON_ETH0.key in session.kernel().objects


@pytest.mark.parametrize("owner", ["lvsdr", "keepalived"])
@pytest.mark.parametrize("standby", ["empty", "synced"])
def test_a_standby_that_holds_the_vip_on_the_link_is_a_fault(
    session: FakeSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    owner: str,
    standby: str,
) -> None:
    fields = {"sysctls": {"backup_only": 1}} if owner == "keepalived" else {}
    what = roles(tmp_path, vips_owner=owner, standby=standby, **fields)
    entered(session, "MASTER", what)
    entered(session, "BACKUP", what)
    session.kernel().objects[ON_ETH0.key] = ON_ETH0

    verified = ran(session, capsys, "realserver", "verify")
    applied = ran(session, capsys, "realserver", "apply")

    assert (verified[0], applied[0]) == (1, 6)
    assert "error: VIP-ON-LINK" in verified[1]


def test_the_vip_with_another_prefix_is_not_the_directors(
    session: FakeSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entered(session, "MASTER", roles(tmp_path))
    wide = replace(ON_ETH0, ip=ip_interface("192.168.1.2/24"))
    session.kernel().objects[wide.key] = wide

    verified = ran(session, capsys, "realserver", "verify")

    assert verified[0] == 1
    assert "error: VIP-ON-LINK" in verified[1]


# How a director becomes a standby.


def test_who_gives_way_serves_what_is_new_itself_until_it_is_passed_by(
    session: FakeSession, tmp_path: Path
) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    before = len(session.kernel().sent)

    entered(session, "BACKUP", what)

    sent = session.kernel().sent[before:]
    done = [(each.sign, *map(str, each.key[:2])) for each in sent]
    weights = [
        (str(each.after.rip), each.after.weight)
        for each in sent
        if isinstance(each.after, RealServer)
    ]
    # The VIP first; the weight of the other one comes back once IPVS is passed by.
    assert done[0] == ("-", *map(str, ON_ETH0.key[:2]))
    assert [each for each in done if each[1] == SyncDaemon.kind] == [
        ("-", SyncDaemon.kind, "master"),
        ("+", SyncDaemon.kind, "backup"),
    ]
    assert weights == [("192.168.1.12", 0), ("192.168.1.12", 1)]
    kinds = [each.key[0] for each in sent]
    assert kinds.index(RealServer.kind) < kinds.index(SyncDaemon.kind)
    assert kinds[-1] == RealServer.kind


def test_a_standby_that_is_told_so_again_does_nothing(session: FakeSession, tmp_path: Path) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    entered(session, "BACKUP", what)
    before = len(session.kernel().sent)

    entered(session, "BACKUP", what)

    assert len(session.kernel().sent) == before


def test_a_standby_is_one_though_its_weights_are_refused(
    session: FakeSession, tmp_path: Path
) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    # The VIP, the weight.
    session.kernel().refuse = [len(session.kernel().sent) + 1]

    report = entered(session, "BACKUP", what)

    daemons = {key[1] for key in session.kernel().objects if key[0] == SyncDaemon.kind}
    assert daemons == {"backup"}
    assert len(report.notes) == 1


def test_a_weight_that_is_refused_does_not_keep_the_others(
    session: FakeSession, tmp_path: Path
) -> None:
    servers = [{"rip": f"192.168.1.{end}"} for end in (11, 12, 13)]
    web = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80, "real_servers": servers}
    what = roles(tmp_path, virtual_servers=[web])
    entered(session, "MASTER", what)
    session.kernel().refuse = [len(session.kernel().sent)]
    made = access(session)

    with pytest.raises(KernelError) as refused:
        spare(what.director, session.kernel().read_host(), made)

    assert (weight(session, "192.168.1.12"), weight(session, "192.168.1.13")) == ([1], [0])
    assert refused.value.notes == [
        "done, and not undone: ~ 192.168.1.13:80 of tcp 192.168.1.2:80 (dr, weight 0)"
    ]


# How one becomes the director while another may be it still.


OTHER = "192.168.1.12"


def speaking(*addresses: str) -> list[NeighbourClaim]:
    return [NeighbourClaim(ip_address(each), "02:00:00:00:00:12", "reply") for each in addresses]


def weight(session: FakeSession, rip: str = OTHER) -> list[int]:
    seen = session.kernel().objects.values()
    return [each.weight for each in seen if isinstance(each, RealServer) and str(each.rip) == rip]


@pytest.mark.parametrize("standby", ["empty", "synced"])
def test_who_takes_over_chooses_itself_before_it_schedules_and_the_other_one_later(
    session: FakeSession, tmp_path: Path, standby: str
) -> None:
    what = roles(tmp_path, standby=standby)
    entered(session, "BACKUP", what)
    before = len(session.kernel().sent)

    report = entered(session, "MASTER", what)

    sent = session.kernel().sent[before:]
    kinds = [each.key[0] for each in sent]
    weights = [c.after.weight for c in sent if isinstance(c.after, RealServer) and of_other(c)]
    assert weights == [0, 1]
    spared, shared = [number for number, each in enumerate(sent) if of_other(each)]
    assert spared < kinds.index(Address.kind) < shared
    if standby == "synced":
        assert spared < kinds.index(SyncDaemon.kind)
        assert [each.after for each in sent if each.after in (EXPIRE_NODEST_CONN, KEPT)] == [
            EXPIRE_NODEST_CONN,
            KEPT,
        ]
        assert [each.after for each in sent].index(EXPIRE_NODEST_CONN) < kinds.index(
            SyncDaemon.kind
        )
    assert not report.waits
    assert report.announced == (VIP,)


def of_other(change: Change) -> bool:
    """Return whether a change is one of the other box's real server."""
    return OTHER in map(str, change.key)


def test_who_takes_over_serves_alone_for_as_long_as_another_one_may_go_on(
    session: FakeSession, tmp_path: Path
) -> None:
    what = roles(tmp_path)
    made = access(session, grace=0.2)

    began = monotonic()
    first = enter_state("MASTER", what, made)
    meanwhile = weight(session)
    again = last = enter_state("MASTER", what, made, Report(silent_since=first.silent_since))
    deadline = began + 10
    while last.waits and monotonic() < deadline:
        last = enter_state("MASTER", what, made, Report(silent_since=last.silent_since))
    taken = monotonic() - began

    assert (first.waits, again.waits, last.waits) == (True, True, False)
    assert (meanwhile, weight(session)) == ([0], [1])
    assert again.changes == ()
    assert taken >= made.grace


def test_a_hook_ends_when_nobody_has_to_be_waited_for_any_more(
    session: FakeSession, tmp_path: Path
) -> None:
    made = access(session, grace=0.2)
    notice = Notice("INSTANCE", "VI_1", "MASTER", told_at=1)

    done = follow(notice, lambda: roles(tmp_path), made, 1.0)

    assert (done.state, done.report.waits, weight(session)) == ("MASTER", False, [1])
    assert done.report.announced == (VIP,)
    weights = [c.after.weight for c in done.report.changes if isinstance(c.after, RealServer)]
    assert sorted(weights) == [0, 1, 1]


@dataclass(frozen=True, slots=True)
class WatchedBook(Book):
    """The book, and how often its lock was not to be had in time."""

    refused: list[CannotRun] = field(default_factory=list)

    @contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(Book.locked(self, timeout))
            except CannotRun as error:
                self.refused.append(error)
                raise
            yield


def following(
    notice: Notice, folder: Path, made: HostAccess, timeout: float
) -> tuple[Thread, list[Outcome]]:
    """Start a hook; return its thread, and where its outcome will be."""
    done: list[Outcome] = []
    thread = Thread(
        target=lambda: done.append(follow(notice, lambda: roles(folder), made, timeout))
    )
    thread.start()
    return thread, done


def test_a_hook_that_waits_goes_on_though_another_has_the_lock(
    session: FakeSession, tmp_path: Path
) -> None:
    watched = WatchedBook("test", session.book().root)
    made = replace(access(session, grace=0.4), ledger=Ledger(watched))
    session.overheard = speaking(str(VIP), OTHER)
    notice = Notice("INSTANCE", "VI_1", "MASTER", told_at=1)
    thread, done = following(notice, tmp_path, made, 0.1)
    until(lambda: weight(session) == [0] and notice.key in Ledger(session.book()).notices())

    with session.book().locked(5):
        until(lambda: watched.refused)
        session.overheard.clear()
    thread.join()

    assert [(each.report.waits, each.state) for each in done] == [(False, "MASTER")]
    assert weight(session) == [1]


def test_a_hook_that_waits_gives_way_to_what_another_instance_says(
    session: FakeSession, tmp_path: Path
) -> None:
    made, at_once = access(session, grace=0.4), access(session)
    session.overheard = speaking(str(VIP), OTHER)
    thread, done = following(Notice("GROUP", "G", "MASTER", told_at=1), tmp_path, made, 5.0)
    until(lambda: weight(session) == [0])

    follow(Notice("INSTANCE", "A", "BACKUP", told_at=2), lambda: roles(tmp_path), at_once, 5.0)
    thread.join()

    assert ON_ETH0.key not in session.kernel().objects
    assert [each.report.waits for each in done] == [False]
    assert all(each.settled for each in Ledger(session.book()).notices().values())


def test_a_standby_that_goes_on_ends_when_master_is_said(
    session: FakeSession, tmp_path: Path
) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    made = access(session, grace=30)
    notice = Notice("INSTANCE", "A", "BACKUP", told_at=1)
    began = monotonic()
    thread = Thread(target=lambda: follow(notice, lambda: what, made, 1.0))
    thread.start()
    until(lambda: ON_ETH0.key not in session.kernel().objects)

    follow(replace(notice, state="MASTER", told_at=2), lambda: what, access(session), 10.0)
    thread.join()

    assert monotonic() - began < 20
    assert ON_ETH0.key in session.kernel().objects


def until(there: Callable[[], object]) -> None:
    deadline = monotonic() + 10
    while not there():
        assert monotonic() < deadline, "it never came"
        sleep(0.01)


def test_a_hook_that_gives_up_waiting_exits_1(
    session: FakeSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    roles(tmp_path)
    session.overheard = speaking(str(VIP), OTHER)
    monkeypatch.setattr(HostAccess, "patience", 0.0)
    profiles = ("--director", str(tmp_path / "director.json"))
    served = ("--realserver", str(PROFILES / "realserver.json"))
    words = ("keepalived", "notify", "--allow-insecure-profile", *profiles, *served)

    code = run((*words, "INSTANCE", "VI_1", "MASTER", "100"), session)

    assert (code, weight(session)) == (1, [0])
    assert "run this again" in capsys.readouterr().err


def test_a_hook_that_waits_for_a_director_that_stays_ends_all_the_same(
    session: FakeSession, tmp_path: Path
) -> None:
    made = access(session, grace=0.1)
    session.overheard = speaking(str(VIP), OTHER)

    done = follow(
        Notice("INSTANCE", "VI_1", "MASTER", told_at=1), lambda: roles(tmp_path), made, 1.0
    )

    assert (done.state, done.report.waits, weight(session)) == ("MASTER", True, [0])
    assert len(done.report.notes) == 1


@pytest.mark.parametrize("owner", ["lvsdr", "keepalived"])
def test_who_answers_for_a_vip_still_gets_nothing_new_until_it_is_silent(
    session: FakeSession, tmp_path: Path, owner: str
) -> None:
    fields = {"sysctls": {"backup_only": 1}} if owner == "keepalived" else {}
    what = roles(tmp_path, vips_owner=owner, **fields)
    session.overheard = speaking(str(VIP), OTHER)
    if owner == "keepalived":
        session.kernel().objects[ON_ETH0.key] = ON_ETH0

    first = entered(session, "MASTER", what)
    meanwhile = weight(session)
    sent = len(session.kernel().sent)
    again = entered(session, "MASTER", what)
    still = len(session.kernel().sent)
    session.overheard = speaking(OTHER)
    last = entered(session, "MASTER", what)

    assert (first.waits, again.waits, last.waits) == (True, True, False)
    assert first.notes == (
        f"{OTHER} still answers for a VIP: it gets no new connections until it is silent",
    )
    assert (meanwhile, weight(session)) == ([0], [1])
    assert sent == still
    assert [each.key[0] for each in last.changes] == [RealServer.kind, Sysctl.kind]


def test_a_stranger_that_answers_for_a_vip_takes_nothing_from_anybody(
    session: FakeSession, tmp_path: Path
) -> None:
    router = "02:00:00:00:00:99"
    session.overheard = [
        NeighbourClaim(VIP, router, "reply"),
        # A proxy of the whole segment answers for the real server too, which does so itself.
        NeighbourClaim(ip_address(OTHER), router, "reply"),
        *speaking(OTHER),
    ]

    report = entered(session, "MASTER", roles(tmp_path))

    assert weight(session) == [1]
    assert not report.waits


def test_a_real_server_that_asks_in_the_name_of_a_vip_is_no_director(
    session: FakeSession, tmp_path: Path
) -> None:
    asked = NeighbourClaim(VIP, "02:00:00:00:00:12", "request")
    session.overheard = [asked, *speaking(OTHER)]

    report = entered(session, "MASTER", roles(tmp_path))

    assert (weight(session), report.waits, report.notes) == ([1], False, ())


def test_what_was_done_before_a_failure_is_told(session: FakeSession, tmp_path: Path) -> None:
    what = roles(tmp_path)
    entered(session, "BACKUP", what)
    # The weight comes back once nobody else answers; what went before is not undone by it.
    before = len(session.kernel().sent)
    entered(session, "MASTER", what)
    last = [i for i, each in enumerate(session.kernel().sent[before:]) if of_other(each)][1]
    again = FakeSession(host(RIP, OFF, KEPT, *LOUD), tmp_path / "again")
    entered(again, "BACKUP", what)
    again.kernel().refuse = [len(again.kernel().sent) + last]

    with pytest.raises(LvsdrError) as failed:
        entered(again, "MASTER", what)

    assert ON_ETH0.key in again.kernel().objects
    assert "what was done for MASTER before that stays:" in failed.value.notes
    assert "+ 192.168.1.2/32 on eth0 as eth0:0" in failed.value.notes


@pytest.mark.parametrize(("owner", "waits"), [("lvsdr", False), ("keepalived", True)])
def test_whose_vips_keepalived_takes_may_have_its_table_for_a_while(
    session: FakeSession, tmp_path: Path, owner: str, waits: bool
) -> None:
    what = roles(tmp_path, standby="empty", vips_owner=owner)
    made = access(session, grace=0.1)

    assert enter_state("MASTER", what, made).waits == waits


def test_who_was_overtaken_announces_nothing_more(session: FakeSession, tmp_path: Path) -> None:
    what = Roles(roles(tmp_path).director)
    said = iter(([], ['INSTANCE "VI_1" BACKUP 100']))
    made = access(session, more=lambda: next(said, []))
    made.ledger.begin(made.ledger.add(Notice("INSTANCE", "VI_1", "MASTER")))

    report = enter_state("MASTER", what, made)
    none = enter_state("MASTER", Roles(replace(what.director, vips_owner="keepalived")), made)

    assert session.announced == [VIP]
    assert (report.announced, none.announced) == ((VIP,), ())


def test_where_nobody_can_be_asked_every_real_server_serves(
    session: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(*_: object) -> None:
        raise CannotRun("cannot open a packet socket on eth0: the link is down")

    monkeypatch.setattr(session, "ears", deaf)

    report = entered(session, "MASTER", roles(tmp_path))

    assert weight(session) == [1]
    assert report.notes == ("cannot open a packet socket on eth0: the link is down",)


def test_a_host_that_does_not_serve_the_same_spares_nobody(
    session: FakeSession, tmp_path: Path
) -> None:
    what = roles(tmp_path)
    objects = session.kernel().objects
    del objects[RIP.key]
    objects[DIP.key] = DIP

    entered(session, "MASTER", what)

    assert [c.after.weight for c in session.kernel().sent if isinstance(c.after, RealServer)] == [
        1,
        1,
    ]


def test_a_host_that_is_drained_spares_nobody(session: FakeSession, tmp_path: Path) -> None:
    what = roles(tmp_path)
    entered(session, "MASTER", what)
    book = session.book()
    mine = [key for key in session.kernel().objects if "192.168.1.11" in map(str, key)]
    record = book.load()
    book.save(record.draining("director:web", {key for key in mine if key[0] == RealServer.kind}))
    entered(session, "BACKUP", what)
    before = len(session.kernel().sent)

    entered(session, "MASTER", what)

    assert not any(map(of_other, session.kernel().sent[before:]))


def test_vips_of_keepalived_on_hosts_that_are_both_need_backup_only(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="in a loop"):
        roles(tmp_path, vips_owner="keepalived")


def test_where_keepalived_brings_the_vips_no_host_is_passed_by(
    session: FakeSession, tmp_path: Path
) -> None:
    """It would reset the connections from when the VIP comes until the daemons are swapped."""
    alone = Roles(replace(roles(tmp_path).director, vips_owner="keepalived"))

    entered(session, "BACKUP", alone)

    assert session.kernel().objects[OFF.key] == OFF
