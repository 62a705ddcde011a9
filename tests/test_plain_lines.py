"""A plain line asks for what click makes of it; whatever is not plain is left to click."""

from __future__ import annotations

import inspect
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvsdr.cli.command_line import cli
from lvsdr.cli.painting import COLOURS, painted
from lvsdr.cli.plain_lines import AS_JSON, OF_A_ROLE, Line, plain_line
from lvsdr.cli.plain_output import echo
from lvsdr.cli.session import Session

PROFILES = ("p.json", "/etc/lvsdr/p q.toml", "a=b", "\xfc", "\udcfc")
DRAIN = ("director", "drain")
HOOK = ("keepalived", "notify", "--director", "d.json")
WORDS = (
    *("director", "realserver", "keepalived", "plan", "apply", "withdraw", "notify", "status"),
    *("--timings", "--format", "json", "--netns", "-h", "--help", "--", "-", "", "-x", "p.json"),
    *("--rip", "192.0.2.20", "--undo", "--rip=fd00::1", "--vs", "--persistent", "drain"),
    *("--director", "--realserver", "--log", "INSTANCE", "GROUP", "VI_1", "MASTER", "STOP", "100"),
    *("--name", "--director=d.json", "\N{SUPERSCRIPT TWO}", "1_0", "+1", " 1", "instance"),
)


def by_click(arguments: Sequence[str]) -> tuple[object, Mapping[str, Any], Mapping[str, object]]:
    """Return what click would call, with which words, and what it told the session before."""
    session = Session()
    context = cli.make_context("lvsdr", list(arguments), obj=session)
    command: click.Command = cli
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        context = found.make_context(name, rest, parent=context)
        command = found
    # What is made for each role: its work, to which the role is given.
    called = inspect.unwrap(command.callback) if command.callback else None
    return called, context.params, told(session)


def told(session: Session) -> Mapping[str, object]:
    """Return what a session holds; each stopwatch started at another time."""
    return {**vars(session), "stopwatch": session.stopwatch is not None}


def plainly(line: Line) -> tuple[object, Mapping[str, Any], Mapping[str, object]]:
    """Return the same of a plain line, with the defaults of what is called."""
    session, asked = Session(), dict[str, Any]()

    def work(_: Session, **words: Any) -> int:
        asked.update(words)
        return 0

    Line(lambda: work, line.words, line.timed, line.as_json).run(session)
    called = line.load()
    defaults = {
        name: each.default
        for name, each in inspect.signature(called).parameters.items()
        if each.default is not each.empty
    }
    return called, {**defaults, **asked}, told(session)


def assert_as_click_reads_it(arguments: Sequence[str]) -> None:
    line = plain_line(arguments)
    assert line is not None
    called, words, session = plainly(line)
    expected, params, before = by_click(arguments)
    # click gives the role by itself: it is the command's.
    role = {"role": arguments[0]} if tuple(arguments[:2]) in OF_A_ROLE else {}
    if arguments[0] == "keepalived":
        # click's command hands its words on, by name.
        assert getattr(expected, "__name__", "") == "notify"
        assert [*inspect.signature(called).parameters] == [  # type: ignore[arg-type]
            *inspect.signature(expected).parameters  # type: ignore[arg-type]
        ]
    else:
        assert called is expected
    assert words == {**params, **role}
    assert session == before


def plain_lines() -> Iterator[tuple[str, ...]]:
    ends = [(*form, *timed) for form, timed in product(((), AS_JSON), ((), ("--timings",)))]
    for command, file, end in product(OF_A_ROLE, ((), *zip(PROFILES)), ends):
        yield (*command, *file, *end)
    at = ("--rip", "192.0.2.20")
    for words in ((), ("--undo",), ("d.json",), ("--undo", "d.json"), ("d.json", "--undo")):
        for end in ends:
            yield (*DRAIN, *at, *words, *end)
            yield (*DRAIN, *words, *at, *end)
    options = ((), ("--log",), ("--realserver", "r.json"), ("--realserver", "r.json", "--log"))
    for some, state, priority in product(options, ("MASTER", "DELETED"), ((), ("100",), ("007",))):
        yield (*HOOK, *some, "INSTANCE", "VI_1", state, *priority)
    yield ("keepalived", "notify", "--log", "--director", "d", "GROUP", "a b", "STOP", "0")


@pytest.mark.parametrize("arguments", [*plain_lines()], ids=" ".join)
def test_a_plain_line_is_read_as_click_reads_it(arguments: tuple[str, ...]) -> None:
    assert_as_click_reads_it(arguments)


@given(st.lists(st.sampled_from(WORDS), max_size=5), st.sampled_from([(), *OF_A_ROLE, DRAIN, HOOK]))
@example(["INSTANCE", "VI_1", "MASTER", "100"], HOOK)
@example(["--timings"], ("director", "plan"))
@example(["--format", "json", "--timings"], ("director", "plan"))
@example(["--rip", "--undo", "p.json"], DRAIN)
@example(["--rip", "192.0.2.20", "--rip", "p.json"], DRAIN)
def test_whatever_is_taken_for_plain_is_read_as_click_reads_it(
    rest: list[str], command: tuple[str, ...]
) -> None:
    arguments = (*command, *rest)

    if plain_line(arguments) is not None:
        assert_as_click_reads_it(arguments)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "director",
        "director status",
        "director plan a b",
        "director plan --format text",
        "director plan --format",
        "director plan --format json p.json",
        "director plan --format json --format json",
        "director plan --timings --format json",
        "director plan --help",
        "director plan -- a",
        "director plan --timings --timings",
        "director plan --timings a",
        "--timings director plan",
        "director apply --take-over",
        "director keep",
        "director drain",
        "director drain d.json",
        "director drain --rip",
        "director drain --rip --undo",
        "director drain --rip --undo d.json",
        "director drain --rip --timings",
        "director drain --rip --format json",
        "director drain --rip=192.0.2.20",
        "director drain --rip 192.0.2.20 --rip 192.0.2.21",
        "director drain --rip 192.0.2.20 --undo --undo",
        "director drain --rip 192.0.2.20 a b",
        "director drain --rip 192.0.2.20 --vs tcp:192.0.2.10:80",
        "director drain --rip 192.0.2.20 --persistent",
        "director drain --rip 192.0.2.20 --help",
        "realserver keep r.json",
        "realserver plan -",
        "keepalived notify INSTANCE VI_1 MASTER 100",
        "keepalived notify --director d.json INSTANCE VI_1",
        "keepalived notify --director d.json INSTANCE VI_1 MASTER 1_0",
        "keepalived notify --director d.json INSTANCE VI_1 MASTER \N{SUPERSCRIPT TWO}",
        "keepalived notify --director d.json INSTANCE VI_1 MASTER 1 2",
        f"keepalived notify --director d.json INSTANCE VI_1 MASTER {'1' * 5000}",
        "keepalived notify --director d.json INSTANCE VI_1 master 1",
        "keepalived notify --director d.json INSTANCE --log MASTER 1",
        "keepalived notify --director d.json --director e.json INSTANCE VI_1 MASTER 1",
        "keepalived notify --director --log INSTANCE VI_1 MASTER 1",
        "keepalived notify --director",
        "keepalived fifo --director d.json f",
    ],
)
def test_what_is_not_plain_is_left_to_click(line: str) -> None:
    assert plain_line(line.split()) is None


def test_an_empty_word_is_left_to_click() -> None:
    assert plain_line(["director", "plan", ""]) is None


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("words", ["realserver plan", "director drain --rip 192.0.2.20"])
def test_click_is_not_loaded_for_a_plain_line(tmp_path: Path, words: str, form: str) -> None:
    """Nor for what is told of a profile that is not there."""
    script = (
        "import sys\n"
        "from lvsdr.cli.main import main\n"
        "try: main()\n"
        "finally: print('click' in sys.modules)\n"
    )
    line = [sys.executable, "-c", script, *words.split()]
    named = [str(tmp_path / "none.json")]
    plainly_asked = [] if form == "text" else AS_JSON

    plain, other = (
        subprocess.run([*line, *rest], capture_output=True, text=True, check=False)
        for rest in ((*named, *plainly_asked), ("--format", form, *named))
    )

    assert (plain.returncode, plain.stdout.splitlines()[-1]) == (2, "False")
    assert (other.returncode, other.stdout.splitlines()[-1]) == (2, "True")
    assert plain.stdout.splitlines()[:-1] == other.stdout.splitlines()[:-1]
    assert plain.stderr == other.stderr


@pytest.mark.parametrize(
    ("options", "tidied"), [((), False), (("--format", "text"), True)], ids=["plain", "other"]
)
def test_a_plain_line_leaves_python_nothing_to_put_in_order(
    tmp_path: Path, options: tuple[str, ...], tidied: bool
) -> None:
    script = (
        "import atexit\n"
        "from lvsdr.cli.main import program\n"
        "atexit.register(print, 'tidied')\n"
        "print('before')\n"
        "program()\n"
    )
    line = ["realserver", "plan", str(tmp_path / "none.json"), *options]

    done = subprocess.run(
        [sys.executable, "-c", script, *line], capture_output=True, text=True, check=False
    )

    # All that was printed has arrived, on both streams.
    assert done.stdout == "before\n" + "tidied\n" * tidied
    assert (done.returncode, done.stderr.count("none.json")) == (2, 1)


@pytest.mark.parametrize("start", COLOURS)
def test_colours_are_those_of_click(start: str) -> None:
    names = {31: "red", 32: "green", 33: "yellow"}
    text = f"{start}: something"

    assert [*painted([text], coloured=True)] == [click.style(text, fg=names[COLOURS[start]])]
    assert [*painted([text], coloured=False)] == [text]


def printed(
    monkeypatch: pytest.MonkeyPatch, say: Callable[[], None], name: str, kind: tuple[bool, str]
) -> bytes:
    """Return what arrives of what `say` prints, where the stream `name` is of a kind."""
    terminal, encoding = kind
    end, other = pty.openpty() if terminal else os.pipe()
    written = io.TextIOWrapper(io.FileIO(other, "wb"), encoding=encoding)
    with io.FileIO(end, "rb") as read, monkeypatch.context() as patched:
        patched.setattr(sys, name, written)
        say()
        # One more, by which what is printed ends.
        written.write("END\n")
        written.flush()
        heard = b""
        # A terminal may give the end of a line by itself.
        while not heard.partition(b"END")[2].endswith(b"\n"):
            heard += read.read(4096) or b""
        written.close()
        return heard


TEXTS = ("plain", "\x1b[31mred\x1b[0m", "na\xefve", "two\nlines", "")
KINDS = tuple(product((True, False), ("utf-8", "ascii", "latin-1")))


@pytest.mark.parametrize(("text", "color"), [*product(TEXTS, (None, False))])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_text_is_printed_as_click_prints_it(
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    color: bool | None,
    kind: tuple[bool, str],
    name: str,
) -> None:
    errors = name == "stderr"

    ours = printed(monkeypatch, partial(echo, text, errors=errors, color=color), name, kind)
    clicks = printed(monkeypatch, partial(click.echo, text, err=errors, color=color), name, kind)

    assert ours == clicks
