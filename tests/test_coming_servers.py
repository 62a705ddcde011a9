"""Real servers of a table that is new are planned together: never otherwise than one by one."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_interface
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import given

from fake import FakeKernel, FakeSession, host
from fuzz.profiles import directors, hosts, times
from lvsdr.cli import director_verbs
from lvsdr.core import list_fingerprints
from lvsdr.core.book import Book
from lvsdr.core.coming_servers import plan_together
from lvsdr.core.list_fingerprints import Fingerprints
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.record import Record
from lvsdr.core.record_text import text_of
from lvsdr.core.situation import Situation
from lvsdr.core.workflow import apply
from lvsdr.errors import KernelError, LvsdrError, NotConverged
from lvsdr.kernel.netlink import ipvs_dump, ipvs_fingerprints
from lvsdr.kernel.netlink.netlink_messages import Refused
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.kernel.tables import ipvs_batch
from lvsdr.kernel.tables.carrying_out import CarryingOut
from lvsdr.model.change import Change, Plan
from lvsdr.model.folded_servers import ReadInColumns, in_columns
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Address, Key
from lvsdr.model.profile import DirectorProfile
from lvsdr.model.servers_in_columns import ServersInColumns, each_by_its_key, one_by_one
from lvsdr.profile import reader
from lvsdr.profile.reader import director_fields, read
from lvsdr.render import json_documents, shell_commands, text
from lvsdr.render.results import Applied, Planned
from test_cli import DIP

Data = dict[str, Any]
VIP = "192.168.1.2"


DIP6 = Address("eth0", ip_interface("2001:db8::100/64"))


def here() -> FakeKernel:
    """Return a host that can be a director of both families."""
    return host(DIP, DIP6)


@pytest.fixture(autouse=True)
def small_is_large() -> Iterator[None]:
    """Plan small tables as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0)
        patch.setattr(director_fields, "MANY", 1)
        patch.setattr(list_fingerprints, "MANY", 1)
        yield


def table(seed: int, services: int = 12, most: int = 30) -> Data:
    """Return a profile whose virtual servers differ in all that they can; the same each time."""
    chosen = random.Random(seed)
    return {
        "role": "director",
        "name": "big",
        "interface": "eth0",
        "vips": [{"address": VIP}, {"address": "2001:db8::2"}],
        "virtual_servers": [_service(chosen, port, most) for port in range(80, 80 + services)],
        "timeouts": {"tcp": 30},
    }


def _service(chosen: random.Random, port: int, most: int) -> Data:
    six = chosen.random() < 0.3
    count = chosen.choice([0, 1, 2, most])
    if chosen.random() < 0.2:
        named: Data = {"fwmark": port}
        six = six and count > 0
    else:
        named = {"vip": "2001:db8::2" if six else VIP, "protocol": "tcp", "port": port}
    places = chosen.sample(range(1, 250), count)
    return {
        **named,
        "scheduler": chosen.choice(["rr", "wlc", "mh"]),
        "real_servers": [_real_server(chosen, place, six, "port" in named) for place in places],
    }


def _real_server(chosen: random.Random, place: int, six: bool, ported: bool) -> Data:
    made: Data = {"rip": f"2001:db8:9::{place:x}" if six else f"10.9.1.{place}"}
    if chosen.random() < 0.8:
        made["weight"] = chosen.choice([0, 1, 7, 65535, 70_000])
    method = chosen.choice(["dr", "tunnel", "masquerade", ""])
    if method:
        made["forwarding_method"] = method
    if method == "masquerade" and ported and chosen.random() < 0.5:
        made["port"] = chosen.randrange(1, 65536)
    if method == "tunnel" and chosen.random() < 0.5:
        made |= {"tunnel_type": "gue", "tunnel_port": chosen.choice([6080, 6081])}
    if chosen.random() < 0.3:
        made |= {"upper_threshold": 1 << 20, "lower_threshold": chosen.randrange(9)}
    return made


def profile_of(data: Data, root: Path) -> DirectorProfile:
    path = root / "big.json"
    path.write_text(json.dumps(data))
    made = read(path, "director")
    assert isinstance(made, DirectorProfile)
    return made


def both(data: Data, root: Path) -> tuple[DirectorProfile, Situation, Situation]:
    """Return a profile, and what is planned together and one by one."""
    profile, book = profile_of(data, root), Book("test", root / "run")
    plans = (plan_together, plan_apply)
    together, alone = (make(profile, here(), book) for make in plans)
    assert any(map(in_columns, together.desired.values()))
    return profile, together, alone


class Wire:
    """Takes batches, and refuses some of their requests; has all that it was sent."""

    family = 33

    def __init__(self, most_bytes: int, most_requests: int, refused: Collection[int] = ()) -> None:
        self.most_bytes, self.most_requests = most_bytes, most_requests
        self.sends: list[bytes] = []
        self._refused = refused
        self._number = 0

    def sequence(self, count: int = 1) -> int:
        self._number += count
        return self._number - count + 1

    def batch(self, packed: bytes) -> Mapping[int, Refused]:
        first = int.from_bytes(packed[8:12], "little") if packed else 0
        self.sends.append(bytes(packed))
        numbers = range(first, self._number + 1)
        return {number: Refused(17, "") for number in numbers if number in self._refused}


def servers_in(plan: Plan) -> list[Change]:
    return [each for each in plan if ipvs_batch.takes(each)]


def socket(wire: Wire) -> GenericSocket:
    return cast("GenericSocket", wire)


def same(together: Situation, alone: Situation) -> None:
    """Hold all that is shown and written of the two against each other."""
    assert one_by_one(together.todo) == alone.todo
    assert list(each_by_its_key(together.desired).items()) == list(alone.desired.items())
    assert together.whole.todo == alone.todo
    assert list(together.whole.desired) == list(alone.desired)
    assert (together.observed, together.baseline) == (alone.observed, alone.baseline)
    for show in (text.lines, json_documents.lines, shell_commands.lines):
        shown = [
            [*show(Planned(each.todo, each.drift)), *show(Applied(each.todo))]
            if show is not shell_commands.lines
            else [*show(Planned(each.todo, each.drift))]
            for each in (together, alone)
        ]
        assert shown[0] == shown[1]


def written(record: Record) -> str:
    return "".join(text_of(record, {"format": "f"}, None))


@pytest.mark.parametrize("seed", range(12))
def test_what_is_planned_shown_and_written_is_the_same(seed: int, tmp_path: Path) -> None:
    profile, together, alone = both(table(seed), tmp_path)

    same(together, alone)

    assert isinstance(profile.real_servers, ReadInColumns)
    listed = Fingerprints(here())
    before = together.record_before, alone.record_before
    assert written(before[0]) == written(before[1])
    after = [
        each.record_after(first, listed)
        for each, first in zip((together, alone), before, strict=True)
    ]
    assert written(after[0]) == written(after[1])
    assert '"columns"' in written(after[0])


@given(data=directors(), kernel=hosts())
@times(40, 2000)
def test_any_profile_is_planned_together_as_one_by_one(data: Data, kernel: FakeKernel) -> None:
    with TemporaryDirectory() as root:
        profile, book = profile_of({**data, "name": "big"}, Path(root)), Book("test", Path(root))
        try:
            alone = plan_apply(profile, kernel, book)
        except LvsdrError as refused:
            with pytest.raises(type(refused)) as told:
                plan_together(profile, kernel, book)
            assert told.value.message == refused.message
            return
        together = plan_together(profile, kernel, book)
        same(together, alone)
        listed = Fingerprints(kernel)
        before = together.record_before, alone.record_before
        assert written(before[0]) == written(before[1])
        after = together.record_after(before[0], listed), alone.record_after(before[1], listed)
        assert written(after[0]) == written(after[1])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("most_bytes", "most_requests"), [(1 << 18, 2047), (1000, 2047), (1 << 18, 7), (1, 1)]
)
def test_what_is_sent_is_the_same_to_the_byte(
    seed: int, most_bytes: int, most_requests: int, tmp_path: Path
) -> None:
    _, together, alone = both(table(seed), tmp_path)
    wires = [Wire(most_bytes, most_requests) for _ in range(2)]

    for wire, each in zip(wires, (together, alone), strict=True):
        ipvs_batch.execute(socket(wire), servers_in(each.todo), lambda *_: None)

    assert wires[0].sends == wires[1].sends
    assert sum(map(len, wires[0].sends)) > 1000


@pytest.mark.parametrize("seed", range(6))
def test_whoever_is_refused_is_named_as_by_himself(seed: int, tmp_path: Path) -> None:
    _, together, alone = both(table(seed), tmp_path)
    count = len(servers_in(alone.todo))
    chosen = random.Random(seed).sample(range(1, count + 1), 9)

    told = []
    for each in (together, alone):
        wire = Wire(2000, 100, chosen)
        refused = ipvs_batch.attempt(socket(wire), servers_in(each.todo), lambda *_: None)
        told.append([(it.message, it.errno, it.hints, it.notes) for it in refused])
        with pytest.raises(KernelError) as first:
            ipvs_batch.execute(
                socket(Wire(2000, 100, chosen)), servers_in(each.todo), lambda *_: None
            )
        told[-1].append((first.value.message, first.value.errno, [], []))

    assert told[0] == told[1]
    assert len(told[0]) == len(chosen) + 1


@pytest.mark.parametrize("seed", range(12))
def test_they_are_known_where_the_kernel_lists_them_as_by_themselves(
    seed: int, tmp_path: Path
) -> None:
    profile, _, _ = both(table(seed), tmp_path)
    assert isinstance(profile.real_servers, ReadInColumns)

    for each in profile.real_servers.pieces:
        alone = ipvs_dump.all_listed_bytes(each.objects)
        assert ipvs_fingerprints.fingerprint(each) == ipvs_fingerprints.fingerprint(each.objects)
        assert ipvs_fingerprints.fingerprint(each.objects[1:]) != ipvs_fingerprints.fingerprint(
            each
        )
        assert len(alone) == len(each)
        assert [each.at(place) for place in range(len(each))] == list(each)


# --- carried out ---------------------------------------------------------------------------------


def ended(data: Data, root: Path, together: bool, **how: Any) -> tuple[Any, ...]:
    """Return what an apply told, and what it left on the host and on disk."""
    kernel = here()
    for name, value in how.items():
        setattr(kernel, name, value)
    book, told = Book("test", root / f"run{together}"), ""
    profile = profile_of(data, root)
    plan_it = plan_together if together else plan_apply
    session = FakeSession(kernel, root)
    try:
        apply(profile, kernel, book, session.announcer, plan_it)
    except LvsdrError as failure:
        told = repr((type(failure), failure.message, failure.notes, failure.hints))
    record = book.path.read_text() if book.path.exists() else ""
    return told, kernel.objects, kernel.sent, record


def test_an_apply_leaves_the_same_host_and_the_same_record(tmp_path: Path) -> None:
    found = [ended(table(3), tmp_path, together) for together in (True, False)]

    assert found[0] == found[1]
    assert not found[0][0]
    assert '"columns"' in found[0][3]


@pytest.mark.parametrize("refused", [0, 5, 14, 20, 60])
def test_a_refusal_is_told_and_undone_as_one_by_one(refused: int, tmp_path: Path) -> None:
    found = [ended(table(3), tmp_path, it, refuse=[refused]) for it in (True, False)]

    assert found[0] == found[1]
    assert "the host is as it was" in found[0][0]
    assert not found[0][3]


@pytest.mark.parametrize("lost", [14, 20, 60])
def test_what_the_kernel_has_not_taken_is_named(lost: int, tmp_path: Path) -> None:
    found = [ended(table(3), tmp_path, it, forget=[lost]) for it in (True, False)]

    assert found[0] == found[1]
    assert "the kernel took every change, and yet the host differs" in found[0][0]
    assert NotConverged.__name__ in found[0][0]


def test_how_far_it_is_counts_each_of_them(tmp_path: Path) -> None:
    _, together, alone = both(table(3), tmp_path)
    wires = Wire(2000, 9), Wire(2000, 9)
    counts: list[list[tuple[int, int]]] = []

    for wire, each in zip(wires, (together, alone), strict=True):
        seen: list[tuple[int, int]] = []
        sockets = type("Sockets", (), {"ipvs": wire})()
        under_way = CarryingOut(sockets, lambda _: None, each.todo)
        send = wire.batch

        def batch(
            packed: bytes, send: Any = send, seen: Any = seen, under_way: Any = under_way
        ) -> Mapping[int, Refused]:
            seen.append(under_way.sent)
            found: Mapping[int, Refused] = send(packed)
            return found

        wire.batch = batch  # type: ignore[method-assign]
        under_way.execute()
        counts.append([*seen, under_way.sent])

    assert counts[0] == counts[1]
    assert counts[0][-1] == (len(alone.todo), len(alone.todo))
    assert len(counts[0]) > 10


# --- where they are not planned together ---------------------------------------------------------


def planned(data: Data, root: Path, kernel: FakeKernel | None = None) -> Situation:
    return plan_together(profile_of(data, root), kernel or here(), Book("test", root / "run"))


def together_in(situation: Situation) -> bool:
    return any(map(in_columns, situation.desired.values()))


def test_a_service_that_is_there_is_looked_at_one_by_one(tmp_path: Path) -> None:
    data, kernel = table(3), here()
    alone = plan_apply(profile_of(data, tmp_path), kernel, Book("test", tmp_path / "run"))
    filled = next(item for item in alone.desired.values() if isinstance(item, RealServer))
    service = VirtualServer(filled.service, "sh")
    kernel.objects |= {service.key: service, filled.key: filled}

    found = planned(data, tmp_path, kernel)

    assert not together_in(found)
    assert (
        found.todo
        == plan_apply(profile_of(data, tmp_path), kernel, Book("test", tmp_path / "run")).todo
    )
    assert filled.key not in {each.key for each in found.todo}


def test_what_the_record_knows_is_looked_at_one_by_one(tmp_path: Path) -> None:
    data, kernel = table(3), here()
    assert not ended(data, tmp_path, True)[0]
    kernel.objects = here().objects

    (tmp_path / "runTrue").rename(tmp_path / "run")

    assert not together_in(planned(data, tmp_path, kernel))
    # Of another name, it is another profile of the same real servers.
    other = {**data, "name": "other", "vips": data["vips"]}
    assert not together_in(planned(other, tmp_path, kernel))


def test_what_a_run_that_was_killed_was_about_to_do_is_looked_at_one_by_one(
    tmp_path: Path,
) -> None:
    data, book = table(3), Book("test", tmp_path / "run")
    profile, together, _ = both(data, tmp_path)
    with book.locked(1.0):
        book.save(together.record_before)

    found = planned(data, tmp_path)

    assert not together_in(found)
    assert found.todo == plan_apply(profile, here(), book).todo


SPARED = {
    "vip": VIP,
    "protocol": "tcp",
    "port": 79,
    "sorry_server": {"rip": "10.9.9.9"},
    "real_servers": [{"rip": "10.9.9.1", "weight": 0}],
}


@pytest.mark.parametrize("spared", [False, True])
def test_where_a_table_is_anothers_or_somebody_stands_in_each_is_looked_at(
    spared: bool, tmp_path: Path
) -> None:
    data = table(3) if spared else {**table(3), "table_owner": "keepalived"}
    data["virtual_servers"] += [SPARED] if spared else []

    found = planned(data, tmp_path)

    assert not together_in(found)
    assert (
        found.todo
        == plan_apply(profile_of(data, tmp_path), here(), Book("test", tmp_path / "run")).todo
    )


def test_those_of_two_families_are_planned_by_themselves(tmp_path: Path) -> None:
    data = table(3)
    servers = [{"rip": "10.9.1.1"}, {"rip": "2001:db8:9::1", "forwarding_method": "tunnel"}]
    data["virtual_servers"].append(
        {"vip": VIP, "protocol": "tcp", "port": 8080, "real_servers": servers}
    )

    profile, together, alone = both(data, tmp_path)

    same(together, alone)
    single = [it for it in together.desired.values() if isinstance(it, RealServer)]
    assert [it.key[-2] for it in single] == ["10.9.1.1", "2001:db8:9::1"]
    assert isinstance(profile.real_servers, ReadInColumns)
    found = [ended(data, tmp_path, it) for it in (True, False)]
    assert found[0] == found[1]


# --- the guard -----------------------------------------------------------------------------------


class PackingKernel(FakeKernel):
    """A fake kernel whose real servers are what was sent: known by their bytes, never objects."""

    def __init__(self, plain: FakeKernel) -> None:
        super().__init__(plain.bare, plain.objects)
        self.filled: dict[Key, ServersInColumns] = {}
        self.count = 0

    def execute(self, changes: Iterable[Change]) -> None:
        todo = tuple(changes)
        sent = ipvs_batch.batches(socket(Wire(1 << 18, 2047)), servers_in(todo))
        self.count += sum(
            1 if isinstance(each, tuple) else len(each) for some in sent for each in some
        )
        filling = [each.after for each in todo if in_columns(each.after)]
        self.filled |= {each.service.key: each for each in filling}
        super().execute([each for each in todo if not in_columns(each.after)])

    def fingerprint(self, servers: Iterable[RealServer]) -> str:
        return ipvs_fingerprints.fingerprint(servers)

    def fingerprints(self, services: Iterable[Service]) -> dict[Key, str]:
        return {each.key: self.fingerprint(self.filled[each.key]) for each in services}


@contextmanager
def no_objects() -> Iterator[None]:
    """Let nobody make an object of a real server in the block."""

    def refuse(*_: object) -> Sequence[RealServer]:
        raise AssertionError("a real server has become an object")

    with pytest.MonkeyPatch.context() as patch:
        # One alone is what a send is named by where it fails as a whole.
        patch.setattr(ServersInColumns, "objects", property(refuse))
        yield


def test_a_first_apply_makes_no_object_of_a_real_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = PackingKernel(here())
    session, path = FakeSession(kernel, tmp_path), tmp_path / "big.json"
    path.write_text(json.dumps(table(3)))
    every = sum(len(each["real_servers"]) for each in table(3)["virtual_servers"])

    with no_objects():
        assert director_verbs.plan(session, path, "director") == 1
        planned_lines = capsys.readouterr().out.splitlines()
        assert director_verbs.apply(session, path, "director") == 0

    lines = capsys.readouterr().out.splitlines()
    assert sum(" of " in line for line in lines) == every
    assert [line for line in lines if not line.startswith("announced")] == planned_lines
    assert kernel.count >= every + len(table(3)["virtual_servers"])
    assert sum(map(len, kernel.filled.values())) == every
    # And what the guard would see.
    with no_objects(), pytest.raises(AssertionError, match="has become an object"):
        list(next(iter(kernel.filled.values())))
