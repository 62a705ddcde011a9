"""What the modules of the Ansible collection do by themselves, without Ansible."""

from __future__ import annotations

import importlib
import json
import re
import stat
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lvsdr.model.path import VERDICTS

ROOT = Path(__file__).parents[1]
PACKAGE = "ansible_collections.lvsdr.cluster"
COLLECTION = ROOT / "ansible"
PROFILE = {"role": "director", "interface": "eth0", "vips": [{"address": "192.0.2.1"}]}
WEIGHED: dict[str, Any] = {
    "object": "real_server",
    "key": ["tcp", "192.0.2.1", 80, "192.0.2.11", 80],
    "state": "ok",
    "down": None,
    "observed": {"service": {"port": 80}, "rip": "192.0.2.11", "weight": 3, "tunnel": [0, 0]},
}


class Failed(Exception):
    """A module of Ansible that has ended with an error."""


class Module:
    """What a module of Ansible is to those who are tested: what it was told, and how it ends."""

    def __init__(self, printed: str = "", code: int = 0, said: str = "", **params: object) -> None:
        self.params: dict[str, Any] = {"executable": None, "netns": None, **params}
        self.answer = (code, printed, said)
        self.commands: list[list[str]] = []
        self.ended: dict[str, Any] = {}
        self.check_mode = False

    def fail_json(self, **fields: object) -> None:
        self.ended = fields
        raise Failed(fields["msg"])

    def run_command(self, command: list[str], **_: object) -> tuple[int, str, str]:
        self.commands.append(command)
        return self.answer

    def get_bin_path(self, _: str, opt_dirs: list[str]) -> str | None:
        return opt_dirs[0] + "/lvsdr" if self.params.get("found", True) else None

    @staticmethod
    def atomic_move(source: str, target: str) -> None:
        Path(source).replace(target)


def load(name: str) -> ModuleType:
    """Import a module by the name that Ansible gives it; of what it imports, too."""
    above, place = ("ansible_collections", "ansible_collections.lvsdr"), PACKAGE
    for package in (*above, place):
        made = sys.modules.setdefault(package, ModuleType(package))
        made.__path__ = [str(COLLECTION)] if package == place else []
    return importlib.import_module(f"{place}.plugins.module_utils.{name}")


failure, program, changes, profile, states = map(
    load, ("lvsdr_failure", "lvsdr_program", "lvsdr_changes", "lvsdr_profile", "lvsdr_states")
)


def run(module: Module, **words: Any) -> Any:
    return program.Program(module).run(["director", "apply"], **words)


def file_of(path: Path, wanted: Mapping[str, object] | None) -> Any:
    return profile.ProfileFile(Module(path=str(path), profile=wanted))


# --- the program ---------------------------------------------------------------------------------


def test_one_command_asks_for_json_and_is_returned_with_what_it_said() -> None:
    module = Module(json.dumps({"format": "lvsdr/apply/1"}), said="lvsdr: a note\n", netns="blue")

    said = run(module)

    assert module.commands == [
        ["/usr/local/bin/lvsdr", "director", "apply", "--format", "json", "--netns", "blue"]
    ]
    assert said.common() == {
        "command": module.commands[0],
        "exit_code": 0,
        "notes": ["lvsdr: a note"],
    }


def test_a_failure_carries_error_notes_hints_and_exit_code_and_is_undone_first() -> None:
    document = {
        "format": "lvsdr/error/1",
        "error": "cannot lock: held",
        "exit_code": 6,
        "notes": ["by 77"],
        "hints": ["wait"],
        "others": [{"error": "é"}],
    }
    module, undone = Module(json.dumps(document), 6), list[str]()

    with pytest.raises(Failed) as failure:
        run(module, undo=lambda: undone.append("file"), changed=False)

    assert str(failure.value) == "cannot lock: held (and 1 more) (exit 6)\nby 77\nhint: wait"
    kept = ("error", "hints", "exit_code", "changed", "others")
    assert [module.ended[each] for each in kept] == [
        "cannot lock: held",
        ["wait"],
        6,
        False,
        [{"error": "é"}],
    ]
    assert undone == ["file"]


@pytest.mark.parametrize("printed", ["", "no JSON", "[]", "3", "null", '{"format": 1}', "{}"])
def test_what_is_no_answer_of_lvsdr_is_shown_and_undone(printed: str) -> None:
    module, undone = Module(printed, 2, "usage: other"), list[str]()

    with pytest.raises(Failed, match=r"did not answer as lvsdr does \(exit 2\): usage: other"):
        run(module, undo=lambda: undone.append("file"))

    assert undone == ["file"]
    assert module.ended["exit_code"] == 2


def test_a_host_without_lvsdr_is_told_how_to_get_it() -> None:
    with pytest.raises(
        Failed, match=r"no lvsdr on this host\nhint: .* the role lvsdr\.cluster\.lvsdr"
    ):
        run(Module(found=False))


def test_a_program_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no program that can be run is there"):
        run(Module(executable=str(tmp_path)))


def test_a_name_that_is_no_utf_8_does_not_keep_the_answer_from_ansible() -> None:
    module = Module(
        '{"format": "lvsdr/plan/1", "path": "/etc/\\udcff\\u00e9", "up": "\\ud83d\\ude00"}'
    )

    said = run(module)

    assert (said.document["path"], said.document["up"]) == ("/etc/?é", "😀")


def test_an_exit_code_that_is_expected_is_no_failure() -> None:
    said = run(Module(json.dumps({"format": "lvsdr/plan/1"}), 1), codes=(0, 1))

    assert said.exit_code == 1


@pytest.mark.parametrize("fields", [{}, {"notes": ["a note"], "exit_code": 6}])
def test_each_failure_has_what_is_wrong_and_what_mends_it(fields: dict[str, Any]) -> None:
    module = Module()

    with pytest.raises(Failed, match=r"^it is wrong\nhint: mend it\nhint: or not$"):
        failure.fail(module, "it is wrong", ("mend it", "or not"), **fields)

    assert {name: module.ended[name] for name in ("error", "hints", "notes")} == {
        "error": "it is wrong",
        "hints": ["mend it", "or not"],
        "notes": fields.get("notes", []),
    }
    assert module.ended.get("exit_code") == fields.get("exit_code")


def test_what_withdraw_cannot_give_back_is_a_failure_that_says_why() -> None:
    kept = {"object": "address", "key": ["192.0.2.1/32", "lo"], "why": "others use it"}
    said = {"format": "lvsdr/apply/1", "changes": [], "kept": [kept]}
    module = Module(json.dumps(said), 1, path="/etc/web.json", profile=PROFILE, name="web")
    module.params["lock_timeout"] = 10.0
    role = states.Role(module, "director", profile.ProfileFile(module))

    with pytest.raises(Failed, match=r"others use it \(exit 1\)$"):
        role.withdraw()

    assert (module.ended["hints"], module.ended["kept"]) == ([], [kept])
    assert module.ended["error"].startswith("not all of the profile is gone: address 192.0.2.1/32")


def test_no_module_makes_the_fields_of_a_failure_by_itself() -> None:
    sources = (COLLECTION / "plugins").rglob("*.py")

    assert [each.stem for each in sources if "fail_json" in each.read_text()] == ["lvsdr_failure"]


# --- the file of the profile ---------------------------------------------------------------------


def test_a_profile_is_written_whole_and_readable_and_not_again(tmp_path: Path) -> None:
    path = tmp_path / "lvsdr" / "director.json"
    first = file_of(path, {**PROFILE, "name": "a"})

    first.write()
    again = file_of(path, {"name": "a", **PROFILE})

    assert (first.changed, again.changed) == (True, False)
    assert json.loads(path.read_text())["name"] == "a"
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)]
    assert modes == [0o644, 0o750]
    assert [each.name for each in path.parent.iterdir()] == ["director.json"]


def test_a_file_of_another_layout_that_means_the_same_stays(tmp_path: Path) -> None:
    path = tmp_path / "director.json"
    path.write_text(json.dumps(PROFILE, indent=7, sort_keys=True))

    assert not file_of(path, PROFILE).changed


def test_one_is_not_true_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "director.json"
    path.write_text('{"weight": true}')

    assert file_of(path, {"weight": 1}).changed


def test_a_file_that_others_may_write_is_made_safe(tmp_path: Path) -> None:
    path = tmp_path / "director.json"
    path.write_text(json.dumps(PROFILE))
    path.chmod(0o666)

    made = file_of(path, PROFILE)
    made.write()

    assert made.changed
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("before", [None, b"not JSON", b"\xff\xfe", b"{}"])
def test_what_was_there_comes_back(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "director.json"
    if before is not None:
        path.write_bytes(before)
    made = file_of(path, PROFILE)

    made.write()
    written = path.read_bytes()
    made.put_back()

    assert json.loads(written) == PROFILE
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_look_leaves_no_file_and_has_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "web.json"

    with file_of(path, {"vips": "ä☃"}).for_a_look() as looked:
        seen = Path(looked)
        contents = json.loads(seen.read_text("utf-8"))
        mode = stat.S_IMODE(seen.parent.stat().st_mode)

    assert (seen.name, contents, mode) == ("web.json", {"vips": "ä☃"}, 0o700)
    assert not path.exists()
    assert not seen.parent.exists()


def test_a_look_at_what_is_there_needs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "director.toml"

    with file_of(path, None).for_a_look() as looked:
        assert looked == str(path)


def test_the_diff_of_a_file_is_its_text_before_and_after(tmp_path: Path) -> None:
    path = tmp_path / "director.json"
    path.write_text("{}\n")

    diff = file_of(path, {"a": "é"}).diff

    assert (diff["before"], diff["after"]) == ("{}\n", '{\n  "a": "é"\n}\n')


def test_a_profile_of_a_task_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"is written as JSON\nhint: end path in \.json"):
        file_of(tmp_path / "director.toml", PROFILE)


def test_the_name_of_a_profile_is_its_own_or_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "web.json"

    names = [file_of(path, each).name for each in (None, PROFILE, {"name": "blue"})]

    assert names == [None, "web", "blue"]


# --- the changes ---------------------------------------------------------------------------------


def test_a_diff_has_each_object_with_its_fields() -> None:
    change = {
        "sign": "~",
        "object": "real_server",
        "key": WEIGHED["key"],
        "before": WEIGHED["observed"],
        "after": {"rip": "192.0.2.11", "weight": None, "up": True},
    }
    added = {"object": "link", "key": ["lvsdr0"], "before": None, "after": {"up": False}}

    diff = changes.diff_of([change, added], "director (kernel)")

    title = "real_server tcp 192.0.2.1 80 192.0.2.11 80"
    assert diff["before"].splitlines() == [
        title,
        f"{title} rip: 192.0.2.11",
        f"{title} weight: 3",
        f"{title} tunnel: 0, 0",
    ]
    assert diff["after"].splitlines() == [
        title,
        f"{title} rip: 192.0.2.11",
        f"{title} weight: -",
        f"{title} up: yes",
        "link lvsdr0",
        "link lvsdr0 up: no",
    ]


@pytest.mark.parametrize(
    ("fields", "drained", "restored"),
    [
        ({}, 1, 0),
        ({"state": "drained", "observed": {**WEIGHED["observed"], "weight": 0}}, 0, 1),
        ({"down": {"why": "silent"}, "observed": {**WEIGHED["observed"], "weight": 0}}, 0, 1),
        ({"observed": None, "state": "missing"}, 0, 0),
        ({"observed": {**WEIGHED["observed"], "rip": "192.0.2.12"}}, 0, 0),
        ({"object": "address", "observed": {"ip": "192.0.2.11/32"}}, 0, 0),
    ],
)
def test_what_a_drain_would_change_is_seen_in_the_status(
    fields: Mapping[str, object], drained: int, restored: int
) -> None:
    objects = [{**WEIGHED, **fields}]

    found = [len(changes.of_weights(objects, ["192.0.2.11"], undo)) for undo in (False, True)]

    assert found == [drained, restored]


def test_what_a_withdrawal_would_change_is_what_is_applied() -> None:
    address = {"object": "address", "key": ["192.0.2.1/32", "lo"], "observed": {"link": "lo"}}
    setting = {"object": "sysctl", "key": ["a"], "observed": {"path": "a", "value": "1"}}
    gone = {"object": "address", "key": ["192.0.2.2/32", "lo"], "observed": None}
    applied = {"role": "realserver", "name": "web", "file": "/etc/web.json"}
    profiles = [{**applied, "objects": [setting, gone, address]}]

    found = [
        [(each["sign"], *each["key"]) for each in changes.of_withdrawal(profiles, *asked)]
        for asked in (
            ("realserver", "web", ""),
            ("realserver", None, "/etc/web.json"),
            ("director", "web", "/etc/web.json"),
            ("realserver", "other", "/etc/web.json"),
        )
    ]

    whole = [("-", "192.0.2.1/32", "lo"), ("~", "a")]
    assert found == [whole, whole, [], []]


# --- the collection ------------------------------------------------------------------------------


def test_the_collection_has_the_version_of_the_program() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"\nversion: {version}\n" in (COLLECTION / "galaxy.yml").read_text()


def test_each_option_that_lvsdr_is_started_with_is_one_of_its_own() -> None:
    manual = (ROOT / "man" / "lvsdr.8").read_text()
    source = "".join(path.read_text() for path in (COLLECTION / "plugins").rglob("*.py"))
    options = set(re.findall(r'"--([a-z-]+)"', source))

    assert len(options) > 10
    assert {each for each in options if f"Fl -{each}" not in manual} == set()


def test_the_playbooks_know_the_words_of_the_proof() -> None:
    tasks = (COLLECTION / "playbooks" / "tasks" / "proven.yml").read_text()
    rules = "".join(path.read_text() for path in (ROOT / "lvsdr" / "rules").rglob("*.py"))

    verdicts = re.findall(r"'verdict', 'eq', '(\S+)'", tasks)
    named = re.findall(r"'rule', 'eq', '(\S+)'", tasks)

    assert [each in VERDICTS for each in verdicts] == [True]
    assert [f'"{each}"' in rules for each in named] == [True]
