"""Draining: weight 0 that outlives an apply, and a wait that says what it waits for."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Collection
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from fake import FakeKernel, FakeSession, host
from lvsdr.core import draining
from lvsdr.core.book import Book
from lvsdr.core.out_of_service import SEVERAL, OutOfService, drained_notes
from lvsdr.core.record import Record
from lvsdr.errors import CannotRun, ProfileError
from lvsdr.model.counters import Counters, Standing
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import Timeout
from lvsdr.model.objects import Key, Sysctl, keyed
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read
from test_cli import DIP, DIRECTOR, Run, kernel_of

WEB = Service("tcp", ip_address("192.168.1.2"), 80)
RIP = "192.168.1.11"
ELEVEN = RealServer(WEB, ip_address(RIP), 80)
TWELVE = RealServer(WEB, ip_address("192.168.1.12"), 80)
DRAINED = replace(ELEVEN, weight=0)


@pytest.fixture
def applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> FakeSession:
    """A host to which the shipped profile was applied; it has a persistence of 300 s."""
    session = FakeSession(host(DIP, Timeout("tcp", 900)), tmp_path)
    assert Run(capsys, session, "director", "apply", DIRECTOR).code == 0
    return session


def drain(
    capsys: pytest.CaptureFixture[str], session: FakeSession, *more: str, rip: str = RIP
) -> Run:
    return Run(capsys, session, "director", "drain", "--rip", rip, *more, DIRECTOR)


def test_0_what_has_no_connections_is_drained_by_one_change(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = kernel_of(applied)
    sent = len(kernel.sent)

    done = drain(capsys, applied)

    assert done.code == 0
    assert [change.after for change in kernel.sent[sent:]] == [DRAINED]
    assert done.out.splitlines() == [
        f"~ {RIP}:80 of tcp 192.168.1.2:80 (dr, weight 0) (was dr, weight 1)",
        f"{RIP}:80 of tcp 192.168.1.2:80: 0 active, 0 inactive, 0 persistent",
        f"drained {RIP}",
    ]


def test_what_is_drained_survives_the_next_apply_and_plan_says_so(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    drain(capsys, applied)

    planned = Run(capsys, applied, "director", "plan", DIRECTOR)
    again = Run(capsys, applied, "director", "apply", DIRECTOR)

    assert (planned.code, planned.out) == (0, "nothing to change\n")
    assert (again.code, again.out) == (0, "nothing to change\n")
    assert f"is drained: weight 0 until lvsdr director drain --undo --rip {RIP}" in planned.err
    assert kernel_of(applied).objects[ELEVEN.key] == DRAINED


def test_a_real_server_that_many_virtual_servers_have_is_said_to_be_drained_once() -> None:
    services = [Service("tcp", ip_address("192.168.1.2"), 8000 + number) for number in range(9)]
    held = keyed(
        [replace(DRAINED, service=each, port=each.port) for each in services]
        + [replace(TWELVE, service=each, port=each.port) for each in services[:SEVERAL]]
    )

    said = list(drained_notes(OutOfService(drained=frozenset(held)), held))

    undo = "is drained: weight 0 until lvsdr director drain --undo --rip"
    assert said == [
        *(
            f"real server 192.168.1.12:{each.port} of {each} {undo} 192.168.1.12"
            for each in services[:SEVERAL]
        ),
        f"real server {RIP} of 9 virtual servers {undo} {RIP}",
    ]
    assert list(drained_notes(OutOfService(), held)) == []


def test_somebody_who_gives_it_a_weight_is_drift(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    drain(capsys, applied)
    kernel_of(applied).objects[ELEVEN.key] = ELEVEN

    planned = Run(capsys, applied, "director", "plan", DIRECTOR)

    assert planned.code == 1
    assert planned.out.startswith(f"~ {RIP}:80 of tcp 192.168.1.2:80 (dr, weight 0)")


def test_undo_gives_back_the_weight_of_the_profile(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    drain(capsys, applied)

    undone = drain(capsys, applied, "--undo")
    planned = Run(capsys, applied, "director", "plan", DIRECTOR)

    assert undone.code == 0
    assert undone.out.splitlines()[-1] == f"restored {RIP}"
    assert kernel_of(applied).objects[ELEVEN.key] == ELEVEN
    assert (planned.code, planned.err) == (0, "")


def test_a_withdrawal_forgets_it(applied: FakeSession, capsys: pytest.CaptureFixture[str]) -> None:
    drain(capsys, applied)

    Run(capsys, applied, "director", "withdraw", DIRECTOR)

    assert applied.book().load() == Record()


def test_1_connections_that_are_left_at_the_timeout_are_said(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel_of(applied).counted[ELEVEN.key] = Counters(active=2, inactive=5)

    done = drain(capsys, applied, "--timeout", "0", "--format", "json")

    assert done.code == 1
    assert done.document["state"] == "waiting"
    assert done.document["left"] == [
        {
            "key": ["tcp", "192.168.1.2", 80, RIP, 80],
            "active": 2,
            "inactive": 5,
            "persistent": 0,
        }
    ]
    (why,) = done.document["obstacles"]
    assert "forgotten after 900 s (timeouts: tcp)" in why


@pytest.mark.parametrize(("value", "code"), [("0", 1), ("1", 0)])
def test_templates_are_waited_for_where_their_clients_come_back(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], value: str, code: int
) -> None:
    kernel = kernel_of(applied)
    expire = Sysctl(draining.EXPIRE_TEMPLATES, value)
    kernel.objects[expire.key] = expire
    kernel.counted[ELEVEN.key] = Counters(persistent=1)

    assert drain(capsys, applied, "--timeout", "0").code == code
    assert drain(capsys, applied, "--timeout", "0", "--persistent").code == 1


@pytest.mark.parametrize(("protocol", "left"), [("tcp", 0), ("sctp", 0), ("udp", 3), ("fwmark", 3)])
def test_what_is_inactive_is_waited_for_where_it_may_be_a_flow_of_datagrams(
    protocol: str, left: int
) -> None:
    vip = None if protocol == "fwmark" else ip_address("192.168.1.2")
    service = Service(protocol, vip, 0 if vip is None else 53)
    standing = Standing(RealServer(service, ip_address(RIP), 53), Counters(inactive=3))

    assert standing.left(persistent=False) == left
    assert standing.left(persistent=True) == 3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0", "write expire_nodest_conn 1 into the profile's sysctls, take the real server out"),
        ("1", "take the real server out of the profile and apply; its next datagram goes to"),
    ],
)
def test_flows_that_may_never_end_are_explained(value: str, said: str) -> None:
    service = Service("udp", ip_address("192.168.1.2"), 53)
    server = RealServer(service, ip_address(RIP), 53)
    there = host(VirtualServer(service), server, Sysctl(draining.EXPIRE_FLOWS, value))
    there.objects[("timeout", "udp")] = Timeout("udp", 300)
    profile = read(Path(DIRECTOR))
    assert isinstance(profile, DirectorProfile)
    profile = replace(profile, virtual_servers=(VirtualServer(service),))

    why = list(draining.obstacles(profile, (Standing(server, Counters(inactive=1)),), there))

    assert "until its client has been silent for 300 s (timeouts: udp)" in why[0]
    assert said in why[1]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0", "these clients come back to 192.168.1.11 though its weight is 0"),
        ("1", "new connections of these clients go elsewhere"),
    ],
)
def test_templates_are_explained_by_the_setting_that_rules_them(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], value: str, said: str
) -> None:
    kernel = kernel_of(applied)
    expire = Sysctl(draining.EXPIRE_TEMPLATES, value)
    kernel.objects[expire.key] = expire
    kernel.counted[ELEVEN.key] = Counters(persistent=3)

    done = drain(capsys, applied, "--timeout", "0")

    assert "  tcp 192.168.1.2:80 has 3 persistence templates here" in done.out
    assert said in done.out


class Emptying(FakeKernel):
    """A kernel whose real servers lose a connection each time that one looks."""

    def counters(
        self, services: Collection[Key], rips: Collection[str] = ()
    ) -> dict[Key, Counters]:
        seen = super().counters(services, rips)
        for key, counted in seen.items():
            if counted.active:
                self.counted[key] = replace(counted, active=counted.active - 1)
        return seen


def test_it_waits_as_long_as_there_is_something_left() -> None:
    kernel = Emptying(host().bare, {item.key: item for item in (VirtualServer(WEB), ELEVEN)})
    kernel.counted[ELEVEN.key] = Counters(active=3)
    pauses: list[float] = []

    rounds = list(
        draining.wait_for_connections(
            [ELEVEN], kernel, persistent=False, timeout=60, pause=pauses.append
        )
    )

    assert [standing.counters.active for (standing,) in rounds] == [3, 2, 1, 0]
    assert pauses == [0.5, 0.5, 0.5]


class Interrupting(FakeKernel):
    """A kernel that has whoever waits interrupted."""

    def counters(
        self, services: Collection[Key], rips: Collection[str] = ()
    ) -> dict[Key, Counters]:
        os.kill(os.getpid(), signal.SIGINT)
        return super().counters(services, rips)


def test_a_signal_ends_the_wait_and_it_stays_drained(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kernel = Interrupting(host().bare, kernel_of(applied).objects)

    done = drain(capsys, FakeSession(kernel, tmp_path))

    assert done.code == 1
    assert "interrupted by SIGINT: no longer waiting; 192.168.1.11 stays drained" in done.err
    assert done.out.splitlines()[-1] == f"not drained yet: {RIP}"
    assert kernel.objects[ELEVEN.key] == DRAINED


REFUSED = [
    ("192.168.1.99", (), "no such real server in profile web", "its real servers: 192.168.1.11"),
    ("web", (), "it is not an IPv4 or IPv6 address", "give the RIP"),
    (RIP, ("tcp:192.168.1.2:81",), "no such virtual server has it", "have it: tcp:192.168.1.2:80"),
    (RIP, ("fwmark:1",), "no such virtual server has it", "have it: tcp:192.168.1.2:80"),
    (RIP, ("nonsense",), "no such virtual server has it", "have it: tcp:192.168.1.2:80"),
]


@pytest.mark.parametrize(("rip", "services", "message", "hint"), REFUSED)
def test_2_what_the_profile_has_not_cannot_be_drained(
    rip: str, services: tuple[str, ...], message: str, hint: str, tmp_path: Path
) -> None:
    profile = read(Path(DIRECTOR))
    assert isinstance(profile, DirectorProfile)

    with pytest.raises(ProfileError) as refused:
        draining.real_servers_at(profile, rip, services, Book("ns", tmp_path))

    assert message in refused.value.message
    assert hint in refused.value.hints[0]


def test_a_virtual_server_is_chosen_by_its_name(tmp_path: Path) -> None:
    servers = [
        {"vip": "fd00::2", "protocol": "tcp", "port": 80, "real_servers": [{"rip": "fd00::3"}]},
        {"vip": "fd00::2", "protocol": "udp", "port": 80, "real_servers": [{"rip": "fd00::3"}]},
        {"fwmark": 7, "real_servers": [{"rip": "fd00::3"}]},
    ]
    path = tmp_path / "web.json"
    vips = [{"address": "fd00::2"}]
    path.write_text(
        json.dumps(
            {"role": "director", "interface": "eth0", "vips": vips, "virtual_servers": servers}
        )
    )
    profile = read(path)
    assert isinstance(profile, DirectorProfile)

    book, chosen = Book("ns", tmp_path), ("udp:[fd00:0::2]:80", "fwmark:7")
    every = draining.real_servers_at(profile, "fd00:0::3", (), book)
    two = draining.real_servers_at(profile, "fd00::3", chosen, book)

    assert len(every) == 3
    assert [draining.service_option(each.service) for each in two] == [
        "udp:[fd00::2]:80",
        "fwmark:7",
    ]


def test_6_a_profile_that_was_not_applied_has_nothing_to_drain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(DIP), tmp_path)

    done = drain(capsys, session)

    assert done.code == 6
    assert "profile web has not been applied with it" in done.err
    assert kernel_of(session).sent == []


def test_6_an_apply_that_was_cut_off_comes_first(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    book = applied.book()
    book.save(replace(book.load(), intents={"director:web": (TWELVE,)}))

    done = drain(capsys, applied)

    assert done.code == 6
    assert "its last apply was cut off" in done.err


def test_a_drain_that_was_killed_is_finished_by_the_next_apply(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel, book = kernel_of(applied), applied.book()
    before = dict(kernel.objects)
    record = book.load()
    drain(capsys, applied)
    # Killed when the record was on disk, and before the kernel was asked.
    kernel.objects = before
    book.save(
        record.claim("director:web", {ELEVEN.key: DRAINED}, before).draining(
            "director:web", [ELEVEN.key]
        )
    )

    done = Run(capsys, applied, "director", "apply", DIRECTOR)

    assert done.code == 0
    assert kernel.objects[ELEVEN.key] == DRAINED
    assert book.load().intents == {}


@pytest.mark.parametrize("undo", [True, False])
def test_where_others_have_deleted_its_virtual_server_nothing_is_tried(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], undo: bool
) -> None:
    kernel = kernel_of(applied)
    kernel.lose_service(ELEVEN.parent_key)
    sent, before = len(kernel.sent), dict(kernel.objects)

    done = drain(capsys, applied, *(["--undo"] if undo else []))

    assert done.code == CannotRun.exit_code
    assert f"{ELEVEN.title}: this virtual server is gone" in " ".join(done.err.split())
    assert f"hint: lvsdr director apply {DIRECTOR}" in done.err
    assert (len(kernel.sent), kernel.objects) == (sent, before)
    assert applied.book().load().drained == {}
    assert Run(capsys, applied, "director", "apply", DIRECTOR).code == 0
    assert drain(capsys, applied).code == 0


def test_3_a_refusal_leaves_it_as_it_was(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel, record = kernel_of(applied), applied.book().load()
    kernel.refuse = {len(kernel.sent)}

    done = drain(capsys, applied)

    assert done.code == 3
    assert kernel.objects[ELEVEN.key] == ELEVEN
    assert applied.book().load() == record


def test_a_record_of_before_there_was_draining_is_read(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(Record().claim("director:web", {ELEVEN.key: ELEVEN}, {}))

    assert b"drained" not in book.path.read_bytes()
    assert book.load().drained == {}


def test_what_is_drained_is_written_and_read_again(tmp_path: Path) -> None:
    book, owner = Book("ns", tmp_path), "director:web"
    wanted = {ELEVEN.key: ELEVEN}
    record = Record().claim(owner, wanted, {}).settle(owner, wanted).draining(owner, [ELEVEN.key])

    book.save(record)

    assert book.load() == record


def test_what_is_drained_is_remembered_though_a_standby_claims_nothing(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    record = Record().draining("director:web", [ELEVEN.key])

    book.save(record)

    assert book.load() == record


def test_a_record_that_has_drained_what_is_no_real_server_is_not_trusted(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(Record().draining("director:web", [("sysctl", "net/x")]))

    with pytest.raises(CannotRun, match="drained what is no real server"):
        book.load()


def test_a_real_server_that_leaves_the_profile_is_no_longer_drained() -> None:
    owner, both = "director:web", {ELEVEN.key: ELEVEN, TWELVE.key: TWELVE}
    record = Record().claim(owner, both, {}).settle(owner, both).draining(owner, [ELEVEN.key])

    without = {TWELVE.key: TWELVE}

    assert record.claim(owner, without, both).settle(owner, without).drained == {}
