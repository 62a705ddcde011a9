"""keepalived.conf read as keepalived reads it: comments, names in includes, files without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from judging import GOOD, judged
from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.formats.keepalived.conf_syntax import lines_of, parsed, words_of
from lvsdr.formats.keepalived.configuration import read_by_each_host
from lvsdr.formats.keepalived.includes import LARGEST, MOST_BYTES, read_lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("virtual_router_id 51#old", ["virtual_router_id", "51"]),
        ("interface eth0!uplink", ["interface", "eth0"]),
        ("# all of it", []),
        ('notify "/bin/a # b" c', ["notify", "/bin/a # b", "c"]),
        ('notify "/bin/a"#b', ["notify", "/bin/a"]),
        # As keepalived 2.2.7: single quotes do not keep a comment from beginning.
        ("notify '/bin/a # b", ["notify", "/bin/a "]),
        ('unquote "to the end # of it', ["unquote", "to the end # of it"]),
    ],
)
def test_a_comment_begins_within_a_word(line: str, words: list[str]) -> None:
    (read,) = lines_of(line)

    assert words_of(read.text) == words


def test_a_comment_behind_a_number_or_a_link_is_no_fault() -> None:
    commented = GOOD.replace("virtual_router_id 51", "virtual_router_id 51#old")
    commented = commented.replace("interface eth0", "interface eth0!uplink")
    assert commented.count("#old") == commented.count("!uplink") == 1

    assert judged(commented) == judged(GOOD)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("include ${_PWD}/x.inc\n", ["VI_1"]),
        ("$D=/nowhere\n$D=FOLDER\ninclude ${D}/x.inc\n", ["VI_1"]),
        ("$F=FOLDER/x.inc # the one\ninclude $F\n", ["VI_1"]),
        # As keepalived 2.2.7: without braces it is a name only where the word ends.
        ("include $_PWD/x.inc\n", []),
        ("$D=FOLDER\ninclude $D/x.inc\n", []),
    ],
)
def test_names_are_filled_in_where_a_file_is_included(
    tmp_path: Path, text: str, found: list[str]
) -> None:
    main = tmp_path / "keepalived.conf"
    main.write_text(text.replace("FOLDER", str(tmp_path)))
    (tmp_path / "x.inc").write_text("vrrp_instance VI_1 {\n}\n")

    read = read_lines(main)

    (conf,) = read_by_each_host(read.lines, str(main))
    assert [each.name for each in conf.routers()] == found
    assert bool(read.findings) is (not found)


def test_a_line_does_not_grow_beyond_what_anybody_writes(tmp_path: Path) -> None:
    main = tmp_path / "keepalived.conf"
    main.write_text("$A=" + "a" * 1000 + "\ninclude " + "${A}" * 1000 + "\n")

    (told,) = read_lines(main).findings

    assert len(told.message) < 10_000


def test_the_parts_of_a_block_are_found_by_name_in_their_order() -> None:
    root = parsed(lines_of("a 1\nb 2\na 3\nc\n"))

    assert [each.value for each in root.all("a")] == ["1", "3"]
    assert [each.value for each in root.all("a", "b")] == ["1", "2", "3"]
    assert [*root.all("d"), *root.all()] == []


def comment(size: int) -> str:
    """Return one line of so many bytes: a million empty ones take seconds to read."""
    return "#" + "-" * (size - 2) + "\n"


def test_files_that_are_too_large_together_are_told(tmp_path: Path) -> None:
    main = tmp_path / "keepalived.conf"
    number = MOST_BYTES // LARGEST + 1
    main.write_text("include part*\n")
    for each in range(number):
        (tmp_path / f"part{each:02}").write_text(comment(LARGEST - 1))

    read = read_lines(main)

    assert [each.message.partition("cannot be read: ")[2] for each in read.findings] == [
        f"the files have more than {MOST_BYTES} bytes together"
    ] * len(read.findings)
    assert 1 <= len(read.findings) <= 2


def test_so_are_those_of_many_hosts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tmp_path / f"host{number}.conf") for number in range(MOST_BYTES // LARGEST + 1)]
    for name in names:
        Path(name).write_text(comment(LARGEST))

    code = run(("keepalived", "check", *names), Session())

    assert code == 2
    assert f"the files have more than {MOST_BYTES} bytes together" in capsys.readouterr().err


def test_of_groups_and_instances_each_hears_of_the_stop_by_the_other() -> None:
    silent = "vrrp_instance {0} {{\n  notify_master /bin/true\n{1}}}\n"
    group = "vrrp_sync_group {0} {{\n  group {{\n    {1}\n  }}\n{2}}}\n"
    stop, master = "  notify_stop /bin/true\n", "  notify_master /bin/true\n"
    text = (
        silent.format("A", "")
        + silent.format("B", stop)
        + silent.format("C", "")
        + group.format("GA", "A", stop)
        + group.format("GB", "B", master)
        + group.format("GC", "C", master)
    )

    told = {
        each.message.split(": ")[1] for each in judged(text) if each.rule == "KEEPALIVED-NO-STOP"
    }

    assert told == {"C", "GC"}
