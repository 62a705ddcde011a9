"""Fuzz what is imported: any text is profiles that our reader takes, or a ProfileError.

    PYTHONPATH=tests:tests/lab python -m fuzz.fuzz_imports ipvsadm|ldirectord -atheris_runs=1000000

No name is looked up meanwhile: it drives `of_text` of each format, which is all but the opening of
the file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from directed_files import FILES as DIRECTED
from directed_files import NOT_STARTED
from restored_files import FILES as RESTORED

from fuzz.mutations import atheris, run

with atheris.instrument_imports(include=["lvsdr.formats"]):
    from lvsdr.errors import ProfileError
    from lvsdr.formats import looked_up
    from lvsdr.model.imported import Imported, Unsaid
    from lvsdr.profile.reader import profile_in
    from lvsdr.render.profile_text import profile_lines

    MODULES = {
        name: import_module(f"lvsdr.formats.{name}.{name}_import")
        for name in ("ipvsadm", "ldirectord")
    }
TOOL = sys.argv.pop(1) if sys.argv[1:2] and sys.argv[1] in MODULES else "ipvsadm"
OF_TEXT: Callable[[str, str, Unsaid], Imported] = MODULES[TOOL].of_text
WORDS = {
    "ipvsadm": "-A -E -D -C -a -e -d -t -u -f -6 -s -p -M -r -g -i -m -w -x -y -o -b rr wlc sh mh"
    " --set --pe sip --tun-type gue gre --tun-port --tun-csum --start-daemon master 0 1 -1 65536"
    " 192.0.2.10:80 [2001:db8::1]:0 4294967295 255.255.255.0 http sh-port --sctp-service # ipvsadm",
    "ldirectord": "virtual= virtual6= real= real6= fallback= gate masq ipip l:3 u:7 0 1 -1 65536"
    ' checktype=off checktype=external checktype=5 service=http request="x" receive="a.b" # \t'
    " persistent= netmask= scheduler= protocol=fwm quiescent=yes checkcommand=/bin/true 192.0.2.10"
    " 192.0.2.11->192.0.2.12:80 [2001:db8::1]:80 ops=yes schedflags=sh-port virtualhost=a.b",
}


def unknown(*_: object) -> str:
    """Know no name of any host."""
    raise OSError


def one(raw: bytes) -> None:
    """Import `raw`; what is said is printable, and what comes of it is sound."""
    try:
        made = OF_TEXT(raw.decode("utf-8", "replace"), "rules", Unsaid())
    except ProfileError as error:
        assert error.message.isprintable()
        return
    for each in made.findings:
        assert each.message.isprintable(), each
    for name, document in made.documents.items():
        text = "\n".join(profile_lines(document))
        assert read_again(text, name, document["role"])


@lru_cache(1_000)
def read_again(text: str, name: str, role: str) -> object:
    """Return the profile that a text is; most of an import's real servers were seen before."""
    return profile_in(text.encode(), Path(name), role)


def loads(raw: bytes) -> list[list[str]]:
    """Return the words of each line."""
    return [line.split(" ") for line in raw.decode().split("\n")]


def dumps(data: Any) -> bytes:
    """Return the text of lines of words, whatever became of them."""
    lines = (line if isinstance(line, list) else [line] for line in data)
    return "\n".join(" ".join(map(str, line)) for line in lines).encode()


def seeds() -> Iterator[bytes]:
    """Yield the small files whose tables are held against those of the tool itself."""
    for file in RESTORED if TOOL == "ipvsadm" else (*DIRECTED, *NOT_STARTED):
        yield file.text.encode()


if __name__ == "__main__":
    looked_up.LookedUp.address = unknown  # type: ignore[method-assign, assignment]
    run(one, loads, dumps, seeds(), WORDS[TOOL].split(" "))
