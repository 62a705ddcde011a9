"""The record on disk: whole or not there, never trusted when it lies, and one run at a time."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest

from lvsdr.core import durable_file
from lvsdr.core.book import BOOT_ID, Book
from lvsdr.core.record import Record
from lvsdr.core.record_decoding import FORMAT
from lvsdr.errors import CannotRun
from lvsdr.keepalived.checker_states import Health, Server
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.objects import Address, Objects, Sysctl, keyed
from lvsdr.model.plain_data import to_plain

IGNORE = Sysctl("net/ipv4/conf/all/arp_ignore", "1")
WAS = Sysctl("net/ipv4/conf/all/arp_ignore", "0")
VIP = Address("lo", ip_interface("192.0.2.10/32"), label="lo", scope="host")
WEB, MARK = Service("tcp", VIP.ip.ip, 80), Service("fwmark", fwmark=7, family="inet6")
ONE6 = ip_address("2001:db8::1")
WANTED: Objects = keyed([IGNORE, VIP])
THERE: Objects = keyed([WAS])
SOME = Record().claim("realserver:web", WANTED, THERE)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    Book("ns", tmp_path / "run").save(SOME)

    assert Book("ns", tmp_path / "run").load() == SOME


def test_a_first_claim_is_written_as_one_beside_others() -> None:
    """Where nothing is known and nothing was seen, nothing is looked up; elsewhere all is."""
    servers = [RealServer(WEB, ip_address(f"192.0.2.{last}"), 80) for last in range(20, 90)]
    wanted, gone = keyed([*servers, VIP]), IGNORE.key

    first = Record().claim("director:web", wanted, {}, absent=[gone])
    beside = Record(baseline={WAS.key: WAS, ("link", "x"): None}).claim(
        "director:web", wanted, {}, absent=[gone]
    )

    assert list(first.baseline.items()) == [*dict.fromkeys(wanted).items(), (gone, None)]
    assert first.intents == beside.intents == {"director:web": tuple(wanted.values())}
    assert list(beside.baseline.items())[2:] == [*dict.fromkeys(wanted).items()]
    assert Record().claim("director:web", wanted, THERE, absent=[gone]).baseline[gone] == WAS


def test_real_servers_of_a_service_share_an_entry(tmp_path: Path) -> None:
    rips = [ip_address(f"192.0.2.{last}") for last in range(20, 90)]
    light = [RealServer(WEB, rip, 80) for rip in rips]
    wanted = keyed([*light, RealServer(WEB, rips[0], 8080), RealServer(MARK, ONE6, 0), VIP])
    heavy = replace(light[7], weight=9)
    book = Book("ns", tmp_path)

    record = Record().claim("director:web", wanted, {heavy.key: heavy})
    book.save(record)

    read = book.load()
    assert read == record
    assert list(read.baseline) != []
    assert [item.key for item in read.intents["director:web"]] == list(wanted)
    assert {key: item.key for key, item in keyed(read.intents["director:web"]).items()} == {
        key: key for key in wanted
    }
    plain = json.loads(book.path.read_text())
    assert [entry["object"] for entry in plain["intents"]["director:web"]] == [
        "real_server",
        "real_server",
        "address",
    ]
    entry = plain["intents"]["director:web"][0]
    assert entry["weight"] == 1
    assert entry["port"] == {"each": " ".join(["80"] * len(rips) + ["8080"])}
    assert plain["absent"] == len(wanted) - 1


@pytest.mark.parametrize("former", [2, 3, 4])
def test_a_record_of_a_format_before_is_read(tmp_path: Path, former: int) -> None:
    """As it was written: a director that is drained, a real server that was killed."""
    text = (Path(__file__).parent / "records" / f"baseline-{former}.json").read_text()
    book = Book("ns", tmp_path)
    book.path.write_text(text.replace("BOOT", BOOT_ID.read_text().strip()))

    record = book.load()
    book.save(record)

    assert json.loads(book.path.read_text())["format"] == FORMAT
    assert book.load() == record
    assert len(record.claims["director:web"]) == 16
    assert len(record.intents["realserver:web"]) == 2
    assert sum(before is None for before in record.baseline.values()) == 15
    heavy = RealServer(WEB, ip_address("192.0.2.11"), 80, 2)
    light = RealServer(WEB, ip_address("192.0.2.12"), 80, 0)
    nat = RealServer(WEB, ip_address("192.0.2.16"), 8080, 1, "masquerade", 100, 50)
    assert record.baseline[heavy.key] == heavy
    assert [record.claims["director:web"][it.key] for it in (heavy, light, nat)] == [
        heavy,
        light,
        nat,
    ]
    assert record.drained == {"director:web": {light.key}}


def test_an_empty_record_leaves_no_file(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(SOME)

    book.save(Record())

    assert list(tmp_path.iterdir()) == []
    assert book.load() == Record()


def test_there_is_an_empty_record_before_the_first(tmp_path: Path) -> None:
    assert Book("ns", tmp_path / "none").load() == Record()


def test_the_record_is_for_its_owner_and_group_only(tmp_path: Path) -> None:
    book = Book("ns", tmp_path / "run")

    book.save(SOME)

    assert stat.S_IMODE(book.root.stat().st_mode) == 0o750
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o640
    assert [path.name for path in book.root.iterdir()] == ["ns.json"]


def test_the_first_state_is_never_overwritten() -> None:
    again = SOME.claim("realserver:web", WANTED, WANTED)

    assert again.baseline == {IGNORE.key: WAS, VIP.key: None}


def test_a_shared_object_goes_back_when_the_last_profile_leaves() -> None:
    both = SOME.claim("realserver:mail", keyed([IGNORE]), WANTED)

    one = both.settle("realserver:web", {})

    assert both.baseline_of("realserver:web") == {VIP.key: None}
    assert one.baseline_of("realserver:mail") == {IGNORE.key: WAS}
    assert one.settle("realserver:mail", {}) == Record()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"[]", "it is not a record of lvsdr"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b'{"format": "lvsdr/baseline/1"}', "its format is 'lvsdr/baseline/1'"),
        (b'{"format": "lvsdr/baseline/2"}', "it is not a record of lvsdr"),
    ],
)
def test_a_record_that_cannot_be_ours_is_not_trusted(
    tmp_path: Path, text: bytes, reason: str
) -> None:
    book = Book("ns", tmp_path)
    book.path.write_bytes(text)

    with pytest.raises(CannotRun) as refused:
        book.load()

    assert reason in refused.value.message
    assert str(book.path) in refused.value.message
    assert refused.value.exit_code == 6
    assert refused.value.hints


HERE = {
    "format": "lvsdr/baseline/2",
    "boot": BOOT_ID.read_text().strip(),
    "namespace": "ns",
    "baseline": [],
    "absent": [],
    "claims": {},
    "intents": {},
}
PLAIN = {"object": "real_server", **to_plain(RealServer(WEB, ip_address("192.0.2.11"), 80))}
BROKEN: list[dict[str, object]] = [
    {"baseline": [{"key": "sysctl"}]},
    {"baseline": [{"key": ["sysctl"], "before": {"path": 1}}]},
    {"baseline": [{"key": ["no such"], "before": {}}]},
    {"baseline": [{"key": ["sysctl", "net/x"], "before": None}]},
    {"baseline": {"key": []}},
    {"absent": [[[]]]},
    {"absent": [[]]},
    {"absent": [["real_server", "tcp", "192.0.2.10", 80, "192.0.2.11", 80]]},
    {"absent": [["real_server", "tcp", "192.0.2.10", 80, [], 80]]},
    {"absent": [["real_server", "tcp", "192.0.2.10", 80, [1], 80]]},
    {"absent": [["real_server"]]},
    {"claims": {"a": [{"object": "address", "link": "lo", "ip": "999"}]}},
    {"claims": {"a": [{"object": "sysctl"}]}},
    {"claims": {"a": [{"object": []}]}},
    {"claims": []},
    {"claims": {"a": [{**PLAIN, "rip": {"192.0.2.11": 1}}]}},
    {"claims": {"a": [{**PLAIN, "rip": ["192.0.2.11", "192.0.2.012"]}]}},
    {"claims": {"a": [{**PLAIN, "rip": ["192.0.2.11"], "weight": [1]}]}},
]


COLUMNS = {**PLAIN, "rip": ["192.0.2.11", "192.0.2.12"]}
STRANGE_COLUMNS: list[dict[str, Any]] = [
    {"weight": {"each": [1]}},
    {"weight": {"each": [1, 2, 3]}},
    {"weight": {"each": [1, "2"]}},
    {"weight": {"each": [1, True]}},
    {"weight": {"each": "12"}},
    {"weight": {"each": "1 02"}},
    {"weight": {"each": "1 2 "}},
    {"weight": {"each": "1 2 3"}},
    {"weight": {"each": "1 x"}},
    {"weight": {"each": "1 -0"}},
    {"weight": {"each": "1 +2"}},
    {"weight": {"each": "1 \N{SUPERSCRIPT TWO}"}},
    {"weight": {"each": "1 \N{ARABIC-INDIC DIGIT TWO}"}},
    {"weight": {"each": "1 2\n"}},
    {"weight": {"each": "1  2"}},
    {"forwarding_method": {"of": ["dr", "tunnel"], "at": "0 2"}},
    {"forwarding_method": {"of": ["dr", "tunnel"], "at": "0 -1"}},
    {"rip": "192.0.2.11  192.0.2.12"},
    {"rip": "192.0.2.11 192.0.2.012"},
    {"rip": ""},
    {"weight": {"some": [1, 2]}},
    {"weight": {"each": [1, 2], "of": [], "at": []}},
    {"weight": {"of": [1, 2], "at": [0]}},
    {"forwarding_method": {"of": ["dr", "tunnel"], "at": [0, 2]}},
    {"forwarding_method": {"of": ["dr", "tunnel"], "at": [0, -1]}},
    {"forwarding_method": {"of": ["dr", ["tunnel"]], "at": [0, 1]}},
    {"tunnel": {"of": [[0, 0, 0], [1, 2, "3"]], "at": [0, 1]}},
    {"strange": 1},
    {"rip": []},
]
BROKEN_COLUMNS: list[dict[str, Any]] = [
    {"absent": []},
    {"absent": None},
    *[{"claims": {"a": [{**COLUMNS, **columns}]}} for columns in STRANGE_COLUMNS],
]


@pytest.mark.parametrize("broken", BROKEN_COLUMNS)
def test_a_record_whose_columns_are_not_ours_is_not_trusted(
    tmp_path: Path, broken: dict[str, object]
) -> None:
    book = Book("ns", tmp_path)
    book.path.write_text(json.dumps({**HERE, "format": FORMAT, "absent": 2, **broken}))

    with pytest.raises(CannotRun, match=r"not a record of lvsdr|what it has no baseline of"):
        book.load()


def test_claims_that_are_as_they_are_known_are_those_very_objects(tmp_path: Path) -> None:
    servers = [RealServer(WEB, ip_address(f"192.0.2.{last}"), 80, last) for last in range(20, 30)]
    book = Book("ns", tmp_path)
    wanted = keyed(servers)
    book.save(Record().claim("a", wanted, {}).settle("a", wanted))

    same = book.load([*servers]).claims["a"]
    other = book.load([*servers[:-1], replace(servers[-1], weight=7)]).claims["a"]

    assert all(held is server for held, server in zip(same.values(), servers, strict=True))
    assert other == same


@pytest.mark.parametrize("broken", BROKEN)
def test_a_record_whose_parts_are_not_ours_is_not_trusted(
    tmp_path: Path, broken: dict[str, object]
) -> None:
    book = Book("ns", tmp_path)
    book.path.write_text(json.dumps({**HERE, **broken}))

    with pytest.raises(CannotRun, match="it is not a record of lvsdr"):
        book.load()


@pytest.mark.parametrize("key", [[], ""])
def test_a_record_with_an_empty_key_is_not_trusted(tmp_path: Path, key: object) -> None:
    book = Book("ns", tmp_path)
    entry = {"key": key, "before": {"path": "a", "value": "b"}}
    book.path.write_text(json.dumps({**HERE, "baseline": [entry]}))

    with pytest.raises(CannotRun, match="it is not a record of lvsdr"):
        book.load()


def test_a_record_that_is_nested_to_the_limit_is_not_trusted(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)

    for depth in range(700, 1000):
        ip = "[" * depth + "]" * depth
        claims = f'{{"a": [{{"object": "address", "link": "lo", "ip": {ip}}}]}}'
        text = json.dumps(HERE)[:-1] + f', "claims": {claims}}}'
        with pytest.raises(CannotRun):
            book._parse(text.encode())


def test_a_record_of_an_earlier_boot_is_said_and_not_used(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(SOME)
    plain = json.loads(book.path.read_text())
    book.path.write_text(json.dumps({**plain, "boot": "other"}))

    record = book.load()

    assert record == Record()
    assert record.notes == (f"{book.path} is from an earlier boot: not used",)


def test_a_record_of_another_namespace_is_not_trusted(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(SOME)
    plain = json.loads(book.path.read_text())
    book.path.write_text(json.dumps({**plain, "namespace": "other"}))

    with pytest.raises(CannotRun, match="it is of another network namespace"):
        book.load()


def test_a_claim_without_a_baseline_is_not_trusted(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(SOME)
    plain = json.loads(book.path.read_text())
    book.path.write_text(json.dumps({**plain, "absent": []}))

    with pytest.raises(CannotRun, match="it claims what it has no baseline of"):
        book.load()


def test_a_symlink_is_neither_read_nor_written_through(tmp_path: Path) -> None:
    book, elsewhere = Book("ns", tmp_path / "run"), tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    book.root.mkdir(mode=0o750)
    book.path.symlink_to(elsewhere)

    with pytest.raises(CannotRun, match="ELOOP"):
        book.load()
    book.save(SOME)

    assert elsewhere.read_text() == "precious"
    assert not book.path.is_symlink()


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(CannotRun) as refused:
        Book("ns", tmp_path).save(Record())

    assert refused.value.message == (
        f"cannot write {tmp_path / 'ns.json'}: not a directory of this user (EPERM)"
    )
    assert refused.value.hints == ["run it as root, or with sudo"]


def test_a_file_that_has_another_name_elsewhere_is_not_trusted(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.save(SOME)
    (tmp_path / "elsewhere").hardlink_to(book.path)

    with pytest.raises(CannotRun, match="it is not a file of root or of this user alone"):
        book.load()


def test_a_file_of_somebody_else_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book("ns", tmp_path)
    book.save(SOME)
    if os.geteuid() == 0:
        os.chown(book.path, 4242, 4242)
    nobody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: nobody)

    with pytest.raises(CannotRun, match="it is not a file of root or of this user alone"):
        book.load()


def test_a_pipe_in_the_place_of_the_record_is_not_waited_for(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    os.mkfifo(book.path)

    with pytest.raises(CannotRun, match="it is not JSON"):
        book.load()


def test_nothing_is_written_to_a_file_that_is_there_already(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"theirs")

    with pytest.raises(FileExistsError):
        durable_file.write_durably(there, ["ours"])

    assert there.read_bytes() == b"theirs"


def test_an_empty_record_need_not_be_there_to_go(tmp_path: Path) -> None:
    Book("ns", tmp_path).save(Record())

    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_not_trusted_says_what_to_do_about_it(tmp_path: Path) -> None:
    book = Book("ns", tmp_path)
    book.path.write_text("[]")

    with pytest.raises(CannotRun) as refused:
        book.load()

    assert refused.value.message == f"cannot trust {book.path}: it is not a record of lvsdr"
    assert refused.value.hints == [
        f"look at it, then remove it: rm {book.path}",
        "what was there before the first apply is then forgotten",
    ]


def test_what_keeps_the_record_from_being_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "ns.json").symlink_to("elsewhere")

    with pytest.raises(CannotRun) as refused:
        Book("ns", tmp_path).load()

    assert refused.value.message.endswith("ns.json: too many levels of symbolic links (ELOOP)")
    assert refused.value.hints == []


@pytest.mark.parametrize("mode", [0o770, 0o757])
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)

    with pytest.raises(CannotRun, match="others may write that directory") as refused:
        Book("ns", tmp_path).save(Record())
    with pytest.raises(CannotRun, match="cannot lock"), Book("ns", tmp_path).locked(0):
        pass

    assert refused.value.hints == ["run it as root, or with sudo"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("precious")

    with pytest.raises(CannotRun, match="not a directory of this user"):
        Book("ns", tmp_path / "run").save(SOME)


def test_a_lock_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "ns.lock").symlink_to(elsewhere)

    with pytest.raises(CannotRun, match=r"cannot lock .*ELOOP"), Book("ns", tmp_path).locked(0):
        pass

    assert not elsewhere.exists()


def test_a_full_disk_is_said_and_leaves_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book("ns", tmp_path)
    book.save(SOME)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotRun) as refused:
        book.save(SOME.claim("realserver:mail", WANTED, THERE))

    assert refused.value.message == f"cannot write {book.path}: no space left on device (ENOSPC)"
    assert refused.value.hints == []
    assert book.load() == SOME
    assert [path.name for path in tmp_path.iterdir()] == ["ns.json"]


def tell_ledger(book: Book, state: str) -> None:
    Ledger(book).add(Notice("INSTANCE", "VI_1", state, told_at=1))


def tell_health(book: Book, state: str) -> None:
    Health(book).write_down([Server("[192.0.2.10]:tcp:80", None, state, 1)])


@pytest.mark.parametrize(("name", "tell"), [("keepalived", tell_ledger), ("health", tell_health)])
def test_what_keepalived_says_is_written_as_durably_as_the_record(
    name: str,
    tell: Callable[[Book, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book, flushed = Book("ns", tmp_path), []
    (tmp_path / f".ns.{name}.0123456789abcdef").write_bytes(b"half")
    tell(book, "BACKUP")
    before = (tmp_path / f"ns.{name}").read_bytes()

    def full(descriptor: int) -> None:
        flushed.append((tmp_path / f"ns.{name}").read_bytes())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotRun, match="no space left on device"):
        tell(book, "MASTER")

    # It was to be on disk before it took the place of the old one.
    assert flushed == [before]
    assert (tmp_path / f"ns.{name}").read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"ns.{name}", f"ns.{name}.lock"]


def test_a_second_run_waits_and_then_names_the_first(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lvsdr.core.book import Book\n"
        "with Book('ns', Path(sys.argv[1])).locked(0): print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"

        with pytest.raises(CannotRun) as refused, Book("ns", tmp_path).locked(0.1):
            pass

        other.communicate("\n")
    assert f"process {other.pid} ({sys.executable} -c" in refused.value.message
    assert refused.value.exit_code == 6


def test_the_lock_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from lvsdr.core.book import Book\n"
        "with Book('ns', Path(sys.argv[1])).locked(0): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    with Book("ns", tmp_path).locked(0):
        held = True

    assert held


def test_of_several_owners_the_same_one_is_named_each_time() -> None:
    vip = Address("eth0", ip_interface("192.168.1.2/32"))
    owners = [f"director:{name}" for name in "abcdefghij"]
    record = Record({vip.key: None}, {owner: keyed([vip]) for owner in owners})

    assert record.claimed_by_others("director:a") == {vip.key: "director:j"}


def test_what_others_have_beside_a_file_is_not_removed(tmp_path: Path) -> None:
    """Also where the file's name would be a pattern."""
    others = [".a.prom.0123456789abcdef", ".*.prom.bak", ".*.prom.0123456789abcdeg", ".x.y"]
    for name in others:
        (tmp_path / name).write_text("theirs", encoding="utf-8")
    (tmp_path / ".*.prom.0123456789abcdef").write_text("half", encoding="utf-8")

    durable_file.replace_file(tmp_path / "*.prom", ["ours"])

    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*others, "*.prom"])
