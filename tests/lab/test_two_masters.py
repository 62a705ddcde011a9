"""keepalived.conf of two directors: two real keepaliveds, and who answers for a VIP.

All differences between them at once: each has an instance, a number and a VIP of its own.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rig import director, realserver, rig, settled, write

from lvsdr.formats.keepalived.conf_syntax import lines_of
from lvsdr.formats.keepalived.configuration import read_by_each_host
from lvsdr.formats.keepalived.instance_writer import Vrrp
from lvsdr.formats.keepalived.like_writer import conf_lines_like
from lvsdr.formats.keepalived.syntax_check import installed_version
from lvsdr.lab.lab_host import Host
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read
from pair_differences import DIFFERENCES, Difference, text, vip

FIRST = 100
# It takes a director four seconds to become one, and the machine has other things to do.
LIMIT = 60.0
ANSWER = re.compile(r"reply from (?P<vip>[\d.]+) +\[(?P<mac>[0-9A-Fa-f:]+)\]")
VIRTUAL = re.compile("00:00:5e:00:01:([0-9a-f]{2})$")
NUMBERED = dict(enumerate(DIFFERENCES, FIRST))


@dataclass(frozen=True, slots=True)
class Boxes:
    """Two directors' hosts, their addresses, and who asks for VIPs."""

    hosts: tuple[Host, Host]
    own: tuple[str, str]
    asker: Host


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    """Two hosts on a segment."""
    with rig(tmp_path_factory.mktemp("masters"), director(), realserver()) as made:
        hosts = (made.lab.director, made.lab.observer)
        addresses = {each.name: str(each.address(4)) for each in made.lab.topology.segment}
        own = (addresses[hosts[0].name], addresses[hosts[1].name])
        yield Boxes(hosts, own, made.lab.gateway)


@pytest.fixture(scope="module")
def masters(boxes: Boxes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many answer for each VIP once it is as it should be, or at the end of our patience."""
    files = [
        "".join(text(each, number, which, *boxes.own) for number, each in NUMBERED.items())
        for which in (0, 1)
    ]
    wanted = {vip(number): expected(each) for number, each in NUMBERED.items()}
    return answering(boxes, tmp_path_factory.mktemp("differing"), files, wanted)


def expected(difference: Difference) -> int:
    """Return how many masters this machine's keepalived makes of a difference."""
    version = installed_version()
    assert version is not None
    heard = difference.heard_from is not None and version >= difference.heard_from
    return 2 if difference.two_masters and not heard else 1


def answering(
    boxes: Boxes, folder: Path, files: Sequence[str], wanted: dict[str, int]
) -> dict[str, int]:
    """Return how many masters each VIP has while keepaliveds run with two files."""
    looks: list[dict[str, set[str]]] = []

    def counted() -> dict[str, int]:
        looks.append(_asked(boxes.asker, wanted))
        return {each: _masters([len(look[each]) for look in looks[-3:]]) for each in wanted}

    with ExitStack() as stack:
        for host, conf in zip(boxes.hosts, files, strict=True):
            stack.enter_context(_keepalived(host, folder, conf))
        # Each look takes a program for each VIP.
        return settled(counted, wanted, LIMIT, every=2.0)


def _masters(answered: Sequence[int]) -> int:
    """Return how many masters the last looks show.

    Two is what most of them show: on a machine that has other things to do an advert may be late,
    and one who has no reason to takes over for a moment.
    """
    return 2 if sum(each > 1 for each in answered) > 1 else min(1, max(answered))


@contextmanager
def _keepalived(box: Host, folder: Path, conf: str) -> Iterator[None]:
    home = folder / box.name
    home.mkdir()
    file = home / "keepalived.conf"
    file.write_text(f"global_defs {{\nrouter_id lab\n}}\n{conf}")
    parts = {"": "main", "vrrp_": "vrrp", "checkers_": "checkers", "bfd_": "bfd"}
    files = [f"--{part}pid={home}/{name}.pid" for part, name in parts.items()]
    command = [
        "nsenter",
        f"--net={box.path}",
        "--",
        "keepalived",
        "-n",
        "-l",
        "-P",
        "-f",
        str(file),
    ]
    with (home / "log").open("w") as log:
        process = subprocess.Popen([*command, *files], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(LIMIT)


def _asked(host: Host, vips: dict[str, int]) -> dict[str, set[str]]:
    """Return which MACs answer for each VIP, all of them asked at once."""
    asking = "".join(f"arping -b -w 2 -I eth0 {each} &\n" for each in vips)
    said = host.run("sh", text=f"{asking}wait\n", check=False).stdout
    found: dict[str, set[str]] = {each: set() for each in vips}
    for answer in ANSWER.finditer(said):
        # Linux 7.2 refuses what keepalived sets on links of use_vmac, and they answer for all that
        # their host holds: only for its own VIP that of a virtual router is another master's.
        router = VIRTUAL.match(answer["mac"].lower())
        if router is None or int(router[1], 16) == int(answer["vip"].rpartition(".")[2]):
            found[answer["vip"]].add(answer["mac"].lower())
    return found


@pytest.mark.parametrize("number", NUMBERED, ids=lambda n: str(NUMBERED[n]))
def test_two_masters_where_the_check_says_so(masters: dict[str, int], number: int) -> None:
    """What tests/test_keepalived_pairs.py has of the check is what two keepaliveds do."""
    assert masters[vip(number)] == expected(NUMBERED[number])


def test_a_pair_is_moved_host_by_host_with_one_master(boxes: Boxes, tmp_path: Path) -> None:
    """One director has a file of its own still, the other what lvsdr writes like it."""
    a, b = boxes.own
    document = director(vips_owner="keepalived")
    profile = read(write(tmp_path, document), "director")
    assert isinstance(profile, DirectorProfile)
    old, others = (
        "".join(
            text(Difference("", each.one, each.one, two_masters=False), number, which, *own)
            for number, each in NUMBERED.items()
        )
        for which, own in ((0, (a, b)), (1, (b, a)))
    )
    (conf,) = read_by_each_host(lines_of(others, "old.conf"), "old.conf")
    called = Vrrp("", 1, 1, 1.0, "/bin/true lvsdr")
    new = "\n".join(conf_lines_like(profile, conf, called))
    # But where both have a third host as their peer.
    wanted = {vip(n): 1 + ("192.168.1.77" in each.one.lines) for n, each in NUMBERED.items()}

    seen = answering(boxes, tmp_path, [old, f"{new}\n"], wanted)

    assert seen == wanted
