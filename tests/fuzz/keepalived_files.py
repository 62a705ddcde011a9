"""keepalived.conf as nobody should write it, and what an import has to make of that."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from random import Random

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.conf_syntax import lines_of, parsed
from lvsdr.formats.keepalived.host_lines import HostReader
from lvsdr.formats.keepalived.imported_conf import meaning_of
from lvsdr.formats.keepalived.imported_globals import ELSEWHERE, NUMBERS
from lvsdr.formats.keepalived.real_server_lines import CHECKERS
from lvsdr.formats.keepalived.real_server_lines import TAKES as OF_REAL_SERVERS
from lvsdr.formats.keepalived.server_settings import TAKES as OF_SERVERS
from lvsdr.formats.keepalived.timing_lines import TIMINGS
from lvsdr.model.imported import Unsaid
from lvsdr.model.profile import Profile
from lvsdr.profile.reader import profile_in
from lvsdr.render.profile_text import profile_lines
from lvsdr.rules.profiles.crosscheck import disagreements

CONFS = Path(__file__).parent.parent / "keepalived_confs"
KEYWORDS = sorted({*CHECKERS, *OF_REAL_SERVERS, *OF_SERVERS, *TIMINGS, *ELSEWHERE, *NUMBERS})
KEYWORDS += ["virtual_server", "virtual_server_group", "group", "fwmark", "vrrp_instance"]
KEYWORDS += ["virtual_ipaddress", "global_defs", "lvs_timeouts", "lvs_sync_daemon", "interface"]
KEYWORDS += [
    "url",
    "path",
    "status_code",
    "regex",
    "digest",
    "misc_path",
    "payload",
    "label",
    "dev",
]
KEYWORDS += [
    "virtual_ipaddress_excluded",
    "require_reply",
    "track_file",
    "connect_port",
    "use_vmac",
]
VALUES = [
    *("192.0.2.5", "192.0.2.11", "2001:db8::5", "192.0.2.10-12", "192.0.2.8/29", "fe80::1%eth0"),
    *("127.0.0.1", "224.0.0.81", "::", "0.0.0.0", "255.255.255.255", "::ffff:192.0.2.5", "::1"),
    *("2001:db8::1-ff", "10.0.0.0/8", "80", "0", "-1", "65536", "4294967296", "99999999999999999"),
    *("1e9", "0.00001", "3600.5", "nan", "inf", "NAT", "DR", "TUN", "type", "gue", "port", "csum"),
    *("TCP", "udp", "sctp", "G", "yes", "no", "inet6", "255.0.255.0", "24", "eth0", "eth0:1", "{"),
    *(
        "}",
        '"',
        "'",
        "!",
        "#",
        "$X",
        "${X}",
        "$X=y",
        "\\",
        "\x1b[2J",
        "é" * 9,
        "/bin/true a",
        "0xff",
    ),
    *("www.example.org", "." * 70, "a" * 300, "/a b", "20x", "600", "~SEQ(N,1,3)", "@h", "@^h x"),
]


def seeds() -> list[list[str]]:
    """Return the lines of the files of which both tables are known to be the same."""
    return [path.read_text().splitlines() for path in sorted(CONFS.glob("*.conf"))]


def mutated(known: list[list[str]], chance: Random) -> str:
    """Return a file with one to six of its lines changed, added, doubled, or taken away."""
    lines = list(chance.choice(known))
    if chance.random() < 0.2:
        lines += chance.choice(known)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(lines) + 1)
        what = chance.random()
        if what < 0.15 and lines:
            del lines[min(place, len(lines) - 1)]
        elif what < 0.3 and lines:
            lines.insert(place, chance.choice(lines))
        elif what < 0.65 and lines:
            place = min(place, len(lines) - 1)
            lines[place] = _changed(lines[place], chance)
        else:
            lines.insert(place, _line(chance))
    return "\n".join(lines)


def _line(chance: Random) -> str:
    words = [chance.choice(KEYWORDS), *(chance.choice(VALUES) for _ in range(chance.randint(0, 3)))]
    return " ".join(words) + (" {" if chance.random() < 0.15 else "")


def _changed(line: str, chance: Random) -> str:
    words = line.split() or [""]
    place = chance.randrange(len(words))
    words[place] = chance.choice(VALUES if chance.random() < 0.7 else KEYWORDS)
    return " ".join(words)


def one(text: str) -> bool:
    """Import a file; return whether profiles came of it, each of which our own reader takes."""
    lines = list(HostReader("h").read(lines_of(text, "keepalived.conf")))
    try:
        found = meaning_of(parsed(lines), "keepalived.conf", Unsaid())
    except ProfileError as error:
        assert error.hints
        assert error.message.isprintable()
        return False
    for each in found.findings:
        assert each.message.isprintable(), each
        assert each.look or each.hint, each
    profiles = [
        read_again("\n".join(profile_lines(document)), name, document["role"])
        for name, document in found.documents.items()
    ]
    disagreements(profiles)
    return True


@lru_cache(1_000)
def read_again(text: str, name: str, role: str) -> Profile:
    """Return the profile that a text is; most of an import's real servers were seen before."""
    return profile_in(text.encode(), Path(name), role)
