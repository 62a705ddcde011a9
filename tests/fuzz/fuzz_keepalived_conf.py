"""Fuzz the check of keepalived.conf: any two files are judged, and what is printed is one line.

    PYTHONPATH=tests python -m fuzz.fuzz_keepalived_conf -atheris_runs=1000000

It drives what `lvsdr keepalived check` does with files that include no other, and what
`lvsdr keepalived config --like` makes of the first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from fuzz.mutations import atheris, run

with atheris.instrument_imports(include=["lvsdr"]):
    from lvsdr.errors import ProfileError
    from lvsdr.formats.keepalived.conf_syntax import lines_of
    from lvsdr.formats.keepalived.configuration import Configuration, read_by_each_host
    from lvsdr.formats.keepalived.instance_writer import Vrrp
    from lvsdr.formats.keepalived.judge import findings
    from lvsdr.formats.keepalived.judge_lines import OPTIONS, OUTERMOST, WITHIN
    from lvsdr.formats.keepalived.like_writer import conf_lines_like
    from lvsdr.formats.keepalived.said_lines import judged_lines
    from lvsdr.formats.keepalived.templates import template_fault
    from lvsdr.model.finding import ERROR, INFO, WARNING
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.profile import reader
from pathlib import Path

from odd_services import ODD, filled
from pair_differences import DIFFERENCES, text

# Two files in one input are parted by this line.
APART = "\f\n"
PROFILE = Path(__file__).parent.parent.parent / "profiles" / "director.json"
HOOK = Vrrp("VI_1", 51, 100, 1.0, "/usr/sbin/lvsdr", host="one")


def one(raw: bytes) -> None:
    """Judge one or two files, and write one like the first."""
    texts = raw.decode("utf-8", "replace").split(APART)[:2]
    confs: list[Configuration] = []
    for number, each in enumerate(texts):
        file = f"{number}.conf"
        template_fault(each, file)
        confs += read_by_each_host(lines_of(each, file), file)
    told = [*findings(confs), *judged_lines(texts[0].splitlines(), "0.conf", "", here=False)]
    for finding in told:
        assert finding.severity in (ERROR, WARNING, INFO)
        assert finding.rule.startswith("KEEPALIVED-")
    with suppress(ProfileError):
        again = "\n".join(conf_lines_like(_profile(), confs[0], HOOK))
        [*read_by_each_host(lines_of(again, "again.conf"), "again.conf")]


@cache
def _profile() -> DirectorProfile:
    profile = reader.profile_of(reader.parsed(PROFILE.read_bytes(), PROFILE), PROFILE)
    assert isinstance(profile, DirectorProfile)
    return profile


def lines(raw: bytes) -> list[list[str]]:
    """Return the words of each line, which are changed one by one."""
    return [each.split(" ") for each in raw.decode("utf-8", "replace").split("\n")]


def written(data: object) -> bytes:
    """Return lines of words as a file; raise TypeError for what is none."""
    if not isinstance(data, list):
        raise TypeError
    rows = (each if isinstance(each, list) else [each] for each in data)
    return "\n".join(" ".join(map(str, row)) for row in rows).encode("utf-8", "replace")


def seeds() -> Iterator[bytes]:
    """Yield pairs that differ, and odd virtual servers."""
    for each in DIFFERENCES:
        yield APART.join(text(each, 100, which) for which in (0, 1)).encode()
    for number, odd in enumerate(ODD):
        yield filled(odd.text, number).encode()
    yield b"@one $X=3\n@two $X=4\nvrrp_instance A {\nvirtual_router_id $X\n}\n~SEQ(N, 1, 3) a $N\n"


def words() -> Iterator[str]:
    """Yield the words of keepalived."""
    yield from OUTERMOST
    yield from WITHIN
    for each in OPTIONS.values():
        yield from each
    yield from ("{", "}", "$X", "${X}", "!", "#", '"', "@one", "include", "group", "fwmark")
    yield from ("virtual_ipaddress", "virtual_ipaddress_excluded", "unicast_peer", "dev", "lo")


if __name__ == "__main__":
    run(one, lines, written, seeds(), words())
