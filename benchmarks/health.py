"""Health checks of very many real servers, beside keepalived's TCP_CHECK.

    python -m lvsdr.lab --memory 1024 --timeout 3000 -- python benchmarks/health.py [PART...]

Parts: cpu (1,000 real servers, in turns with keepalived), many (10,000), rest (100 services), and
rounds (10,000 without a table, on the machine's own kernel too: sudo unshare -nm python
benchmarks/health.py rounds; most does the same with 50,000, own is a whole keeper of 200, files one
of 50,000, http asks 1,000 at once). All real servers are addresses of two hosts. The CPU time is
what the kernel counts for the processes of each checker; in it is what the other hosts' kernels do
with a packet, as all hosts are one here.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic, sleep

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT.parent / "tests"), str(ROOT.parent / "tests/lab"), str(ROOT / "parts")]

from many_servers import (  # noqa: E402
    DIP,
    HEALTH,
    SERVERS,
    Document,
    Segment,
    document,
    halved,
    in_services,
    segment,
    uniform,
    varied,
)
from peers import running_checker  # noqa: E402

from lvsdr.lab.lab_host import Host  # noqa: E402
from lvsdr.lab.lvsdr_command import lvsdr_command  # noqa: E402

SPAN, ROUNDS, SETTLED = 20.0, 3, 5.0
BYTE_CODE = tempfile.TemporaryDirectory()
# An installed program is compiled.
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": BYTE_CODE.name}


# --- the two checkers ----------------------------------------------------------------------------


@contextmanager
def keeper(  # noqa: PLR0913 - what each part wants otherwise
    host: Host,
    folder: Path,
    services: list[Document],
    *,
    table: bool = True,
    health: Document = HEALTH,
    dies: bool = False,
) -> Iterator[int]:
    """Let lvsdr keep the director; give the number of its process.

    Where it has no `table` it tells keepalived by track files, and needs no IPVS. Nobody is to be
    down in the end, unless one `dies`.
    """
    path, told, files = folder / "director.json", folder / "told", folder / "files"
    fields = {"health": health} | ({} if table else {"table_owner": "keepalived"})
    path.write_text(json.dumps(document(services, **fields)), encoding="utf-8")
    words = lvsdr_command("director", "keep", str(path), "--allow-insecure-profile")
    if not table:
        files.mkdir(exist_ok=True)
        words = [*words, "--track-files", str(files)]
    with told.open("w") as out:
        environment = {**os.environ, **COMPILED}
        process = host.inside(
            lambda: subprocess.Popen(words, stdout=out, stderr=out, env=environment)
        )
        try:
            until = monotonic() + 300
            while "is kept as" not in told.read_text():
                assert monotonic() < until and process.poll() is None, told.read_text()
                sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)
    said = told.read_text()
    assert dies or " is down" not in said, said
    done = host.lvsdr("director", "withdraw", path, "--allow-insecure-profile")
    assert done.returncode == 0, done.stderr


@contextmanager
def keepalived(host: Host, folder: Path, services: list[Document]) -> Iterator[int]:
    """Let keepalived check them; give the number of the process that does."""
    path, conf = folder / "theirs.json", folder / "keepalived.conf"
    path.write_text(json.dumps(document(services, table_owner="keepalived")), encoding="utf-8")
    words = ("config", "--virtual-servers", "--allow-insecure-profile", "--director", path)
    done = host.lvsdr("keepalived", *words)
    assert done.returncode == 0, done.stderr
    conf.write_text(done.stdout, encoding="utf-8")
    with running_checker(host, conf) as parent:
        until = monotonic() + 60
        while not (found := _children(parent)):
            assert monotonic() < until, (folder / "log").read_text()
            sleep(0.1)
        yield found[0]
    text = (folder / "log").read_text(errors="replace")
    assert "failed" not in text.lower(), text[-2000:]


def _children(parent: int) -> list[int]:
    try:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def cpu(pid: int) -> float:
    """Return the seconds of CPU time that a process has had (proc(5))."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int, field: str = "VmRSS:") -> float:
    """Return the memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def spent(pid: int, seconds: float) -> float:
    """Return which part of a core a process takes in so many seconds."""
    start, before = monotonic(), cpu(pid)
    sleep(seconds)
    return (cpu(pid) - before) / (monotonic() - start)


# --- witnesses -----------------------------------------------------------------------------------


@contextmanager
def tcpdump(host: Host, file: Path) -> Iterator[None]:
    """Write the first packets of connections from the director to a file, inside the block."""
    words = ["tcpdump", "-Z", "root", "-i", "p0", "-B", "65536", "-s", "64", "-w", str(file)]
    words.append(f"tcp and src {DIP} and tcp[13] = 2")
    running = host.inside(lambda: subprocess.Popen(words, stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


def opened(pcap: bytes) -> dict[bytes, list[float]]:
    """Return when connections were begun along each path: by MAC address, VIP and port."""
    found, at = defaultdict[bytes, list[float]](list), 24
    while at + 16 <= len(pcap):
        seconds, micro, length = struct.unpack_from("=III", pcap, at)
        frame = pcap[at + 16 : at + 16 + length]
        found[frame[:6] + frame[30:34] + frame[36:38]].append(seconds + micro / 1e6)
        at += 16 + length
    return found


def lateness(times: dict[bytes, list[float]]) -> list[float]:
    """Return by how much each question is away from an interval after the one before it."""
    return sorted(
        abs(after - before - HEALTH["interval"])
        for each in times.values()
        for before, after in pairwise(each)
    )


def a_second(times: dict[bytes, list[float]]) -> float:
    every = [each for some in times.values() for each in some]
    return len(every) / (max(every) - min(every))


# --- the parts -----------------------------------------------------------------------------------


def side_by_side(title: str, services: list[Document]) -> None:
    """Print what 1,000 real servers cost each of the two, in turns."""
    taken: dict[str, list[float]] = {"lvsdr": [], "keepalived": []}
    held = dict.fromkeys(taken, 0.0)
    with segment(services) as made, tempfile.TemporaryDirectory() as name:
        host, file = made.director, Path(name) / "frames"
        for _ in range(ROUNDS):
            for who, checker in (("lvsdr", keeper), ("keepalived", keepalived)):
                with checker(host, Path(name), services) as pid:
                    sleep(SETTLED)
                    with tcpdump(made.switch, file):
                        sleep(3)
                    taken[who].append(spent(pid, SPAN))
                    held[who] = memory(pid)
                    asked = a_second(opened(file.read_bytes()))
                    print(f"{title}, {who}: {taken[who][-1]:.3f}, {asked:.0f} SYNs/s", flush=True)
    ours, theirs = (median(taken[who]) for who in taken)
    print(
        f"| CPU, 1,000 real servers, {title} | 0.5 | {ours / theirs:.2f} |"
        f" {ours:.3f} / {theirs:.3f} of a core |"
        f" {held['lvsdr']:.0f} / {held['keepalived']:.0f} MiB |"
    )


def very_many(title: str, services: list[Document], rows: int) -> None:
    """Print how late probes of very many real servers are, by what tcpdump heard."""
    with segment(services) as made, tempfile.TemporaryDirectory() as name:
        host, folder = made.director, Path(name)
        with keeper(host, folder, services) as pid:
            sleep(4 * SETTLED)
            file = folder / "frames"
            with tcpdump(made.switch, file):
                part = spent(pid, SPAN)
            times = opened(file.read_bytes())
            held = memory(pid, "VmHWM:")
    # Of several real servers of a service on one host the frames look alike.
    alone = {path: each for path, each in times.items() if len(each) <= SPAN + 1}
    late = lateness(alone) or [0.0]
    within = sum(each <= 0.2 for each in late) / len(late)
    print(
        f"| {rows:,} real servers, {title} | {a_second(times):,.0f} checks a second |"
        f" {100 * within:.1f} % of {len(late):,} within 0.2 s, 99 % within"
        f" {late[len(late) * 99 // 100]:.3f} s | {part:.2f} of the core | {held:.0f} MiB |",
        flush=True,
    )


def at_rest() -> None:
    """Print what 100 services of two real servers cost while all is well."""
    services = uniform(200)
    with segment(services) as made, tempfile.TemporaryDirectory() as name:
        with keeper(made.director, Path(name), services) as pid:
            sleep(SETTLED)
            found = [spent(pid, SPAN) for _ in range(ROUNDS)]
            held = memory(pid)
        ours = f"{100 * median(found):.2f} % ({100 * min(found):.2f} to {100 * max(found):.2f})"
        with keepalived(made.director, Path(name), services) as pid:
            sleep(SETTLED)
            theirs = [spent(pid, SPAN) for _ in range(ROUNDS)]
    print(
        f"| at rest, 100 services, 200 paths checked | 1 %, 40 MiB | {ours}, {held:.0f} MiB |"
        f" keepalived {100 * median(theirs):.2f} % |"
    )


def very_most() -> None:
    """Print what a whole keeper of 50,000 takes, and when it has one of them out that dies."""
    interval = 10.0
    health = {**HEALTH, "interval": interval}
    for count in (10, 1000):
        services = in_services(50_000, count)
        with segment(services, by_halves=True) as made, tempfile.TemporaryDirectory() as name:
            begun, folder = monotonic(), Path(name)
            options: Document = {"table": False, "health": health, "dies": True}
            with keeper(made.director, folder, services, **options) as pid:
                ready, used = monotonic() - begun, cpu(pid)
                # Each has been asked by then, and it was looked up how to reach them again.
                sleep(interval + SETTLED)
                part, held = spent(pid, max(70.0, interval)), memory(pid, "VmHWM:")
                before = cpu(pid)
                out = _out_after(made, services[0], folder / "told")
                print(
                    f"| 50,000 in {count:,} services every {interval:.0f} s, the whole keeper |"
                    f" ready after {ready:.1f} s, {used:.1f} s of CPU | {part:.2f} of a core,"
                    f" {held:.0f} MiB | one that dies is out after {out:.1f} s,"
                    f" {cpu(pid) - before:.1f} s of CPU |",
                    flush=True,
                )


def _out_after(made: Segment, service: Document, told: Path) -> float:
    """Return after how many seconds the one real server of a service on the second host is out."""
    rule = f"INPUT -p tcp --dport {service['port']} -d {service['vip']} -j REJECT"
    made.hosts[SERVERS[1]].run("iptables-legacy", "-A", *rule.split(), "--reject-with", "tcp-reset")
    begun = monotonic()
    while " is down" not in told.read_text():
        assert monotonic() - begun < 300, told.read_text()
        sleep(0.05)
    return monotonic() - begun


def on_its_own() -> None:
    """Print what a whole keeper of 200 paths costs while all is well, on any kernel."""
    services = uniform(200)
    with (
        segment(services) as made,
        tempfile.TemporaryDirectory() as name,
        keeper(made.director, Path(name), services, table=False) as pid,
    ):
        sleep(SETTLED)
        found = [spent(pid, 3 * SPAN) for _ in range(ROUNDS)]
        held = memory(pid)
    print(
        f"| at rest, 200 paths checked, the whole keeper without a table | 1 %, 40 MiB |"
        f" {100 * median(found):.2f} % ({100 * min(found):.2f} to {100 * max(found):.2f}),"
        f" {held:.0f} MiB | |"
    )


def _cpu() -> None:
    side_by_side("alike", uniform(1000))
    side_by_side("varied", varied(1000))


def _many() -> None:
    very_many("alike", uniform(10_000), 10_000)
    very_many("varied", varied(10_000), 10_000)


def _rounds() -> None:
    without_a_table("10,000, alike", uniform(10_000))
    without_a_table("10,000, varied", varied(10_000))


def _most() -> None:
    for interval in (10.0, 5.0):
        health = {**HEALTH, "interval": interval}
        title = f"50,000, alike, every {interval:.0f} s"
        without_a_table(title, halved(50_000), health, by_halves=True)


def _http() -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nalive"
    services = uniform(1000)
    health = {**HEALTH, "check": {"http": {"path": "/", "contains": "alive"}}}
    with segment(services, saying=said) as made, tempfile.TemporaryDirectory() as name:
        path = Path(name) / "director.json"
        path.write_text(json.dumps(document(services, health=health)), encoding="utf-8")
        words = [sys.executable, str(ROOT / "parts/http_sample.py"), str(path), "10", "3"]
        lines = made.director.run(*words, timeout=300).stdout.splitlines()
    for line in lines:
        found = json.loads(line)
        print(
            f"| 1,000 by HTTP at once | all serve | {found['said']} after {found['took']:.2f} s |"
            f" {found['cpu']:.2f} s of CPU |",
            flush=True,
        )


def without_a_table(
    title: str, services: list[Document], health: Document = HEALTH, *, by_halves: bool = False
) -> None:
    """Print what the checks of so many cost, and how late they were begun."""
    with segment(services, by_halves=by_halves) as made, tempfile.TemporaryDirectory() as name:
        path = Path(name) / "director.json"
        path.write_text(json.dumps(document(services, health=health)), encoding="utf-8")
        # Twice an interval, that each is asked twice.
        span = max(SPAN, 2 * health["interval"])
        words = [sys.executable, str(ROOT / "parts/rounds_sample.py"), str(path), str(span)]
        found = json.loads(made.director.run(*words, timeout=300).stdout)
    half, most, last = found["late"]
    print(
        f"| {title} without a table | 99 % within 0.2 s | half {half:.3f}, 99 %"
        f" {most:.3f}, last {last:.3f} s | {found['cpu']:.2f} of a core |"
        f" {found['memory']:.0f} MiB | {found['results']} a second |",
        flush=True,
    )


PARTS: dict[str, Callable[[], None]] = {
    "cpu": _cpu,
    "many": _many,
    "rest": at_rest,
    "own": on_its_own,
    "files": very_most,
    "rounds": _rounds,
    "most": _most,
    "http": _http,
}


def main() -> None:
    """Print a row for each measurement."""
    # The director of keepalived's turn is to have room for as many neighbours.
    for number, name in enumerate(("gc_thresh1", "gc_thresh2", "gc_thresh3")):
        with suppress(OSError):
            # On the machine itself they are not ours, and nobody there needs them.
            Path(f"/proc/sys/net/ipv4/neigh/default/{name}").write_text(f"{16384 << number}\n")
    print(f"load {os.getloadavg()[0]:.1f}")
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
