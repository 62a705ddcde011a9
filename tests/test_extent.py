"""What a profile of up to 16 MiB may hold, and that it is read in 200 MiB of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lvsdr.errors import ProfileError
from lvsdr.profile.reader import read
from lvsdr.profile.reader.extent import MOST_JSON, MOST_TOML, MOST_VALUES, SMALL, refuse_too_much

HEAD = 'role = "director"\nname = "web"\ninterface = "eth0"\n'
FILLING = "#" + "x" * 64 + "\n"
# Reads a profile, and prints the most memory that it took (ru_maxrss counts its parent's too).
MEASURED = """
import sys
from pathlib import Path
from lvsdr.cli.main import main
sys.argv = ["lvsdr", "check", sys.argv[1]]
try:
    main()
finally:
    status = Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in status if line.startswith("VmHWM:")), flush=True)
"""


def refused(path: Path) -> str:
    with pytest.raises(ProfileError) as error:
        read(path)
    return error.value.message.removeprefix(f"{path}: ")


def large(folder: Path, text: str, suffix: str = ".toml") -> Path:
    path = folder / f"web{suffix}"
    path.write_text(text, encoding="utf-8")
    assert SMALL < path.stat().st_size <= 16 * SMALL
    return path


@pytest.mark.parametrize(
    ("suffix", "text", "message"),
    [
        (".json", '{"vips":[' + "{}," * (5 * SMALL), f"more than {MOST_JSON:,} tables and lists"),
        (".json", '{"vips":[' + "[]," * (5 * SMALL), f"more than {MOST_JSON:,} tables and lists"),
        (".json", '{"vips":[' + '"a",' * SMALL, f"more than {MOST_VALUES:,} values"),
        (".toml", HEAD + "[a]\n" * SMALL, f"more than {MOST_TOML:,} tables and lists"),
        (".toml", HEAD + "a.a.a.a.a=1\n" * SMALL, f"more than {MOST_TOML:,} tables and lists"),
        (".toml", HEAD + "a=[" + "{}," * SMALL, f"more than {MOST_TOML:,} tables and lists"),
        # What is quoted hides nothing behind it.
        (
            ".toml",
            HEAD + 'a={b="""\n"""' + ",a.a.a.a=1" * SMALL + ',c=""}\n',
            f"more than {MOST_TOML:,} tables and lists",
        ),
        (".toml", HEAD + "\"'\".a.a.a.a='#'\n" * (SMALL // 2), f"more than {MOST_TOML:,} tables"),
    ],
)
def test_more_than_fits_is_refused_before_it_is_read(
    tmp_path: Path, suffix: str, text: str, message: str
) -> None:
    assert refused(large(tmp_path, text, suffix)).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + ('# "[a.b.c.d]" \'{{{{' + "[" * 40 + "\n") * (SMALL // 16),
        HEAD + 'x = """' + '[a.b.c]"".\\"' * SMALL + '"""\n',
        HEAD + "x = '''" + "[a.b.c]''.\"" * SMALL + "'''\n",
        HEAD + 'x = "' + '\\"[.' * SMALL + '"\n',
    ],
    ids=["comments", "three double quotes", "three single quotes", "escapes"],
)
def test_what_is_written_in_strings_and_comments_is_no_table(text: str) -> None:
    refuse_too_much(text, toml=True)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".toml", HEAD + "".join(f"[a{each}]\n" + FILLING for each in range(MOST_TOML - 9))),
        (
            ".json",
            '{"role":"director"'
            + "".join(f',"a{each:07}":1' for each in range(MOST_VALUES - 9))
            + "}",
        ),
        (
            ".json",
            '{"role":"director","vips":['
            + ",".join(f'{{"a":"{each}"}}' for each in range(MOST_JSON - 9))
            + "]}",
        ),
    ],
    ids=["tables", "fields", "objects"],
)
def test_as_much_as_fits_takes_at_most_200_mib(tmp_path: Path, suffix: str, text: str) -> None:
    path = large(tmp_path, text, suffix)

    done = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "unknown field" in done.stderr or "required, but missing" in done.stderr
    _, peak, unit = done.stdout.split()
    assert (unit, int(peak) <= 200 * 1024) == ("kB", True), peak
