"""What a keeper costs while nobody undoes anything: in CPU time, which load does not change."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest
from rig import Document, director, realserver, settled, virtual_server, write

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.lab.lvsdr_command import lvsdr_command

# Seconds, of which a hundredth is the bound, and MiB.
SPAN, BOUND, MEMORY = 30.0, 0.01, 40
SPANS = 4
LINKS = (
    "link add eth0 type veth peer name peer0",
    "link set eth0 up",
    "link set peer0 up",
    "address add 192.168.1.10/24 dev eth0",
)
MANY = director(*(virtual_server(port=1000 + number) for number in range(100)))


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosts(["one"]) as made:
        made["one"].ip(*LINKS)
        yield made["one"]


@contextmanager
def resident(host: Host, folder: Path, document: Document) -> Iterator[int]:
    """Give the number of the keeper's process, a program like any other, once it is ready."""
    path, told = write(folder, document), folder / "told"
    words = [*lvsdr_command(), document["role"], "keep", str(path), "--allow-insecure-profile"]
    with told.open("w") as out:
        process = host.inside(lambda: subprocess.Popen(words, stdout=out, stderr=out))
        try:
            assert settled(lambda: "is kept as" in told.read_text(), True, 30.0), told.read_text()
            yield process.pid
        finally:
            process.terminate()
            assert process.wait(10) == 0, told.read_text()
    host.lvsdr(document["role"], "withdraw", path, "--allow-insecure-profile")


def cpu(pid: int) -> float:
    """Return the seconds of CPU time that a process has had (proc(5))."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Return the memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.parametrize("document", [MANY, realserver()], ids=["director", "realserver"])
def test_at_rest_it_takes_a_hundredth_of_a_core_and_little_memory(
    host: Host, tmp_path: Path, document: Document, record_property: Callable[[str, object], None]
) -> None:
    with resident(host, tmp_path, document) as pid:
        # What is announced again after the start is no rest.
        sleep(2)
        spans = list[float]()
        # What else the machine does is counted in here: the least of some is what it takes.
        while len(spans) < SPANS and (not spans or min(spans) > BOUND * SPAN):
            before = cpu(pid)
            sleep(SPAN)
            spans.append(cpu(pid) - before)
        held = memory(pid)

    record_property("at_rest", (min(spans) / SPAN, held))
    assert min(spans) <= BOUND * SPAN, f"{spans} s of {SPAN}"
    assert held <= MEMORY, f"{held:.1f} MiB"
