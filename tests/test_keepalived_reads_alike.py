"""keepalived.conf read by us and by keepalived itself, which names each word it does not know."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsdr.formats.keepalived.conf_syntax import words_of
from lvsdr.formats.keepalived.host_lines import HostReader
from lvsdr.formats.keepalived.includes import Files

KEEPALIVED = shutil.which("keepalived", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
TOLD = re.compile(r"\((?:.*?: )?Line \d+\) Unknown keyword '(.*)'")
HOST, FIRST = "here", "the-first-word-of-all"

pytestmark = pytest.mark.skipif(
    KEEPALIVED is None and "LVSDR_REQUIRE_ALL" not in os.environ,
    reason="keepalived is not installed: apt-get install keepalived",
)


def by_keepalived(main: Path) -> list[str]:
    """Return the first word of each line that keepalived comes to read."""
    done = subprocess.run(
        [str(KEEPALIVED), "-t", "-l", "-i", HOST, "-f", str(main)],
        capture_output=True,
        check=False,
        timeout=20,
        cwd="/",
    )
    told = [each[1] for each in TOLD.finditer(done.stderr.decode("utf-8", "replace"))]
    # Its processes read one after another; what counts is what the last ones make of it.
    assert told.count(FIRST) == 4, done.stderr
    last = len(told) - told[::-1].index(FIRST)
    return told[last:]


def by_us(main: Path) -> list[str]:
    """Return the same as we read it; of an opening brace keepalived says something else."""
    files = Files()
    read = [words_of(each.text)[:1] for each in HostReader(HOST, files).read(files.first(main))]
    assert read.pop(0) == [FIRST]
    return [word for words in read for word in words if word != "{"]


def compared(folder: Path, text: str) -> tuple[list[str], list[str]]:
    main = folder / "main.conf"
    main.write_text(f"{FIRST}\n{text}\n")
    return by_us(main), by_keepalived(main)


INCLUDED = {
    "inc1": "from1 ${_PWD}\n",
    "inc2": "include sub/i2\nfrom2\n",
    "sub/i1": "i1",
    "sub/i2": "${_PWD} $X\n",
    "ind1": "d1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder, reached through a link, with files to include."""
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    for name, text in INCLUDED.items():
        (tmp_path / "real" / name).write_text(text)
    (tmp_path / "real" / "program").write_text("program\n")
    (tmp_path / "real" / "program").chmod(0o755)
    return tmp_path / "link"


CASES = {
    "comments": (
        'a#b\nc!d\n\'e # f\n"g # h" i\nj\\#k l\nm \\! n\no \\\np # \\\nq\xa0r\ns\x0bt\n'
        "u\x85v\nw\u2028x"
    ),
    "braces": 'a{b}c\n"d{e}" f\ng {\n} h\n}i{j\nit\'s {\n}\nk "l\n"m {\nn',
    "names": (
        "$X=one two\n$X\n${X}a\na$X\na${X}b\n$X,\n$X)\n$X.\n$X}\n$X\tz\n$Y\n$_X=1\n$_X\n"
        "$1=2\n$X=\n$X z"
    ),
    "names_of_names": "$A=${B}c\n$B=b\n$A\n$B=d\n$A\n$X=$A e\n$X",
    "several_lines": (
        "$M= \\\n a \\\n\tb c # d\\\n e\\\nf\n$M\ng $M\n$M h\n$N=\\\ni\\\n\nj\n$N\n$O=\\\n"
        "k\\\n# l\nm\n$O"
    ),
    "hosts": (
        "@here a\n@other b\n@^here c\n@^other d\n@here @other e\n@here\n@here $X=f\n$X\n"
        "@other $X=g\n$X\nh { @here i"
    ),
    "given_names": (
        "${_INSTANCE}\n$_INSTANCE\n${_PWD}\n$_PWD\n$_PWD/a\na${_HASH}b\n${_BANG}c\n"
        "d ${_RANDOM} {\n$_PWD=e\n$_PWD"
    ),
    "sequences": (
        "~SEQ(n, 1, 3) a$n b\n~SEQ(n, 3) c${n}\n~SEQ(n, -2) d${n}\n~SEQ(n, 1, 2, 6) e${n}\n"
        "~SEQ(n,3,1) f${n}\n~SEQx(n, 8, 12) g${n}\n~SEQ(n, 1, 0, 3) h\n~SEQ(n) i\n"
        "~SEQ(m, 1, 2) ~SEQ(n, 1, 2) j${m}${n}\n$n k"
    ),
    "lists": (
        "~LST(n, a, b) c${n}\n~LST({m, n}, {a, b}, {d}) ${m}e${n}\n$L=x\n"
        "~LST(n, $L) f${n}\n~LST n\n~LST(, ) g"
    ),
    "patterns": (
        "include inc1\ninclude inc2\ninclude sub/*\ninclude in[cd]1\ninclude in[^d]1\n"
        "include in[[:alpha:]]1\ninclude {inc1,ind1}\nincluder inc1\nincludez inc1\n"
        "include\n include inc1 # a\n"
    ),
    "files": (
        'include "inc1"\ninclude program\ninclude sub\ninclude none/*\n$X=inc1\n'
        "include $X\ninclude ${_PWD}/inc1\n@other include inc1\ninclude ./sub/../inc1\n"
        "$P=${_PWD}/sub\ninclude ${P}/i1\ninclude inc2"
    ),
    "long_lines": f"{'a' * 1500}\n{'b ' * 700}c\n{'#' * 1022} d\n{'#' * 1023} e\n{'é' * 600} f",
    "carriage_returns": "a\r\nb \r\n\r\n$X=c\r\n$X\r\nd\re",
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_is_what_keepalived_reads(folder: Path, case: str) -> None:
    ours, keepalived = compared(folder, CASES[case])

    assert ours == keepalived
    assert ours


def words(draw: random.Random) -> Iterator[str]:
    plain = draw.choice(["aa", "b-b", "c.c", "it's", "ü", "1.2.3.4"])
    name = draw.choice("XYZ")
    yield from (plain, plain, f'"{plain} x"', f'"{plain}#x"', f"'{plain}'", f"{plain}#{plain}")
    yield from (f"${name}", f"${{{name}}}", f"x${{{name}}}", f"${name},", f"${name}.", "{", "}")
    yield from (f"{plain}{{x}}", f"{plain}!x", f"x\\#{plain}", "${_INSTANCE}", "@here", "\\x")


def line(draw: random.Random) -> str:
    text = " ".join(draw.choice([*words(draw)]) for _ in range(draw.randint(1, 4)))
    text = draw.choice(["", " ", "\t"]) + text + draw.choice(["", "", " ", " # c", "\t! x"])
    host = draw.choice(["@here", "@other", "@^here", "@^other"])
    value = draw.choice(["v", "v w", "1 # x", '"q r" s', "${_INSTANCE}-"])
    name = draw.choice("XYZ")
    return draw.choice(
        [
            *(text, text, text, f"{host} {text}", f"{host}\t{text}"),
            *(f"${name}={value}", f"${name}={value}", f"~SEQ({name}, 1, 2) {text}"),
            *(f"~LST({{X, Y}}, {{k, l}}, {{m}}) {text}", "", f"# {text}", "include sub/*"),
            *("include ${_PWD}/inc[12]", f"{host} a","include {inc1,none}"),
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_so_is_what_nobody_would_write(folder: Path, seed: int) -> None:
    draw = random.Random(seed)

    ours, keepalived = compared(folder, "\n".join(line(draw) for _ in range(12)))

    assert ours == keepalived
