"""Real servers that are down: out of service until they serve, whatever happens in between."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fake import FakeKernel
from fuzz.profiles import times
from lvsdr.core import book as books
from lvsdr.core import draining, health_state
from lvsdr.core.out_of_service import out_of_service
from lvsdr.core.planned_situations import plan_apply, plan_standby
from lvsdr.core.record import Record, owner_of
from lvsdr.core.situation import Situation
from lvsdr.core.withdrawal import plan_withdrawal
from lvsdr.core.workflow import converge, withdraw
from lvsdr.errors import CannotRun, KernelError, ProfileError
from lvsdr.model.change import Change
from lvsdr.model.folded_servers import PartlyRead
from lvsdr.model.foreign_program import CheckedService, Checker
from lvsdr.model.health import REMOVE, WEIGHT, Down, Health
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Key, Objects, keyed
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile import reader
from test_folded_servers import Place, director, looked_at, service

Data = dict[str, Any]
OWNER = "director:web"
VIP = ip_address("192.168.1.2")
WEB, MORE = Service("tcp", VIP, 80), Service("tcp", VIP, 81)
SORRY = RealServer(WEB, ip_address("192.168.1.99"), 80)
TWO = director(service(80, 1, 2), service(81, 3, 4))
DEAD, GONE = Down(1000, "refuses the connection"), Down(1000, "is silent", action=REMOVE)


@pytest.fixture(autouse=True)
def small_is_large() -> Iterator[None]:
    """Read small profiles as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0)
        yield


class Kept(Place):
    """A host, its record and a profile with a sorry server for the first service."""

    health: Health | None = Health()
    own_health: Mapping[Service, Health | None] = {}

    def profile(self, data: Data, *, down: bool = False, **written: Any) -> DirectorProfile:
        made = super().profile(data, down=down, **written)
        here = SORRY.service in {each.service for each in made.virtual_servers}
        sorry = (SORRY,) if here else ()
        return replace(made, sorry_servers=sorry, health=self.health, own_health=self.own_health)

    def set_down(self, data: Data, changes: Mapping[Key, Down | None]) -> Situation:
        situation = health_state.set_down(self.profile(data), changes, self.kernel, self.book)
        self.must_be_known()
        return situation

    def must_be_known(self) -> None:
        """See that what is taken for the record without reading it is what is read."""
        known, last = self.book.load(), dict(books._LAST)
        books._LAST.clear()
        assert self.book.load() == known
        books._LAST.update(last)

    def down(self, *numbers: int, how: Down | None = DEAD, port: int = 80) -> Situation:
        """Take real servers of TWO out, or back where `how` is None."""
        return self.set_down(TWO, {key(port, number): how for number in numbers})

    def drain(self, number: int, *, undo: bool = False, port: int = 80) -> Situation:
        profile = self.profile(TWO)
        services = [f"tcp:{VIP}:{port}"]
        here = draining.real_servers_at(profile, f"192.168.1.{20 + number}", services, self.book)
        return draining.drain(profile, here, self.kernel, self.book, undo=undo)

    def weights(self, port: int = 80) -> dict[str, int]:
        """Return the weights of a service by the last part of the RIP."""
        there = (it for it in self.kernel.objects.values() if isinstance(it, RealServer))
        here = (each for each in there if each.service.port == port)
        return {str(each.rip).rpartition(".")[2]: each.weight for each in here}

    def record(self) -> Record:
        return self.book.load()


def key(port: int, number: int) -> Key:
    return ("real_server", "tcp", str(VIP), port, f"192.168.1.{20 + number}", port)


def signs(situation: Situation) -> list[str]:
    return [f"{each.sign} {str(each.key[-2]).rpartition('.')[2]}" for each in situation.todo]


@pytest.fixture
def place(tmp_path: Path) -> Kept:
    made = Kept(tmp_path)
    made.apply(TWO)
    return made


# --- weight --------------------------------------------------------------------------------------


def test_who_is_down_has_weight_0_by_one_change_and_apply_leaves_it_so(place: Kept) -> None:
    done = place.down(0)

    assert signs(done) == ["~ 20"]
    assert place.weights() == {"20": 0, "21": 2}
    assert place.record().down == {OWNER: {key(80, 0): DEAD}}
    again = place.apply(TWO)
    assert (again.todo, again.drift) == ((), ())
    assert place.record().down == {OWNER: {key(80, 0): DEAD}}


def test_who_is_back_has_the_weight_of_the_profile(place: Kept) -> None:
    before = place.kernel.objects.copy()
    place.down(1)

    assert signs(place.down(1, how=None)) == ["~ 21"]

    assert place.kernel.objects == before
    assert place.record().down == {}


def test_what_is_said_again_is_one_write_of_the_record_at_most(place: Kept) -> None:
    place.down(0)
    sent = len(place.kernel.sent)

    assert place.down(0).todo == ()

    assert len(place.kernel.sent) == sent


def test_a_plan_says_who_is_down_since_when_why_and_by_whom(place: Kept) -> None:
    place.down(0)
    place.down(1, how=GONE, port=81)

    notes = place.plan(TWO).notes

    assert notes == (
        "real server 192.168.1.20:80 of tcp 192.168.1.2:80 is down since 1970-01-01T00:16:40Z"
        " (refuses the connection), by lvsdr director keep: weight 0 until it serves again",
        "real server 192.168.1.21:81 of tcp 192.168.1.2:81 is down since 1970-01-01T00:16:40Z"
        " (is silent), by lvsdr director keep: not in the table until it serves again",
    )


def test_a_weight_that_somebody_gives_it_is_drift(place: Kept) -> None:
    place.down(0)
    one = place.kernel.objects[key(80, 0)]
    assert isinstance(one, RealServer)
    place.kernel.objects[one.key] = replace(one, weight=1)

    planned = place.plan(TWO)

    assert signs(planned) == ["~ 20"]
    assert len(planned.drift) == 1


# --- remove --------------------------------------------------------------------------------------


def test_who_is_removed_is_not_there_and_comes_back_as_it_was(place: Kept) -> None:
    before = place.kernel.objects.copy()

    assert signs(place.down(0, how=GONE)) == ["- 20"]

    assert place.weights() == {"21": 2}
    again = place.apply(TWO)
    assert (again.todo, again.drift) == ((), ())
    assert signs(place.down(0, how=None)) == ["+ 20"]
    assert place.kernel.objects == before


def test_who_is_removed_and_put_back_by_hand_goes_again(place: Kept) -> None:
    one = place.kernel.objects[key(80, 0)]
    place.down(0, how=GONE)
    place.kernel.objects[one.key] = one

    planned = place.plan(TWO)

    assert signs(planned) == ["- 20"]
    assert [(each.before, each.after) for each in planned.drift] == [(None, one)]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("how", [DEAD, GONE])
def test_what_was_there_before_lvsdr_is_given_back_though_it_is_down(
    tmp_path: Path, first: bool, how: Down
) -> None:
    place = Kept(tmp_path)
    there = keyed([VirtualServer(WEB, "rr"), RealServer(WEB, ip_address("192.168.1.20"), 80, 7)])
    place.kernel.objects.update(there)
    before = place.kernel.objects.copy()
    if first:
        place.down(0, how=how)
        assert place.kernel.objects == before
        place.apply(TWO)
    else:
        place.apply(TWO)
        place.down(0, how=how)
    assert place.weights() == ({"21": 2} if how is GONE else {"20": 0, "21": 2})
    place.apply(TWO)

    withdraw(place.profile(TWO, down=True), place.kernel, place.book)

    assert place.kernel.objects == before
    assert place.record() == Record()


def test_a_withdraw_that_was_killed_still_gives_back_what_is_out(tmp_path: Path) -> None:
    place = Kept(tmp_path)
    there = keyed([VirtualServer(WEB, "rr"), RealServer(WEB, ip_address("192.168.1.20"), 80, 7)])
    place.kernel.objects.update(there)
    before = place.kernel.objects.copy()
    place.apply(TWO)
    place.down(0, how=GONE)
    planned = plan_withdrawal(place.profile(TWO), place.kernel, place.book)
    for number in range(len(planned.todo)):
        place.book.save(planned.record_before)
        place.kernel.execute(planned.todo[number : number + 1])
        planned = plan_withdrawal(place.profile(TWO), place.kernel, place.book)
        if not planned.todo:
            break

    withdraw(place.profile(TWO), place.kernel, place.book)

    assert place.kernel.objects == before
    assert place.record() == Record()


# --- drained and down ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", [DEAD, GONE])
@pytest.mark.parametrize("drained_first", [True, False])
@pytest.mark.parametrize("lifted_first", [True, False])
def test_who_is_drained_and_down_stays_out_until_both_are_over(
    place: Kept, how: Down, drained_first: bool, lifted_first: bool
) -> None:
    steps: list[Callable[[], object]] = [lambda: place.drain(0), lambda: place.down(0, how=how)]
    for step in steps if drained_first else reversed(steps):
        step()
    place.apply(TWO)
    assert not place.weights().get("20")
    if not lifted_first:
        place.down(0, how=None)
        assert place.weights()["20"] == 0
    assert place.plan(TWO).todo == ()

    # It lifts the mark of a check as well.
    place.drain(0, undo=True)

    assert place.weights() == {"20": 1, "21": 2}
    assert (place.record().down, place.record().drained) == ({}, {})


def test_the_undo_of_a_drain_puts_back_whom_a_keeper_left_out(place: Kept) -> None:
    before = place.kernel.objects.copy()
    place.down(0, how=GONE)

    assert signs(place.drain(0, undo=True)) == ["+ 20"]

    assert place.kernel.objects == before
    assert place.record().down == {}


# --- the sorry server ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "out", "back"),
    [(DEAD, ["+ 99", "~ 21"], ["~ 20", "- 99"]), (GONE, ["+ 99", "- 21"], ["+ 20", "- 99"])],
)
def test_there_is_somebody_before_the_last_one_goes_and_until_one_is_back(
    place: Kept, how: Down, out: list[str], back: list[str]
) -> None:
    place.down(0, how=how)

    assert signs(place.down(1, how=how)) == out
    assert place.weights()["99"] == 1
    assert place.plan(TWO).todo == ()
    assert signs(place.down(0, how=None)) == back
    assert "99" not in place.weights()
    assert place.plan(TWO).todo == ()


def test_the_last_one_that_is_drained_has_a_sorry_server_too(place: Kept) -> None:
    place.drain(0)

    assert signs(place.drain(1)) == ["+ 99", "~ 21"]
    assert place.plan(TWO).todo == ()
    assert signs(place.drain(1, undo=True)) == ["~ 21", "- 99"]


def test_a_profile_without_anybody_who_serves_has_the_sorry_server_at_once(tmp_path: Path) -> None:
    place = Kept(tmp_path)

    place.apply(director(service(80, 0, 0), service(81, 1)))

    assert place.weights() == {"20": 0, "21": 0, "99": 1}
    place.apply(TWO)
    assert place.weights() == {"20": 1, "21": 2}
    place.apply(director(service(80, 0, 0), service(81, 1)))
    withdraw(OWNER, place.kernel, place.book)
    assert place.kernel.objects == Kept(tmp_path / "other").kernel.objects


# --- a standby, a take-over, a table that others have changed ------------------------------------


def test_where_the_table_is_empty_the_record_alone_says_so(tmp_path: Path) -> None:
    place = Kept(tmp_path)
    before = place.kernel.objects.copy()
    converge(plan_standby(place.profile(TWO), place.kernel, place.book), place.kernel, place.book)

    for number, how in enumerate((DEAD, GONE)):
        assert place.down(number, how=how).todo == ()

    assert place.kernel.objects == before
    standby = plan_standby(place.profile(TWO), place.kernel, place.book)
    assert standby.todo == ()
    converge(standby, place.kernel, place.book)
    assert len(place.record().down[OWNER]) == 2
    # The dead ones are out from the first moment.
    place.apply(TWO)
    assert place.weights() == {"99": 1, "20": 0}
    converge(plan_standby(place.profile(TWO), place.kernel, place.book), place.kernel, place.book)
    assert len(place.record().down[OWNER]) == 2
    assert place.weights() == {}


def test_a_cut_off_apply_comes_first(place: Kept) -> None:
    planned = place.plan(director(service(80, 5, 2)))
    place.book.save(planned.record_before)

    with pytest.raises(CannotRun, match="its last apply was cut off"):
        place.down(0)


def test_a_real_server_that_others_took_away_is_not_put_back_as_it_goes_down(place: Kept) -> None:
    place.kernel.lose(key(80, 0))

    assert place.down(0).todo == ()

    assert place.weights() == {"21": 2}
    assert signs(place.plan(TWO)) == ["+ 20"]
    assert signs(place.down(0, how=None)) == ["+ 20"]
    assert place.weights() == {"20": 1, "21": 2}


@pytest.mark.parametrize("how", [DEAD, GONE])
def test_of_a_virtual_server_that_others_took_away_the_record_alone_is_changed(
    place: Kept, how: Down
) -> None:
    before = place.kernel.objects.copy()
    place.kernel.lose_service(("virtual_server", "tcp", str(VIP), 80))

    assert place.down(0, 1, how=how).todo == ()
    place.apply(TWO)
    assert place.weights() == ({"20": 0, "21": 0, "99": 1} if how is DEAD else {"99": 1})
    place.kernel.lose_service(("virtual_server", "tcp", str(VIP), 80))
    assert place.down(0, 1, how=None).todo == ()
    place.apply(TWO)

    assert place.kernel.objects == before


def test_a_change_that_is_refused_is_undone_and_forgotten(place: Kept) -> None:
    place.down(0)
    before, record = place.kernel.objects.copy(), place.record()
    place.kernel.refuse = {len(place.kernel.sent) + 1}

    with pytest.raises(KernelError):
        place.down(1)

    assert place.kernel.objects == before
    assert place.record() == record


def test_a_real_server_that_leaves_the_profile_is_forgotten_at_apply(place: Kept) -> None:
    place.down(0, how=GONE)
    place.down(1, port=81)

    place.apply(director(service(81, 3)))

    assert place.record().down == {}
    assert place.weights(81) == {"20": 3}


@pytest.mark.parametrize("how", [DEAD, GONE])
def test_who_is_not_checked_any_more_is_put_back_by_apply(place: Kept, how: Down) -> None:
    """Without a keeper nobody else would do it."""
    place.down(0, how=how)
    place.down(0, port=81)
    place.own_health = {WEB: None}

    done = place.apply(TWO)

    assert place.weights() == {"20": 1, "21": 2}
    assert place.weights(81) == {"20": 0, "21": 4}
    assert place.record().down == {OWNER: {key(81, 0): DEAD}}
    assert len(done.todo) == 1
    assert place.apply(TWO).todo == ()


def test_a_profile_without_checks_has_nobody_down(place: Kept) -> None:
    place.down(0, 1)
    place.health = None

    place.apply(TWO)

    assert place.weights() == {"20": 1, "21": 2}
    assert place.record().down == {}


def test_another_profile_that_has_it_too_refuses_it(place: Kept) -> None:
    place.apply(director(service(81, 3, 4), name="second"))
    before, record = place.kernel.objects.copy(), place.record()

    for how in (DEAD, GONE):
        with pytest.raises(ProfileError, match="profile director:second has set up real"):
            place.down(0, how=how, port=81)

    assert (place.kernel.objects, place.record()) == (before, record)


def test_a_real_server_that_was_never_applied_is_passed_over(place: Kept) -> None:
    data = director(service(80, 1, 2, 3), service(81, 3, 4))

    for how in (DEAD, GONE):
        assert place.set_down(data, {key(80, 2): how}).todo == ()

    assert place.record().down == {}


def test_500_of_1000_go_as_one_batch_and_nobody_else_is_looked_at(tmp_path: Path) -> None:
    place = Kept(tmp_path)
    many = {
        **service(80),
        "real_servers": [{"rip": f"10.0.{n >> 8}.{n & 255}"} for n in range(1000)],
    }
    data = director(many, service(81, 3, 4))
    place.apply(data)
    changes: dict[Key, Down | None] = {
        ("real_server", "tcp", str(VIP), 80, f"10.0.{n >> 8}.{n & 255}", 80): DEAD
        for n in range(500)
    }
    place.kernel = Batches(place.kernel.bare, place.kernel.objects)

    place.set_down(data, changes)

    assert place.kernel.batches == [500]
    there = (it for it in place.kernel.objects.values() if isinstance(it, RealServer))
    assert sorted(it.weight for it in there if it.service == WEB) == [0] * 500 + [1] * 500
    assert place.plan(data).todo == ()


class Batches(FakeKernel):
    """A kernel that counts what it is sent at once."""

    def __init__(self, bare: Host, objects: Objects) -> None:
        super().__init__(bare, objects)
        self.batches: list[int] = []

    def execute(self, changes: Iterable[Change]) -> None:
        todo = tuple(changes)
        self.batches.append(len(todo))
        super().execute(todo)


# --- folded --------------------------------------------------------------------------------------


def test_only_a_service_of_which_one_is_down_is_looked_at(tmp_path: Path) -> None:
    place = Kept(tmp_path)
    data = director(*(service(port, 1, 2) for port in (81, 82, 83)))
    place.apply(data)
    profile = place.profile(data)
    assert isinstance(profile.real_servers, PartlyRead)

    place.set_down(data, {key(82, 0): GONE})

    assert looked_at(place.plan(data)) == {82}
    assert len(place.book.load(folding=True).folded[OWNER]) == 2
    place.set_down(data, {key(82, 0): None})
    assert place.plan(data).todo == ()
    place.apply(data)
    assert looked_at(place.plan(data)) == set()


# --- the record ----------------------------------------------------------------------------------


LIES: dict[str, Any] = {
    "no real server": [[["virtual_server", "tcp", str(VIP), 80], {}]],
    "no key": [[["real_server", "tcp"], {}]],
    "no address": [[["real_server", "tcp", str(VIP), 80, "x", 80], {}]],
    "another key": [[["real_server", "tcp", str(VIP), "80", "192.168.1.20", 80], {}]],
    "no list": {"a": 1},
    "not since": [[list(key(80, 0)), {"since": "1"}]],
    "no action": [[list(key(80, 0)), {"action": "none"}]],
    "a field": [[list(key(80, 0)), {"other": 1}]],
}


@pytest.mark.parametrize("rows", LIES.values(), ids=LIES)
def test_a_record_that_lies_of_who_is_down_is_not_trusted(place: Kept, rows: Any) -> None:
    place.down(0)
    plain = json.loads(place.book.path.read_text())
    whole = {"since": 1, "why": "w", "by": "b", "action": "weight"}
    if isinstance(rows, list):
        rows = [[row, {**whole, **fields}] for row, fields in rows]
    plain["down"] = {OWNER: rows}
    place.book.path.write_text(json.dumps(plain))

    with pytest.raises(CannotRun, match="it is not a record of lvsdr"):
        place.record()


def test_a_record_that_hides_what_was_there_before_who_is_down_is_not_trusted(place: Kept) -> None:
    place.down(0, how=GONE)
    plain = json.loads(place.book.path.read_text())
    del plain["down"]
    place.book.path.write_text(json.dumps(plain))

    with pytest.raises(CannotRun, match="it claims what it has no baseline of"):
        place.record()


def test_the_record_says_who_is_down(place: Kept) -> None:
    place.down(0)

    owner = owner_of(place.profile(TWO))
    assert out_of_service(owner, place.record()).down == {key(80, 0): DEAD}
    assert out_of_service(OWNER, Record()).down == {}


# --- the checkers of others ----------------------------------------------------------------------


def checker(port: int = 80, *numbers: int) -> Checker:
    reals = frozenset((ip_address(f"192.168.1.{20 + n}"), port) for n in numbers)
    return Checker("keepalived", "/etc/k.conf", (CheckedService("tcp", VIP, VIP, port, 0, reals),))


def set_weight(kernel: FakeKernel, name: Key, weight: int) -> None:
    server = kernel.objects[name]
    assert isinstance(server, RealServer)
    kernel.objects[name] = replace(server, weight=weight)


@pytest.mark.parametrize("gone", [True, False])
def test_what_the_checker_of_another_program_has_taken_out_stays_out(
    place: Kept, gone: bool
) -> None:
    if gone:
        place.kernel.lose(key(80, 0))
    else:
        set_weight(place.kernel, key(80, 0), 0)
    assert len(place.plan(TWO).todo) == 1
    place.kernel.checking = (checker(80, 0, 1),)
    weights = place.weights()

    planned = place.plan(TWO)
    assert (planned.todo, planned.drift) == ((), ())
    how = "taken it out" if gone else "set weight 0"
    meanwhile = "not in the table" if gone else "weight 0"
    assert planned.notes == (
        f"real server 192.168.1.20:80 of tcp 192.168.1.2:80 is down (its checker has {how}), by"
        f" keepalived: {meanwhile} until its checker says otherwise",
    )
    for _ in range(2):
        assert place.apply(TWO).todo == ()
        assert place.weights() == weights
        assert place.record().down == {}
    # Where no checker runs for it, it is drift as ever.
    place.kernel.checking = ()
    assert len(place.plan(TWO).todo) == 1


def test_a_checker_of_something_else_takes_nobody_out(place: Kept) -> None:
    set_weight(place.kernel, key(80, 0), 0)

    for each in (checker(80, 1), checker(81, 0, 1)):
        place.kernel.checking = (each,)
        assert signs(place.plan(TWO)) == ["~ 20"]


def test_what_lvsdr_itself_has_set_is_no_checkers(place: Kept) -> None:
    """A standby that was at rest becomes the director."""
    place.apply(director(service(80, 0, 2), service(81, 3, 4)))
    place.kernel.checking = (checker(80, 0, 1),)

    assert signs(place.plan(TWO)) == ["~ 20"]


def test_a_table_that_is_made_anew_has_all_real_servers(tmp_path: Path) -> None:
    place = Kept(tmp_path)
    place.kernel.checking = (checker(80, 0, 1), checker(81, 0, 1))

    place.apply(TWO)

    assert place.weights() == {"20": 1, "21": 2}


def test_a_table_of_a_checkers_is_taken_over_as_it_is(tmp_path: Path) -> None:
    place = Kept(tmp_path)
    there = [VirtualServer(WEB), RealServer(WEB, ip_address("192.168.1.21"), 80, 2)]
    place.kernel.objects.update(keyed(there))
    before = place.kernel.objects.copy()
    place.kernel.checking = (checker(80, 0, 1),)

    place.apply(TWO)

    assert place.weights() == {"21": 2}
    assert place.apply(TWO).todo == ()
    withdraw(OWNER, place.kernel, place.book)
    assert place.kernel.objects == before


# --- whatever happens, it ends as wanted ---------------------------------------------------------


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *("down", "gone", "up", "down_all", "up_all", "drain", "undrain"),
                *("apply", "weight", "withdraw", "standby", "refuse"),
                *("kill", "kill", "one_less", "heavier", "lost"),
            )
        ),
        st.integers(0, 10_000),
    ),
    min_size=2,
    max_size=14,
)


# Who is back comes behind the rest of its service, and something else between.
@example([("gone", 0), ("apply", 0), ("down", 0)])
@example([("apply", 0), ("standby", 0), ("apply", 0), ("withdraw", 0)])
@times(75, 2000)
@given(STEPS)
def test_whatever_happens_the_next_apply_ends_as_wanted(steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0)
        with TemporaryDirectory() as one, TemporaryDirectory() as two:
            worlds = World(Path(one), partly=True), World(Path(two), partly=False)
            for step, number in steps:
                ends = [world.step(step, number) for world in worlds]
                assert ends[0] == ends[1], step
                assert worlds[0].objects == worlds[1].objects, step
            for world in worlds:
                world.step("apply", 0)
                world.must_be_as_wanted()
                world.step("withdraw", 0)
                # What others have taken away since is theirs.
                assert world.meddled or world.objects == world.first


class World:
    """A host, and what is to be true of it."""

    def __init__(self, root: Path, *, partly: bool) -> None:
        self.place = Kept(root, partly=partly)
        there = [VirtualServer(MORE, "rr"), RealServer(MORE, ip_address("192.168.1.21"), 81, 9)]
        self.place.kernel.objects.update(keyed(there))
        self.first = self.objects
        self.data: Data = json.loads(json.dumps(TWO))
        self.applied = self.whole = self.meddled = False

    @property
    def objects(self) -> Objects:
        return dict(self.place.kernel.objects)

    def step(self, step: str, number: int) -> object:
        try:
            done = getattr(self, f"_{step}", self._meddle)(step, number)
        except (CannotRun, KernelError) as refused:
            return type(refused), refused.message
        finally:
            self.place.kernel.refuse = ()
        if self.whole:
            self.must_be_as_wanted()
        return done

    def must_be_as_wanted(self) -> None:
        """Compare the table with what the record says of who is out, each real server by itself."""
        record, kernel = self.place.record(), self.place.kernel
        drained, down = record.drained.get(OWNER, ()), record.down.get(OWNER, {})
        for each in self.data["virtual_servers"]:
            wanted = {}
            for server in each["real_servers"]:
                name = key(each["port"], int(server["rip"].rpartition(".")[2]) - 20)
                if name not in down or down[name].action == WEIGHT:
                    out = name in down or name in drained
                    wanted[str(name[-2])] = 0 if out else server["weight"]
            if each["port"] == 80 and not any(wanted.values()):
                wanted[str(SORRY.rip)] = 1
            there = (it for it in kernel.objects.values() if isinstance(it, RealServer))
            seen = {str(it.rip): it.weight for it in there if it.service.port == each["port"]}
            assert seen == wanted
        plan = plan_apply(self.place.profile(self.data), kernel, self.place.book)
        assert plan.todo == ()

    def _changes(self, step: str, number: int) -> dict[Key, Down | None]:
        chosen = random.Random(number)
        keys = [key(port, one) for port in (80, 81) for one in (0, 1)]
        some = keys if step.endswith("all") else chosen.sample(keys, chosen.randint(1, 2))
        how = {"down": DEAD, "gone": GONE, "down_all": chosen.choice((DEAD, GONE))}.get(step)
        return dict.fromkeys(some, how)

    def _mark(self, step: str, number: int) -> object:
        changes = self._changes(step, number)
        return sorted(map(str, self.place.set_down(self.data, changes).todo))

    _down = _gone = _up = _down_all = _up_all = _mark

    def _drain(self, step: str, number: int) -> object:
        profile, rip = self.place.profile(self.data), f"192.168.1.{20 + number % 2}"
        here = draining.real_servers_at(profile, rip, (), self.place.book)
        undo, kernel = step == "undrain", self.place.kernel
        done = draining.drain(profile, here, kernel, self.place.book, undo=undo)
        return sorted(map(str, done.todo))

    _undrain = _drain

    def _apply(self, step: str, number: int) -> object:
        done = self.place.apply(self.data)
        self.applied = self.whole = True
        return sorted(map(str, done.todo))

    def _weight(self, step: str, number: int) -> object:
        chosen = random.Random(number)
        chosen.choice(chosen.choice(self.data["virtual_servers"])["real_servers"])["weight"] = (
            number % 3
        )
        self.whole = False
        return None

    def _withdraw(self, step: str, number: int) -> object:
        profile = self.place.profile(self.data, down=True)
        done = withdraw(profile, self.place.kernel, self.place.book)
        self.applied = self.whole = False
        return sorted(map(str, done.whole.todo))

    def _standby(self, step: str, number: int) -> object:
        if not self.applied:
            return None
        kernel, book = self.place.kernel, self.place.book
        situation = plan_standby(self.place.profile(self.data), kernel, book)
        converge(situation, kernel, book)
        self.first = self.objects
        self.applied = self.whole = False
        return sorted(map(str, situation.todo))

    def _refuse(self, step: str, number: int) -> object:
        before, record = self.objects, self.place.record()
        self.place.kernel.refuse = {len(self.place.kernel.sent) + number % 3}
        try:
            return self._mark("down_all" if number % 2 else "up_all", number)
        except KernelError as refused:
            assert (self.objects, self.place.record()) == (before, record)
            return type(refused)

    def _kill(self, step: str, number: int) -> object:
        chosen = random.Random(number)
        what = chosen.choice(("down", "gone", "up", "down_all", "up_all", "apply"))
        profile, kernel, book = self.place.profile(self.data), self.place.kernel, self.place.book
        if what == "apply":
            planned = plan_apply(profile, kernel, book)
        else:
            planned = health_state.plan_down(profile, self._changes(what, number), kernel, book)
        book.save(planned.record_before)
        self.whole = False
        self.applied = self.applied or what == "apply"
        todo = sorted(planned.todo, key=lambda change: (change.subject.layer, str(change.key)))
        kernel.execute(todo[: number % (len(todo) + 1)])
        return what

    def _meddle(self, step: str, number: int) -> object:
        there = (it for it in self.objects.values() if isinstance(it, RealServer))
        servers = sorted(there, key=lambda it: str(it.key))
        if servers and self.applied:
            server, kernel = servers[number % len(servers)], self.place.kernel
            self.whole, self.meddled = False, True
            if step == "one_less":
                kernel.lose(server.key)
            elif step == "heavier":
                kernel.objects[server.key] = replace(server, weight=server.weight + 1)
            else:
                kernel.lose_service(server.parent_key)
        return None
