"""`lvsdr check` tells all mistakes of all files in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.errors import ProfileError
from lvsdr.profile.reader import read
from lvsdr.profile.reader.every_mistake import LARGEST, MOST, read_all

REALSERVER: dict[str, Any] = {
    "role": "realserver",
    "interface": "eth0",
    "vips": ["192.168.1.2", "192.168.1.3"],
}
SERVICE: dict[str, Any] = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80}
DIRECTOR: dict[str, Any] = {
    "role": "director",
    "interface": "eth0",
    "vips": [{"address": "192.168.1.2"}],
    "virtual_servers": [{**SERVICE, "real_servers": [{"rip": "192.168.1.11"}]}],
}


def told(folder: Path, data: object, suffix: str = ".json") -> list[str]:
    """Return what is said of a profile, without the name of its file."""
    path = folder / f"web{suffix}"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    profile, found = read_all(path)
    assert (profile is None) is bool(found)
    return [each.message.removeprefix(f"{path}: ") for each in found]


def test_a_sound_profile_has_no_mistakes(tmp_path: Path) -> None:
    assert told(tmp_path, DIRECTOR) == told(tmp_path, REALSERVER) == []


def test_mistakes_of_every_kind_are_told_with_their_places_in_the_file(tmp_path: Path) -> None:
    servers = [
        {"rip": "192.168.1.11", "weight": -1},
        {"weight": 1},
        {"rip": "192.168.1.300"},
        {"rip": "192.168.1.12"},
        {"rip": "192.168.1.12"},
    ]
    wrong = {**DIRECTOR, "nmae": "web", "virtual_servers": [{**SERVICE, "real_servers": servers}]}

    found = told(tmp_path, wrong)

    place = "/virtual_servers/0/real_servers"
    assert [each.partition(":")[0] for each in found] == [
        "/nmae",
        f"{place}/0/weight",
        f"{place}/1/rip",
        f"{place}/2/rip",
        f"{place}/4",
    ]
    # The place that a message names is one of the file too.
    assert f"{place}/3" in found[-1]


@pytest.mark.parametrize(
    ("changed", "places"),
    [
        ({"vips": [{"address": "192.168.1.300"}]}, ["/vips/0/address"]),
        ({"virtual_servers": [{**SERVICE, "protocol": "tpc"}]}, ["/virtual_servers/0/protocol"]),
        ({"interface": 1}, ["/interface"]),
        ({"interface": 1, "name": "a b"}, ["/interface", "/name"]),
        ({"interface": 1, "vips": [{"address": "192.168.1.2", "label": "a:0"}]}, ["/interface"]),
        ({"virtual_servers": [{**SERVICE, "real_servers": [{"ip": "192.168.1.11"}]}]}, None),
    ],
)
def test_what_follows_from_a_mistake_is_not_told(
    tmp_path: Path, changed: dict[str, Any], places: list[str] | None
) -> None:
    found = told(tmp_path, {**DIRECTOR, **changed})

    expected = places or ["/virtual_servers/0/real_servers/0/ip"]
    assert [each.partition(":")[0] for each in found] == expected


def test_a_required_field_that_is_missing_hides_nothing(tmp_path: Path) -> None:
    wrong = {"role": "realserver", "vips": ["192.168.1.2"], "holder": "dummi", "guard": "no"}

    found = told(tmp_path, wrong)

    assert {each.partition(":")[0] for each in found} == {"/interface", "/holder", "/guard"}


def test_as_many_mistakes_are_told_as_a_person_mends_at_a_time(tmp_path: Path) -> None:
    services = [{**SERVICE, "port": -each} for each in range(1, 100)]

    assert len(told(tmp_path, {**DIRECTOR, "virtual_servers": services})) == MOST


def test_of_a_large_file_the_first_mistake_is_told(tmp_path: Path) -> None:
    vips = ["x" * 30] * (LARGEST // 30)

    assert len(told(tmp_path, {**REALSERVER, "vips": vips})) == 1


def test_a_field_written_twice_ends_it(tmp_path: Path) -> None:
    text = '{"role": "realserver", "interface": "eth0", "interface": "eth1", "vips": []}'

    assert told(tmp_path, text) == ["/interface: field 'interface' is written twice"]


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        ("role: director\nvips:\n  - a\n", ".json", "this looks like YAML, not like JSON"),
        ("---\nrole: director\n", ".json", "this looks like YAML, not like JSON"),
        ('# web\nrole = "director"\n', ".json", "this looks like TOML, not like JSON"),
        ("[[virtual_servers]]\n", ".json", "this looks like TOML, not like JSON"),
        ("role: director\n", ".toml", "this looks like YAML, not like TOML"),
    ],
)
def test_another_language_is_called_by_its_name(
    tmp_path: Path, text: str, suffix: str, said: str
) -> None:
    (found,) = told(tmp_path, text, suffix)

    assert found.endswith(said)


def test_every_file_is_read_whatever_the_others_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / name for name in ("a.json", "b.json", "c.json", "d.json")]
    paths[0].write_text(json.dumps({**DIRECTOR, "a": 1, "interface": 2, "name": "x y"}))
    paths[1].write_text(json.dumps({**REALSERVER, "holder": "x", "guard": 1, "vips": ["a", "b"]}))
    paths[2].write_text(json.dumps(REALSERVER))
    names = [str(path) for path in paths]

    text = run(["check", *names], Session()), capsys.readouterr().err
    data = run(["check", "--format", "json", *names], Session()), capsys.readouterr().out

    assert (text[0], data[0]) == (2, 2)
    assert [text[1].count(f"{name}: ") for name in names] == [3, 4, 0, 1]
    document = json.loads(data[1])
    assert document["error"].startswith(f"{names[0]}: /a")
    assert len(document["others"]) == 7
    assert all(each["hints"] for each in document["others"])


@pytest.mark.parametrize(
    "text",
    [
        r'["\u0001"]',
        "[12345678901234567890123]",
        r'{"role": "director", "foo": {"a": {"b": "\u0001"}}}',
        r'{"role": ["director"], "a": "\u0001"}',
        '{"role": "realserver", "vips": ["192.168.1.2"], "holder_link": "eth0"}',
        '{"role": "realserver", "interface": "eth0", "vips": {}, "holder": "lo", "a": [{"a": 1}]}',
    ],
)
def test_the_first_mistake_is_the_one_that_every_command_tells(tmp_path: Path, text: str) -> None:
    path = tmp_path / "web.json"
    path.write_text(text)

    profile, found = read_all(path)

    with pytest.raises(ProfileError) as told:
        read(path)
    assert profile is None
    assert (found[0].message, found[0].hints) == (told.value.message, told.value.hints)
    assert len({each.message for each in found}) == len(found)


def test_a_file_that_is_not_there_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="no such file"):
        read_all(tmp_path / "web.json")
