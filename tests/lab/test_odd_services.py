"""What keepalived makes of odd virtual servers, and what it does not start with.

tests/test_keepalived_services.py has what the check says of the same ones.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import director, realserver, rig, settled
from witnesses import ipvsadm

from lvsdr.lab.lab_host import Host
from odd_services import ODD, filled, vip

LIMIT = 60.0
INSTANCE = """vrrp_instance {name} {{
{lines}
virtual_ipaddress {{
127.255.0.9/32 dev lo scope host
}}
}}
"""
GOOD = "interface eth0\nvirtual_router_id 9"
# What keepalived does not start with, and whether.
STARTS = {
    "a good one": (INSTANCE.format(name="A", lines=GOOD), True),
    "no number": (INSTANCE.format(name="A", lines="interface eth0"), False),
    "a number that is none": (INSTANCE.format(name="A", lines=GOOD.replace("9", "300")), False),
    "no link": (INSTANCE.format(name="A", lines="virtual_router_id 9"), False),
    "lo": (INSTANCE.format(name="A", lines=GOOD.replace("eth0", "lo")), False),
    "one number twice": (
        INSTANCE.format(name="A", lines=GOOD) + INSTANCE.format(name="B", lines=GOOD),
        False,
    ),
    "one name twice": (INSTANCE.format(name="A", lines=GOOD) * 2, True),
}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A director on a segment."""
    with rig(tmp_path_factory.mktemp("odd"), director(), realserver()) as made:
        yield made.lab.director


def keepalived(box: Host, home: Path, conf: str, *words: str) -> subprocess.Popen[str]:
    """Start keepalived in a folder of its own."""
    file = home / "keepalived.conf"
    file.write_text(conf)
    parts = {"": "main", "vrrp_": "vrrp", "checkers_": "checkers", "bfd_": "bfd"}
    files = [f"--{part}pid={home}/{name}.pid" for part, name in parts.items()]
    command = ["nsenter", f"--net={box.path}", "--", "keepalived", "-n", "-l", "-f", str(file)]
    with (home / "log").open("w") as log:
        return subprocess.Popen([*command, *words, *files], stdout=log, stderr=log, text=True)


@pytest.fixture(scope="module")
def table(box: Host, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The table of one keepalived with all of them, at once: before its first check."""
    home = tmp_path_factory.mktemp("keepalived")
    conf = "".join(filled(each.text, number) for number, each in enumerate(ODD))
    wanted = {filled(line, number) for number, each in enumerate(ODD) for line in each.table}
    # Nobody is to be taken out while we look.
    conf = conf.replace("lb_kind", "delay_loop 600\nlb_kind")
    process = keepalived(box, home, conf, "-C")
    try:
        settled(lambda: set(ipvsadm(box)) >= wanted, True, LIMIT, every=0.5)
        return ipvsadm(box)
    finally:
        process.terminate()
        process.wait(LIMIT)


@pytest.mark.parametrize("number", range(len(ODD)), ids=lambda n: str(ODD[n]))
def test_keepalived_makes_of_it_what_the_check_says(table: list[str], number: int) -> None:
    mine = [line for line in table if f"{vip(number)}:" in line]

    assert sorted(mine) == sorted(filled(line, number) for line in ODD[number].table)


def test_keepalived_starts_or_does_not_as_the_check_says(box: Host, tmp_path: Path) -> None:
    started = {}
    for name, (conf, _) in STARTS.items():
        home = tmp_path / name.replace(" ", "-")
        home.mkdir()
        started[name] = home, keepalived(box, home, conf, "-P")

    def seen() -> dict[str, tuple[bool, bool]]:
        """Return whether each is on its way to be master, and whether it has ended."""
        return {
            name: ("Entering" in (home / "log").read_text(), process.poll() is not None)
            for name, (home, process) in started.items()
        }

    wanted = {name: (starts, not starts) for name, (_, starts) in STARTS.items()}
    try:
        lives = settled(seen, wanted, LIMIT, every=0.5)
    finally:
        for _, process in started.values():
            process.terminate()
            process.wait(LIMIT)

    assert lives == wanted
