"""The manual pages say what the program does, all of it and nothing else."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from ipaddress import ip_address
from itertools import chain, combinations
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from lvsdr import errors
from lvsdr.cli.command_line import cli
from lvsdr.cli.command_table import Later
from lvsdr.core import book, signals
from lvsdr.model.holder_kinds import HOLDER_KINDS
from lvsdr.model.ipvs import Service
from lvsdr.model.neighbour_claim import Answer, AnswerForm
from lvsdr.model.plain_data import KINDS
from lvsdr.profile import schema
from lvsdr.profile.reader import read
from lvsdr.rules.segment import who_answers
from lvsdr.rules.segment.mac_owners import MacOwners

ROOT = Path(__file__).parent.parent
PAGES = ("lvsdr.8", "lvsdr-profile.5")
SECTIONS = {"director": "DIRECTOR", "realserver": "REAL SERVER"}
MACRO = re.compile(r"[A-Z][a-z0-9]")
# A page calls a type by its name; one that lists its values needs none.
TYPES = {"string": "String", "integer": "Integer", "boolean": "Boolean", "array": "List"}
TYPES |= {"object": "Object", "number": "Number", "null": "null"}
FORMS: tuple[AnswerForm, ...] = get_args(AnswerForm)

Command = tuple[str, ...]
Items = dict[str, str]


# What the pages say.


@cache
def lines(page: str) -> tuple[str, ...]:
    return tuple((ROOT / "man" / page).read_text(encoding="utf-8").splitlines())


def section(page: str, title: str) -> list[str]:
    """Return the source lines of a section, or of a subsection."""
    found = lines(page)
    start = next(
        place for place, line in enumerate(found) if line in (f".Sh {title}", f".Ss {title}")
    )
    stops = (".Sh",) if found[start].startswith(".Sh") else (".Sh", ".Ss")
    end = next((n for n in range(start + 1, len(found)) if found[n].startswith(stops)), None)
    return list(found[start + 1 : end])


def plain(line: str) -> str:
    """Return a source line without its macros and escapes."""
    if line.startswith("."):
        words = [word for word in line[1:].split() if not MACRO.fullmatch(word)]
        line = " ".join(words)
    return line.replace(r"\&", "").replace(r"\e", "\\").strip()


def text(page: str, title: str) -> str:
    return " ".join(map(plain, section(page, title)))


def words(said: str) -> set[str]:
    return {word.strip(",.;:()\"'") for word in said.split()}


def items(source: list[str], *, stop: str | None = None) -> Items:
    """Return the entries of the lists that are not inside of another one, with their text."""
    found: Items = {}
    depth, name = 0, ""
    for line in source:
        if stop and line.startswith(stop):
            break
        depth += line.startswith(".Bl") - line.startswith(".El")
        if depth == 1 and line.startswith(".It"):
            name = plain(line)
            found[name] = ""
        elif depth and name:
            found[name] += f" {plain(line)}"
    return found


def synopses() -> dict[Command, list[str]]:
    """Return the source lines of each command in the SYNOPSIS, after its name."""
    source = "\n".join(section("lvsdr.8", "SYNOPSIS"))
    blocks = [block.strip().splitlines() for block in source.split(".Nm\n") if block.strip()]
    named = [block for block in blocks if block[0].startswith(".Cm")]
    return {tuple(block[0].split()[1:]): block[1:] for block in named}


def options_said(command: Command) -> dict[str, str]:
    """Return the options of a command in the SYNOPSIS, with what each takes."""
    source = [line.removeprefix(".Op ").removeprefix(".") for line in synopses()[command]]
    said = [["", *line.split(maxsplit=3)] for line in source if line.startswith("Fl")]
    return {
        name.removeprefix("-"): "".join(value[1:]).replace(" ", "") for _, _, name, *value in said
    }


def arguments_said(command: Command) -> list[str]:
    said = [line for line in synopses()[command] if not line.startswith((".Op Fl", ".Fl"))]
    return [
        f"[{plain(line)}]" if line.startswith(".Op") else plain(line).replace(" ", "")
        for line in said
    ]


# What the program has.


def commands(
    group: click.Group = cli, path: Command = ()
) -> Iterator[tuple[Command, click.Command]]:
    for name, listed in group.commands.items():
        command = listed.loaded() if isinstance(listed, Later) else listed
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS: dict[Command, click.Command] = dict(commands())
NAMES = [" ".join(path) for path in COMMANDS]


def options(command: click.Command) -> Iterator[click.Option]:
    yield from (each for each in command.params if isinstance(each, click.Option))


def taken(option: click.Option) -> str:
    """Return what an option takes, as the SYNOPSIS has it."""
    if isinstance(option.type, click.Choice):
        return "|".join(option.type.choices)
    return "" if option.is_flag else option.metavar or (option.name or "").upper()


def long_name(option: click.Option) -> str:
    return max(option.opts, key=len).removeprefix("--")


def every_option() -> dict[str, list[click.Option]]:
    found: dict[str, list[click.Option]] = {}
    for option in chain.from_iterable(map(options, COMMANDS.values())):
        found.setdefault(long_name(option), []).append(option)
    return found


def properties(role: str) -> dict[tuple[str, str], tuple[Mapping[str, Any], bool]]:
    """Return each field with whether it is required, by the title it stands under and its name.

    Those of a field that refers to another stand where that one is described.
    """
    referring = {place.rpartition("/")[2] for place in schema.REFERRING[role]}

    def walk(title: str, described: Mapping[str, Any]) -> Iterator[Any]:
        required = described.get("required", ())
        for name, field in described.get("properties", {}).items():
            yield (title, name), (field, name in required)
            if name in referring and title != SECTIONS[role]:
                continue
            yield from walk(f"Each entry of {name}", field.get("items", {}))
            yield from walk(f"Fields of {name}", field)

    return dict(walk(SECTIONS[role], schema.document(role)))


def fields_said(role: str) -> dict[tuple[str, str], str]:
    source = section("lvsdr-profile.5", SECTIONS[role])
    found = {(SECTIONS[role], name): said for name, said in items(source, stop=".Ss").items()}
    for line in source:
        if line.startswith((".Ss Each entry of ", ".Ss Fields of ")):
            title = line.removeprefix(".Ss ")
            entries = items(section("lvsdr-profile.5", title))
            found |= {(title, name): said for name, said in entries.items()}
    return found


FIELDS = [(role, *place) for role in schema.ROLES for place in properties(role)]


def trees(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / "lvsdr" / room).rglob("*.py")):
            yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def found_rules() -> Iterator[tuple[str, ast.expr]]:
    """Yield the rule of each Finding that the program makes, with the file that makes it."""
    for name, tree in trees("."):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                yield name, node.args[0]


def heard_rules() -> set[str]:
    """Return the rules of all that can be heard about one VIP, of each family."""
    rules = set()
    for vip, rip in (("192.0.2.10", "192.0.2.11"), ("2001:db8::10", "2001:db8::11")):
        address, real_server = ip_address(vip), {"02:00:00:00:00:11": ip_address(rip)}
        for number in range(len(FORMS) + 1):
            for forms in combinations(FORMS, number):
                for macs in ((), (*real_server,), (*real_server, "a", "b")):
                    heard = frozenset(
                        Answer(address, mac, form, sender)
                        for mac in macs
                        for form in forms
                        for sender in ("", "02:00:00:00:00:66")
                    )
                    hearing = who_answers.SegmentAnswers(heard, MacOwners(real_server))
                    rules |= {
                        each.rule for each in who_answers.answer_findings((address,), hearing)
                    }
    return rules


def exit_codes() -> set[int]:
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    refusals = [each for each in classes if issubclass(each, errors.LvsdrError)]
    return {0, 1, *(each.exit_code for each in refusals if hasattr(each, "exit_code"))}


# The pages as mdoc.


@pytest.fixture(scope="module")
def mandoc() -> str:
    found = shutil.which("mandoc")
    if found is None and (os.environ.get("CI") == "true" or "LVSDR_REQUIRE_ALL" in os.environ):
        pytest.fail("mandoc is not installed, and everything has to run here")
    if found is None:
        pytest.skip("mandoc is not installed: apt-get install mandoc")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_passes_the_linter(mandoc: str, page: str) -> None:
    arguments = [mandoc, "-Tlint", "-Wwarning", str(ROOT / "man" / page)]

    done = subprocess.run(arguments, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_on_a_terminal(mandoc: str, page: str) -> None:
    arguments = [mandoc, "-Tascii", "-Owidth=80", str(ROOT / "man" / page)]

    shown = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout

    # Bold is a character struck over itself.
    wide = [line for line in re.sub(r".\x08", "", shown).splitlines() if len(line) > 80]
    assert wide == []


# lvsdr(8)


def test_the_synopsis_has_every_command_and_no_other() -> None:
    assert set(synopses()) == set(COMMANDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_its_options_in_the_synopsis_and_no_others(name: str) -> None:
    path = tuple(name.split())

    assert options_said(path) == {long_name(each): taken(each) for each in options(COMMANDS[path])}


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_its_arguments_in_the_synopsis(name: str) -> None:
    path = tuple(name.split())
    context = click.Context(COMMANDS[path])
    usage = COMMANDS[path].collect_usage_pieces(context)[1:]

    assert arguments_said(path) == [piece.strip("{}") for piece in usage]


def test_each_command_is_described_and_no_other() -> None:
    described = items(section("lvsdr.8", "COMMANDS"))

    assert set(described) == set(NAMES)


def test_each_option_is_described_and_no_other() -> None:
    described = re.findall(r"^\.It .*Fl -(\S+)", "\n".join(section("lvsdr.8", "OPTIONS")), re.M)

    assert sorted(described) == sorted([*every_option(), "version", "help"])


@pytest.mark.parametrize("name", every_option())
def test_an_option_is_described_with_its_default_its_range_and_its_choices(name: str) -> None:
    described = items(section("lvsdr.8", "OPTIONS"))
    said = next(f"{head} {body}" for head, body in described.items() if f"-{name}" in head.split())
    wanted: set[str] = set()
    for option in every_option()[name]:
        if isinstance(option.default, str | float):
            wanted.add(
                f"{option.default:g}" if isinstance(option.default, float) else option.default
            )
        if isinstance(option.type, click.Choice):
            wanted |= {str(each) for each in option.type.choices}
        if isinstance(option.type, click.FloatRange):
            wanted |= {f"{option.type.min:g}", f"{option.type.max:g}"}

    assert wanted <= words(said)


def test_the_exit_status_has_every_code_and_no_other() -> None:
    assert set(items(section("lvsdr.8", "EXIT STATUS"))) == {str(code) for code in exit_codes()}


def test_the_findings_have_every_rule_and_no_other() -> None:
    constant = {rule.value for _, rule in found_rules() if isinstance(rule, ast.Constant)}

    assert set(items(section("lvsdr.8", "FINDINGS"))) == constant | heard_rules()


def test_rules_whose_names_are_put_together_are_those_of_the_wire() -> None:
    """Else test_the_findings_have_every_rule_and_no_other would not see them."""
    made = {name for name, rule in found_rules() if not isinstance(rule, ast.Constant)}

    assert made == {"lent_names.py", "who_answers.py"}


def test_the_output_has_every_json_object_and_each_of_its_fields() -> None:
    shown = [tree for name, tree in trees("render") if name.startswith("json_")]
    nodes = list(chain.from_iterable(map(ast.walk, shown)))
    strings = {node.value for node in nodes if isinstance(node, ast.Constant)}
    formats = {each for each in strings if re.fullmatch(r"lvsdr/\w+/\d+", str(each))}
    keys = {
        key.value
        for node in nodes
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }

    said = text("lvsdr.8", "JSON")

    assert set(re.findall(r"lvsdr/\w+/\d+", said)) == formats
    assert keys <= words(said)


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_has_each_field_of_an_object(kind: str) -> None:
    said = words(items(section("lvsdr.8", "JSON"))[kind])
    names = {field.name for field in fields(KINDS[kind])}
    if "lvsdr-profile" in said:
        title = {"virtual_server": "virtual_servers", "real_server": "real_servers"}[kind]
        said |= {
            name for place, name in fields_said("director") if place == f"Each entry of {title}"
        }

    assert names <= said
    if kind == "virtual_server":
        assert {field.name for field in fields(Service)} <= said


def test_the_files_are_those_of_the_program() -> None:
    said = items(section("lvsdr.8", "FILES"))
    arguments = [each for command in COMMANDS.values() for each in command.params]
    profiles = {str(each.default) for each in arguments if isinstance(each.default, Path)}
    there = book.Book("cookie-N")

    assert set(said) == {*profiles, str(there.path), str(there.root / "cookie-N.lock")}
    assert len(profiles) == len(schema.ROLES)


def test_every_signal_that_stops_the_program_is_named() -> None:
    assert {each.name for each in signals.STOPPING} <= words(text("lvsdr.8", "SIGNALS")) | words(
        " ".join(items(section("lvsdr.8", "SIGNALS")))
    )


# lvsdr-profile(5)


@pytest.mark.parametrize("role", schema.ROLES)
def test_a_role_has_each_of_its_fields_and_no_other(role: str) -> None:
    assert set(fields_said(role)) == set(properties(role))


@pytest.mark.parametrize(("role", "title", "name"), FIELDS)
def test_a_field_has_its_type_default_range_and_choices(role: str, title: str, name: str) -> None:
    field, required = properties(role)[title, name]
    said = fields_said(role)[title, name]
    choices = [*field.get("enum", ()), *([field["const"]] if "const" in field else [])]
    wanted = {str(each) for each in choices}
    wanted |= {str(field[limit]) for limit in ("minimum", "maximum") if limit in field}
    wanted |= {"Required"} if required else set()
    kinds = [field["type"]] if isinstance(field.get("type"), str) else field.get("type", [])
    wanted |= set() if choices else {TYPES[kind] for kind in kinds}
    default = field.get("default")

    assert wanted <= words(said)
    assert ("Required" in said) == required
    if "default" in field:
        shown = "empty" if default == [] else json.dumps(default).strip('"')
        assert re.search(rf"[Tt]he default is {re.escape(shown)}(?!\w)", said)


@pytest.mark.parametrize("kind", HOLDER_KINDS)
def test_a_holder_is_described_with_its_link_and_what_it_carries(kind: str) -> None:
    source = section("lvsdr-profile.5", "HOLDERS")
    row = next(line for line in source if line.startswith(f".It {kind} Ta"))
    described = [line for line in source if line == f".It Cm {kind}"]
    families = {"inet": "IPv4", "inet6": "IPv6"}
    carried = {families[family] for family in HOLDER_KINDS[kind].families}

    assert described
    assert HOLDER_KINDS[kind].link in words(row)
    assert words(row) & set(families.values()) == carried
    assert ("holder_link" in row) == HOLDER_KINDS[kind].named


def examples() -> Iterator[tuple[str, str]]:
    """Yield each profile among the examples, with the suffix of its language."""
    source = "\n".join(section("lvsdr-profile.5", "EXAMPLES"))
    for shown in re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", source, re.M):
        if shown.startswith("{"):
            yield ".json", shown
        elif "role =" in shown:
            yield ".toml", shown


@pytest.mark.parametrize(("suffix", "shown"), list(examples()))
def test_an_example_is_a_profile_that_can_be_read(suffix: str, shown: str, tmp_path: Path) -> None:
    path = tmp_path / f"example{suffix}"
    path.write_text(shown, encoding="utf-8")

    assert read(path).vips


@pytest.mark.parametrize("role", schema.ROLES)
def test_the_first_example_is_the_profile_that_is_shipped(role: str) -> None:
    shipped = json.loads((ROOT / "profiles" / f"{role}.json").read_text(encoding="utf-8"))

    assert shipped in [json.loads(shown) for suffix, shown in examples() if suffix == ".json"]
