"""Real servers that are known by fingerprints: never otherwise than if each had been looked at."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_interface
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fake import FakeKernel, FakeSession, host
from fuzz.profiles import times
from lvsdr.core import book as books
from lvsdr.core import draining
from lvsdr.core.book import Book
from lvsdr.core.folding import known_texts
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.record import Record
from lvsdr.core.situation import Situation
from lvsdr.core.withdrawal import plan_withdrawal
from lvsdr.core.workflow import apply, withdraw
from lvsdr.errors import LvsdrError
from lvsdr.model.change import Change
from lvsdr.model.compact_objects import to_rows
from lvsdr.model.folded_servers import Mark, PartlyRead
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Address, Key
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile import reader
from lvsdr.profile.reader import quick_director, read
from lvsdr.profile.reader.service_texts import ServiceTexts, UnlikeError
from test_cli import DIP

Data = dict[str, Any]
WEB = Service("tcp", ip_address("192.168.1.2"), 80)


@pytest.fixture(autouse=True)
def small_is_large() -> Iterator[None]:
    """Read small profiles as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0)
        yield


def service(port: int, *weights: int, **fields: Any) -> Data:
    servers = [{"rip": f"192.168.1.{20 + n}", "weight": w} for n, w in enumerate(weights)]
    return {
        "vip": "192.168.1.2",
        "protocol": "tcp",
        "port": port,
        "real_servers": servers,
        **fields,
    }


def director(*services: Data, name: str = "web", **fields: Any) -> Data:
    return {
        "role": "director",
        "name": name,
        "interface": "eth0",
        "vips": [{"address": "192.168.1.2"}],
        "virtual_servers": list(services),
        **fields,
    }


class Place:
    """A host, its record, and profiles of it, read partly or as a whole."""

    def __init__(self, root: Path, *, partly: bool = True) -> None:
        self.kernel: FakeKernel = host(DIP)
        self.kernel.needs_services = True
        self.session = FakeSession(self.kernel, root / "run")
        self.book: Book = self.session.book()
        self.partly = partly
        self._root = root

    def profile(self, data: Data, *, down: bool = False, **written: Any) -> DirectorProfile:
        return self.text(json.dumps(data, **written), data["name"], down=down)

    def text(self, text: str, name: str = "web", *, down: bool = False) -> DirectorProfile:
        path = self._root / f"{name}.json"
        path.write_text(text)
        known = (lambda: known_texts(self.book, down=down)) if self.partly else list
        with pytest.MonkeyPatch.context() as patch:
            if not self.partly:
                patch.setattr(reader, "LARGE", 1 << 30)
            made = read(path, "director", known=known)
        assert isinstance(made, DirectorProfile)
        return made

    def apply(self, data: Data, **written: Any) -> Situation:
        profile = self.profile(data, **written)
        return apply(profile, self.kernel, self.book, self.session.announcer)

    def apply_whole(self, data: Data, **written: Any) -> Situation:
        """Apply the profile as one that is small, or in TOML."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reader, "LARGE", 1 << 30)
            return self.apply(data, **written)

    def plan(self, data: Data) -> Situation:
        return plan_apply(self.profile(data), self.kernel, self.book)


def test_a_run_that_has_nothing_to_do_leaves_the_record_on_disk_alone(tmp_path: Path) -> None:
    place, data = Place(tmp_path), director(service(80, 1, 2), service(81, 3))
    place.apply(data)
    written = written_when(place.book.path)

    assert place.apply(data).todo == ()
    assert isinstance(place.profile(data).real_servers, PartlyRead)

    assert written_when(place.book.path) == written
    assert place.apply(director(service(80, 1, 2), service(81, 4))).todo != ()
    assert written_when(place.book.path) != written


def written_when(path: Path) -> tuple[int, ...]:
    """Return which file it is and when it was written; when it was read is another matter."""
    seen = path.stat()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def looked_at(situation: Situation) -> set[int]:
    """Return the ports of the services whose real servers were made into objects."""
    items = situation.desired.values()
    return {item.service.port for item in items if isinstance(item, RealServer)}


THREE = director(service(80, 1, 2), service(81, 3, 3, 4), service(82, 5))
OTHER = director(service(80, 1, 2), service(81, 3, 9, 4), service(82, 5))
SECOND = director(service(81, 3, 3, 4), name="second")


def test_what_is_as_it_was_left_is_not_looked_at(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert looked_at(place.apply(THREE)) == {80, 81, 82}

    again = place.apply(THREE)

    assert looked_at(again) == set()
    assert (again.todo, again.drift) == ((), ())
    assert len(place.book.load().claims["director:web"]) == 3 + 6 + 1


def test_of_a_changed_profile_only_what_changed_is_looked_at(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)

    changed = place.apply(director(service(80, 1, 2), service(81, 3, 9, 4), service(82, 5)))

    assert looked_at(changed) == {81}
    assert [change.sign for change in changed.todo] == ["~"]
    assert looked_at(place.apply(THREE)) == {81}


def servers_of(kernel: FakeKernel, port: int) -> list[RealServer]:
    items = kernel.objects.values()
    return [it for it in items if isinstance(it, RealServer) and it.service.port == port]


def heavier(kernel: FakeKernel) -> None:
    server = servers_of(kernel, 81)[0]
    kernel.objects[server.key] = replace(server, weight=99)


def one_less(kernel: FakeKernel) -> None:
    kernel.lose(servers_of(kernel, 81)[1].key)


def one_more(kernel: FakeKernel) -> None:
    server = servers_of(kernel, 81)[0]
    strange = RealServer(server.service, server.rip, 8080)
    kernel.objects[strange.key] = strange


@pytest.mark.parametrize(("happens", "signs"), [(heavier, "~"), (one_less, "+"), (one_more, "")])
def test_what_others_do_to_a_service_is_looked_at(
    tmp_path: Path, happens: Callable[[FakeKernel], None], signs: str
) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    happens(place.kernel)

    planned = place.plan(THREE)

    assert looked_at(planned) == {81}
    assert "".join(change.sign for change in planned.todo) == signs
    assert len(planned.drift) == len(signs)


def test_a_service_that_is_gone_is_made_again_with_its_real_servers(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    place.kernel.lose_service(servers_of(place.kernel, 81)[0].parent_key)

    assert [change.sign for change in place.apply(THREE).todo] == ["+"] * 4
    assert len(servers_of(place.kernel, 81)) == 3


def test_a_scheduler_that_others_changed_goes_back_though_the_real_servers_rest(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    key = servers_of(place.kernel, 81)[0].parent_key
    spread = place.kernel.objects[key]
    assert isinstance(spread, VirtualServer)
    place.kernel.objects[key] = replace(spread, scheduler="sh")

    again = place.apply(THREE)

    assert looked_at(again) == set()
    assert [change.after for change in again.todo] == [spread]


def test_a_record_that_has_changed_since_the_profile_was_read_is_heeded(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    profile = place.profile(THREE)
    assert isinstance(profile.real_servers, PartlyRead)
    place.apply(director(service(80, 1, 2), service(81, 7, 7, 7), service(82, 5)))
    place.profile(THREE)

    planned = plan_apply(profile, place.kernel, place.book)

    assert [change.sign for change in planned.todo] == ["~"] * 3


def test_a_profile_that_is_changed_while_it_is_read_in_part_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    profile = place.profile(THREE)
    place.apply(OTHER)

    with pytest.raises(LvsdrError, match="it was changed meanwhile"):
        plan_apply(profile, place.kernel, place.book)

    assert [each.weight for each in servers_of(place.kernel, 81)] == [3, 9, 4]


def drained(place: Place) -> None:
    profile = place.profile(THREE)
    servers = draining.real_servers_at(profile, "192.168.1.20", ["tcp:192.168.1.2:81"], place.book)
    draining.drain(profile, servers, place.kernel, place.book)


def cut_off(place: Place) -> None:
    place.book.save(place.plan(OTHER).record_before)


def shared(place: Place) -> None:
    place.apply(SECOND)


@pytest.mark.parametrize(
    ("happens", "ports"), [(drained, set()), (cut_off, {80, 81, 82}), (shared, {81})]
)
def test_what_is_not_settled_is_looked_at(
    tmp_path: Path, happens: Callable[[Place], None], ports: set[int]
) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    happens(place)

    assert looked_at(place.plan(THREE)) == ports


def test_what_is_drained_is_known_as_it_is_now(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    drained(place)

    marks = place.book.load().marks["director:web"]

    for key, mark in marks.items():
        assert mark.listed == place.kernel.fingerprint(servers_of(place.kernel, int(key[2])))


def test_a_withdraw_reads_nothing_of_a_profile_that_is_as_it_was(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    drained(place)
    profile = place.profile(THREE, down=True)
    assert isinstance(profile.real_servers, PartlyRead)
    profile.real_servers.whole = pytest.fail  # type: ignore[method-assign]

    situation = withdraw(profile, place.kernel, place.book)

    assert len(profile.real_servers.unread) == 3
    assert {change.sign for change in situation.todo} == {"-"}
    assert len(situation.todo) == 3 + 1
    assert [each.mark.count for each in situation.going] == [2, 3, 1]
    assert len(situation.whole.todo) == 3 + 6 + 1
    assert place.kernel.objects == host(DIP).objects


def test_until_it_is_withdrawn_what_is_drained_stays_so(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    drained(place)
    situation = plan_withdrawal(place.profile(THREE, down=True), place.kernel, place.book)

    # Killed before its end, it has nothing to write before it begins.
    assert situation.record_before == situation.record
    assert situation.record.drained

    withdraw(place.profile(THREE, down=True), place.kernel, place.book)
    assert place.book.load() == Record()


def test_a_withdraw_leaves_the_service_in_which_others_have_a_real_server(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    one_more(place.kernel)

    situation = withdraw(place.profile(THREE), place.kernel, place.book)

    assert [each.item.title for each in situation.in_use] == ["tcp 192.168.1.2:81"]
    assert len(servers_of(place.kernel, 81)) == 1


def other_text(place: Place) -> None:
    place.apply_whole(OTHER)


def drained_and_back(place: Place, *, anew: bool = False) -> None:
    """Let a drain take the weight of a profile that is not applied; `anew`, each a process."""
    profile = place.profile(OTHER)
    servers = draining.real_servers_at(profile, "192.168.1.21", ["tcp:192.168.1.2:81"], place.book)
    for undo in (False, True):
        if anew:
            books._LAST.clear()
        draining.drain(profile, servers, place.kernel, place.book, undo=undo)


@pytest.mark.parametrize("happens", [other_text, drained_and_back])
def test_a_text_that_comes_back_is_read_where_another_was_heeded_in_between(
    tmp_path: Path, happens: Callable[[Place], None]
) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    happens(place)
    assert [each.weight for each in servers_of(place.kernel, 81)] == [3, 9, 4]

    place.apply(THREE)

    assert [each.weight for each in servers_of(place.kernel, 81)] == [3, 3, 4]


@pytest.mark.parametrize("anew", [True, False])
@pytest.mark.parametrize("later", [True, False])
def test_who_is_back_with_another_weight_is_looked_at_though_another_stays_drained(
    tmp_path: Path, anew: bool, later: bool
) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    drained(place)
    # Its weight is 9 there, and this is not applied.
    drained_and_back(place, anew=anew)
    if later:
        books._LAST.clear()
    assert [each.weight for each in servers_of(place.kernel, 81)] == [0, 9, 4]

    again = place.apply(THREE)

    assert looked_at(again) == {81}
    assert [each.weight for each in servers_of(place.kernel, 81)] == [0, 3, 4]
    assert looked_at(place.plan(THREE)) == set()


def test_who_is_drained_is_said_though_nothing_of_it_is_looked_at(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    drained(place)

    situation = place.apply(THREE)

    assert (looked_at(situation), situation.todo) == (set(), ())
    (note,) = situation.notes
    assert note.startswith("real server 192.168.1.20:81 of tcp 192.168.1.2:81 is drained: weight 0")


def test_of_what_is_drained_a_weight_that_others_gave_is_looked_at(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    drained(place)
    (server, *_) = servers_of(place.kernel, 81)
    place.kernel.objects[server.key] = replace(server, weight=5)

    situation = place.apply(THREE)

    assert looked_at(situation) == {81}
    assert [each.weight for each in servers_of(place.kernel, 81)] == [0, 3, 4]


def test_what_was_there_before_is_looked_at(tmp_path: Path) -> None:
    place, before = Place(tmp_path), Place(tmp_path / "before")
    before.book.root.parent.mkdir()
    before.apply(director(service(81, 7, 7, 7)))
    place.kernel.objects.update(before.kernel.objects)
    place.apply(THREE)

    assert looked_at(place.plan(THREE)) == {81}
    withdraw("director:web", place.kernel, place.book)
    assert place.kernel.objects == before.kernel.objects


def test_where_anything_else_in_the_file_differs_all_is_read(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)

    for data in (
        {**THREE, "timeouts": {"tcp": 900}},
        {"standby": "empty", **THREE},
        {**THREE, "interface": "eth1"},
    ):
        assert not isinstance(place.profile(data).real_servers, PartlyRead)


def test_what_stands_elsewhere_in_the_file_need_not_be_read_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    first, second, third = THREE["virtual_servers"]

    for services in ((second, third), (third, first, second), (first, service(90, 1), third)):
        servers = place.profile(director(*services)).real_servers
        assert isinstance(servers, PartlyRead)
        known = {each["port"] for each in services} - {90}
        assert {key[2] for key in servers.unread} == known


def test_only_what_is_new_in_a_text_is_decoded() -> None:
    entries = [{"number": number} for number in range(9)]
    before = ServiceTexts(json.dumps({"virtual_servers": entries}).encode())
    spared = {piece.said for piece in before.pieces(None, ())}

    after = ServiceTexts(json.dumps({"virtual_servers": [*entries[1:], {}]}).encode())
    decoded = [piece.data for piece in after.pieces(before.seen, spared) if piece.data is not None]

    # One tells where it goes on.
    assert decoded == [entries[1], {}]


def test_a_virtual_server_that_says_what_to_probe_is_always_read(tmp_path: Path) -> None:
    place = Place(tmp_path)
    data = director(service(80, 1), service(0, 1, persistence=60, probe_port=80))
    place.apply(data)

    again = place.profile(data)

    assert looked_at(place.plan(data)) == {0}
    assert [target.port for target in again.probes] == [80]


def test_a_list_of_virtual_servers_that_ends_elsewhere_is_not_taken_apart() -> None:
    texts = ServiceTexts(b'{"virtual_servers": [{"a": 1}], "b": "]", "c": [1]}')

    with pytest.raises(UnlikeError):
        list(texts.pieces(None, ()))


def test_a_part_of_the_real_servers_has_no_mark() -> None:
    kernel = host(DIP)
    servers = [RealServer(WEB, ip_address(f"192.168.1.{last}"), 80) for last in (21, 22)]
    mark = Mark("said", kernel.fingerprint(servers), 2)
    other = RealServer(replace(WEB, port=81), servers[0].rip, 81)

    whole = list(to_rows([*servers, other], {WEB.key: mark}))
    parts = list(to_rows([servers[0], other, servers[1]], {WEB.key: mark}))

    assert ["said" in row for row in whole] == [True, False]
    assert ["said" in row for row in parts] == [False] * 3


def test_whoever_asks_for_all_real_servers_gets_all(tmp_path: Path) -> None:
    place = Place(tmp_path)
    first = place.profile(THREE)
    place.apply(THREE)

    partly = place.profile(THREE)

    assert isinstance(partly.real_servers, PartlyRead)
    assert partly.virtual_servers == first.virtual_servers
    assert list(partly.real_servers) == list(first.real_servers)
    assert partly.rips == first.rips
    assert len(partly.real_servers) == 6
    assert partly.real_servers[-1] == first.real_servers[-1]


DOUBTFUL: dict[str, Data] = {
    "one is among them twice": director(service(80, 1), service(81, 1), service(80, 1)),
    "another field": director(service(80, 1), service(81, 1), name="web", clients=["10.0.0.0/8"]),
    "a probe": director(service(80, 1), service(0, 1, persistence=60, probe_port=80)),
    "a check of its own": director(service(80, 1), service(81, 1, health={"fall": 3}), health={}),
    "null for checks": director(service(80, 1, health=None), service(81, 1), health={"rise": 1.0}),
    "a check that cannot be": director(service(80, 1, health={"check": {"udp": {"send": "00"}}})),
    "a sorry server": director(service(80, 1, sorry_server={"rip": "192.168.1.99"})),
    "a sorry server that serves": director(service(80, 1, sorry_server={"rip": "192.168.1.20"})),
    "a table of keepalived": director(service(80, 1), table_owner="keepalived", on_change=["/x"]),
    "fields after it": {**director(service(80, 1)), "timeouts": {"tcp": 900}, "clients": []},
    "its name in a string": director(service(80, 1), name='a"virtual_servers": [1]'),
}


@pytest.mark.parametrize("data", DOUBTFUL.values(), ids=DOUBTFUL)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_quick_way_reads_what_the_usual_way_reads(
    tmp_path: Path, data: Data, indent: int | None
) -> None:
    place, usual = Place(tmp_path / "a"), Place(tmp_path / "b", partly=False)
    for each in (place, usual):
        each.book.root.parent.mkdir()
    place.apply(director(service(80, 1), service(81, 1)))

    assert outcome(lambda: place.profile(data, indent=indent)) == outcome(
        lambda: usual.profile(data, indent=indent)
    )


# What may stand in a file for another text: of each, what is read has to be the same.
HOSTILE: dict[str, Callable[[str], str]] = {
    "as it was": lambda text: text,
    "blanks before it": lambda text: "\n " + text,
    "blanks after it": lambda text: text + " \r\n",
    "more after it": lambda text: text + "{}",
    "many blanks between": lambda text: text.replace("}, {", "}" + " " * 100 + ",\t\r\n {"),
    "as many blanks as are looked at": lambda text: text.replace("}, {", "}," + " " * 63 + "{"),
    "no blanks between": lambda text: text.replace("}, {", "},{"),
    "two commas": lambda text: text.replace("}, {", "},, {", 1),
    "a comma at the end": lambda text: text.replace("}]}]", "}]},]"),
    "no comma": lambda text: text.replace("}, {", "} {", 1),
    "a comment": lambda text: text.replace("}, {", "}, /* x */ {", 1),
    "a remark": lambda text: text.replace("}, {", "}, # x\n {", 1),
    "line ends of another system": lambda text: text.replace(", ", ",\r\n"),
    "a field of a real server twice": lambda text: text.replace(
        '"weight": 4', '"weight": 4, "weight": 9'
    ),
    "a field of a service twice": lambda text: text.replace('"port": 81', '"port": 83, "port": 81'),
    "the list twice": lambda text: text[:-1] + ', "virtual_servers": []}',
    "the list once more before": lambda text: text.replace(
        '"virtual_servers"', '"virtual_servers": [], "virtual_servers"'
    ),
    "an escape": lambda text: text.replace('"192.168.1.22"', '"192.168.1.2\\u0032"'),
    "an escape in a field": lambda text: text.replace('"weight": 4', '"w\\u0065ight": 9'),
    "no ASCII": lambda text: text.replace('"weight": 4', '"weight": 4, "\N{MICRO SIGN}": 1'),
    "no ASCII in a string": lambda text: text.replace('"192.168.1.22"', '"192.168.1.2\u0662"'),
    "a byte order mark": lambda text: "\ufeff" + text,
    "a service twice": lambda text: text.replace(
        "}]}]", '}]}, {"vip": "192.168.1.2", "protocol": "tcp", "port": 80}]'
    ),
    "a service that is none": lambda text: text.replace("}]}]", "}]}, 7]"),
    "a service that is null": lambda text: text.replace("}]}]", "}]}, null]"),
    "a list of services": lambda text: text.replace("}]}]", "}]}, []]"),
    "a text of a service": lambda text: text.replace("}]}]", '}]}, "{}"]'),
    "cut off in a service": lambda text: text[: text.index('"port": 82')],
    "cut off after a service": lambda text: text[: text.index("}, {") + 1],
    "cut off before the end": lambda text: text[:-1],
    "a zero byte": lambda text: text.replace("}, {", "}, \0{", 1),
    "nothing": lambda text: "",
    "deep": lambda text: text.replace('"weight": 4', '"weight": ' + "[" * 9000 + "]" * 9000),
    "a service in a string of another": lambda text: text.replace(
        '"scheduler": "rr"', '"scheduler": "}, {\\"port\\": 1"'
    ),
    "brackets after it": lambda text: text[:-1] + ', "clients": ["10.0.0.0/8"]}',
    "another name": lambda text: text.replace('"web"', '"wob"'),
    "a name with a bracket": lambda text: text.replace('"web"', '"w]b"'),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("more", [0, 300])
def test_a_file_looked_at_in_part_is_what_the_usual_way_reads(
    tmp_path: Path, change: Callable[[str], str], more: int
) -> None:
    """With `more` real servers a service is larger than what is decoded at once."""
    services = service(80, 1, 2), service(81, 3, 3, 4, scheduler="rr"), service(82, 5)
    services[1]["real_servers"] += [{"rip": f"10.0.{n // 99}.{n % 99 + 1}"} for n in range(more)]
    data = director(*services)
    place = Place(tmp_path)
    place.apply(data)
    path = tmp_path / "web.json"
    path.write_bytes(change(json.dumps(data)).encode())

    def known() -> object:
        return read(path, "director", known=lambda: known_texts(place.book))

    def usual() -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reader, "LARGE", 1 << 30)
            return read(path, "director")

    def whole() -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(quick_director, "streamed", lambda *_: None)
            return read(path, "director", known=lambda: known_texts(place.book))

    assert outcome(known) == outcome(whole)
    made = outcome(known)
    if isinstance(made, DirectorProfile):
        made = replace(made, text=None, said={})
    assert made == outcome(usual)


@pytest.mark.parametrize("more", [0, 300])
def test_what_is_read_once_somebody_wants_it_is_not_read_before(tmp_path: Path, more: int) -> None:
    place = Place(tmp_path)
    services = [service(port, 1, 2, 3) for port in range(80, 90)]
    services[5]["real_servers"] += [{"rip": f"10.0.{n // 99}.{n % 99 + 1}"} for n in range(more)]
    place.apply(director(*services))
    services[5]["real_servers"][1]["weight"] = 9

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "contents_of", pytest.fail)
        servers = place.profile(director(*services)).real_servers

    assert isinstance(servers, PartlyRead)
    assert {server.service.port for server in servers.read} == {85}
    assert len(servers) == 30 + more


def at(rip: str) -> Data:
    """Return a profile whose services have `rip`, another that is written like it, both or none."""
    six = [{"rip": rip}, {"rip": "fd00::1:3", "weight": 7}]
    return director(
        {**service(80, 1, 2), "vip": "fd00::2", "real_servers": six},
        {**service(81, 1, 2), "vip": "fd00::2", "real_servers": six[1:]},
        {"fwmark": 7, "real_servers": [*six[::-1], {"rip": "fd00::31"}]},
        {**service(82), "vip": "fd00::2", "real_servers": [{"rip": "fd00:0:0::3", "weight": 0}]},
        {**service(83, 4), "vip": "fd00::2", "real_servers": []},
        service(84, 1, 2),
        vips=[{"address": "fd00::2"}, {"address": "192.168.1.2"}],
    )


DRAINED = [
    ("fd00::3", "fd00:0::3", ()),
    ("fd00:0:0::3", "fd00::3", ()),
    ("fd00::0003", "fd00::3", ("fwmark:7",)),
    ("fd00::3", "fd00::1:3", ("tcp:[fd00::2]:81", "fwmark:7")),
    ("fd00::3", "192.168.1.21", ()),
    ("fd00::3", "192.168.1.2", ()),
    ("fd00::3", "fd00::", ()),
    ("fd00::3", "fd00::3", ("tcp:[fd00::2]:81",)),
]


@pytest.mark.parametrize(("written", "rip", "services"), DRAINED)
@pytest.mark.parametrize("escaped", [False, True])
def test_a_drain_of_what_is_known_finds_what_the_profile_says(
    tmp_path: Path, written: str, rip: str, services: tuple[str, ...], escaped: bool
) -> None:
    six = written.replace("f", "\\u0066", 1) if escaped else written
    text = json.dumps(at("SIX")).replace("SIX", six)
    places = Place(tmp_path / "a"), Place(tmp_path / "b", partly=False)

    ends = [drained_twice(place, text, rip, services) for place in places]

    assert ends[0] == ends[1]
    assert isinstance(places[0].text(text).real_servers, PartlyRead)


def drained_twice(place: Place, text: str, rip: str, services: tuple[str, ...]) -> list[object]:
    """Drain of a profile that is applied what is at `rip`, and take it back; return what comes."""
    place.kernel = host(DIP, Address("eth0", ip_interface("fd00::10/64"), label=None))
    place.book.root.parent.mkdir()
    apply(place.text(text), place.kernel, place.book, place.session.announcer)

    def drained(undo: bool) -> object:
        profile = place.text(text)
        here = draining.real_servers_at(profile, rip, services, place.book)
        situation = draining.drain(profile, here, place.kernel, place.book, undo=undo)
        return here, situation.todo, known(place.book.load()), dict(place.kernel.objects)

    return [outcome(partial(drained, undo)) for undo in (False, True)]


def test_what_is_drained_once_the_profile_was_read_stays_so(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    profile = place.profile(THREE)
    drained(place)
    before = place.book.load().drained

    situation = apply(profile, place.kernel, place.book, place.session.announcer)

    assert situation.todo == ()
    assert place.book.load().drained == before != {}
    assert [each.weight for each in servers_of(place.kernel, 81)] == [0, 3, 4]


def test_a_drain_that_is_undone_knows_the_weight_though_it_came_meanwhile(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    profile = place.profile(THREE)
    drained(place)

    here = draining.real_servers_at(profile, "192.168.1.20", ["tcp:192.168.1.2:81"], place.book)
    draining.drain(profile, here, place.kernel, place.book, undo=True)

    assert [each.weight for each in servers_of(place.kernel, 81)] == [3, 3, 4]


def test_what_is_drained_is_not_looked_at_by_a_drain_of_another(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    drained(place)
    profile = place.profile(THREE)

    here = draining.real_servers_at(profile, "192.168.1.20", ["tcp:192.168.1.2:80"], place.book)
    draining.drain(profile, here, place.kernel, place.book)

    assert {key[3] for key in place.book.load().drained["director:web"]} == {80, 81}
    assert [each.weight for each in servers_of(place.kernel, 81)] == [0, 3, 4]
    assert [each.weight for each in servers_of(place.kernel, 80)] == [0, 2]


def test_a_drain_makes_objects_of_the_real_servers_at_its_rip_alone(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    profile = place.profile(THREE)

    here = draining.real_servers_at(profile, "192.168.1.22", (), place.book)
    situation = draining.drain(profile, here, place.kernel, place.book)

    assert [key[3] for key in situation.desired] == [81]
    assert {key[2] for key in situation.record.folded["director:web"]} == {80, 81, 82}
    claimed = situation.record.claims["director:web"]
    assert [key[4] for key in claimed if key[0] == RealServer.kind] == ["192.168.1.22"]
    again = place.plan(THREE)
    assert (looked_at(again), again.todo) == (set(), ())


def outcome(work: Callable[[], object]) -> object:
    try:
        made = work()
        if isinstance(made, DirectorProfile):
            return replace(made, real_servers=tuple(made.real_servers))
        return made
    except LvsdrError as error:
        return type(error), error.message.rpartition(".json")[2], list(error.hints)


def test_a_record_whose_folded_part_lies_is_not_trusted_once_it_is_needed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(THREE)
    text = place.book.path.read_text()
    place.book.path.write_text(text.replace("192.168.1.22", "192.168.1.555"))
    heavier(place.kernel)

    with pytest.raises(LvsdrError, match="it is not a record of lvsdr"):
        place.plan(THREE)


# As if each had been looked at.

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *("apply", "weight", "more", "less", "order", "text", "vip", "drain", "undrain"),
                *("edited", "reverted", "unmarked"),
                *("withdraw", "second", "second_gone", "refuse", "kill", "refuse_withdraw"),
                *("heavier", "one_less", "one_more", "lost"),
            )
        ),
        st.integers(0, 1000),
    ),
    min_size=2,
    max_size=12,
)


# A drain in a virtual server that others have deleted.
@example([("apply", 0), ("one_more", 0), ("lost", 6), ("drain", 0), ("withdraw", 0)])
@times(75, 5000)
@given(STEPS)
def test_a_folded_record_ends_as_one_in_which_each_is_looked_at(steps: list[Step]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "LARGE", 0)
        _run(steps)


def _run(steps: list[Step]) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        both = Place(Path(one)), Place(Path(two), partly=False)
        data = json.loads(json.dumps(THREE))
        for step, number in steps:
            edit(data, step, number)
            if number % 2:
                # As another process has it.
                books._LAST.clear()
            ends = [outcome(partial(happen, each, data, step, number)) for each in both]
            if step.startswith("refuse"):
                # It may be another change that is refused.
                ends = [end[0] if isinstance(end, tuple) else end for end in ends]
            assert ends[0] == ends[1], step
            assert both[0].kernel.objects == both[1].kernel.objects, step
            records = [known(each.book.load()) for each in both]
            assert records[0] == records[1], step


def known(record: Record) -> object:
    return replace(record, marks={}, texts={}, links={}, origins={})


def edit(data: Data, step: str, number: int) -> None:
    """Change the profile as `step` says."""
    chosen = random.Random(number)
    services = data["virtual_servers"]
    if step == "reverted":
        data.update(json.loads(json.dumps(THREE)))
    elif step in ("weight", "edited") and services:
        chosen.choice(chosen.choice(services)["real_servers"])["weight"] = number
    elif step == "more":
        free = [port for port in range(80, 90) if port not in {each["port"] for each in services}]
        place = chosen.randrange(len(services) + 1)
        services.insert(place, service(free[0], *range(1, 2 + number % 3)))
    elif step == "less" and len(services) > 1:
        services.pop(number % len(services))
    elif step == "order":
        chosen.shuffle(services)
    elif step == "vip":
        data["vips"] = [{"address": "192.168.1.2"}, {"address": f"192.168.1.{240 + number % 3}"}]


def happen(place: Place, data: Data, step: str, number: int) -> object:
    """Let happen what `step` says, and return what comes of it."""
    kernel = place.kernel
    servers = sorted(
        (it for it in kernel.objects.values() if isinstance(it, RealServer)),
        key=lambda it: str(it.key),
    )
    server = servers[number % len(servers)] if servers else None
    # What is edited is applied later, or not at all.
    if step in ("edited", "reverted", *MEDDLING):
        return MEDDLING[step](kernel, server) if step in MEDDLING and server else None
    if step in ("drain", "undrain"):
        profile = place.profile(data)
        rip = f"192.168.1.{20 + number % 2}"
        here = draining.real_servers_at(profile, rip, (), place.book)
        undo = step == "undrain"
        return done(draining.drain(profile, here, kernel, place.book, undo=undo))
    if step == "refuse_withdraw":
        going = plan_withdrawal(place.profile(data, down=True), kernel, place.book).todo
        # Counted from the end: real servers come first, and may go with their services.
        late = sum(change.key[0] != RealServer.kind for change in going)
        kernel.refuse = {len(kernel.sent) + len(going) - 1 - number % late} if late else ()
    if step in ("withdraw", "refuse_withdraw"):
        try:
            return done(withdraw(place.profile(data, down=True), kernel, place.book))
        finally:
            kernel.refuse = ()
    if step == "second_gone":
        return done(withdraw("director:second", kernel, place.book))
    if step == "refuse":
        kernel.refuse = {len(kernel.sent) + number % 4}
    if step == "kill":
        planned = place.plan(data)
        place.book.save(planned.record_before)
        # The same ones in both places: what is given up may go in another order.
        todo = sorted(planned.todo, key=from_the_ground)
        kernel.execute(todo[: number % (len(todo) + 1)])
        return None
    try:
        wanted = SECOND if step == "second" else data
        apply_it = place.apply_whole if step == "unmarked" else place.apply
        return done(apply_it(wanted, indent=number % 3 if step == "text" else None))
    finally:
        kernel.refuse = ()


def from_the_ground(change: Change) -> tuple[bool, int, str]:
    """Say where a change comes: nothing is added before what it is a part of, nor outlives it."""
    gone, layer = change.after is None, change.subject.layer
    return gone, -layer if gone else layer, str(change.key)


def weigh(kernel: FakeKernel, server: RealServer) -> None:
    kernel.objects[server.key] = replace(server, weight=server.weight + 1)


def add(kernel: FakeKernel, server: RealServer) -> None:
    strange = replace(server, port=server.port + 1000)
    kernel.objects[strange.key] = strange


MEDDLING: dict[str, Callable[[FakeKernel, RealServer], None]] = {
    "heavier": weigh,
    "one_less": lambda kernel, server: kernel.lose(server.key),
    "one_more": add,
    "lost": lambda kernel, server: kernel.lose_service(server.parent_key),
}


def done(situation: Situation) -> tuple[set[tuple[str, Key]], set[str]]:
    kept = {str(each) for each in (*situation.kept, *situation.in_use)}
    return {(change.sign, change.key) for change in situation.whole.todo}, kept
