r"""What `lvsdr verify` and `lvsdr watch` hear in a flood of forged claims, and what it costs them.

    sudo .venv/bin/python -I benchmarks/flood.py --rates 10000 30000 60000

On the machine's own kernel, in namespaces: the lab's sends some 10,000 a second. A real
server leaks, the gateway floods, and the observer asks or listens. Every frame of a flood is from
a MAC of its own, and there are at most so many a second for 15 seconds.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import cycle, islice
from pathlib import Path
from select import select
from time import monotonic, sleep
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "lab")]

from rig import RIP6, RIPS, VIP, VIP6, Rig, director, realserver, rig, virtual_server  # noqa: E402
from test_senders import raw, reply  # noqa: E402

from lvsdr.lab.lab_host import Host  # noqa: E402

DISTINCT, LONGEST, BURST = 150_000, 15.0, 0.001
# The second real server, which leaks nothing.
INNOCENT = "02:00:00:00:00:12"
COMMANDS = {
    "verify": ("verify", "--no-services"),
    "watch": ("watch", "--for", "5", "--ask-every", "1"),
}
HEAD = """\
                        frames/s   at the         peak   leak    could  wrong
flood          command      sent     link      s   MiB  named not hear  names   told"""
# The program as it is, and at its end the most memory that it had.
PROGRAM = """
import sys; sys.path[:] = {path!r}
from lvsdr.cli.main import main
try:
    main()
finally:
    lines = open("/proc/self/status", encoding="ascii").read().splitlines()
    print(next(line for line in lines if line.startswith("VmHWM")), file=sys.stderr)
"""
Frames = Callable[[str], bytes]


def main() -> None:
    """Build the cluster, and print a line for each flood and command."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rates", type=int, nargs="+", default=[60_000])
    arguments.add_argument("--kinds", nargs="+", default=[*kinds("", "")], choices=kinds("", ""))
    arguments.add_argument("--send", nargs=4, metavar=("KIND", "RATE", "MAC", "ADDRESS"))
    asked = arguments.parse_args()
    if asked.send:
        kind, rate, mac, address = asked.send
        send(kinds(mac, address)[kind], int(rate))
        return
    wanted = director(virtual_server(), virtual_server(VIP6, [RIP6]))
    print(HEAD)
    with (
        tempfile.TemporaryDirectory() as folder,
        rig(Path(folder), wanted, realserver(vips=[VIP, VIP6])) as made,
    ):
        hold(made)
        for rate in asked.rates:
            for kind in asked.kinds:
                for command in COMMANDS:
                    measure(made, kind, rate, command)


def hold(made: Rig) -> None:
    """Let the director hold the VIPs, and the first real server too: it answers for both."""
    for host in (made.lab.director, made.lab.realservers[0]):
        host.ip(f"address add {VIP}/32 dev eth0", f"address add {VIP6}/128 dev eth0 nodad")


def measure(made: Rig, kind: str, rate: int, command: str) -> None:
    """Run a command in a flood, and print what it took and told."""
    observer, culprit = made.lab.observer, made.mac(made.lab.realservers[0])
    before = received(observer)
    with flooding(made, kind, rate) as sent:
        start = monotonic()
        told, peak = run(observer, command, made.director)
        took = monotonic() - start
    heard = (received(observer) - before) / sent[1]
    named = any(each["mac"] == culprit for each in told)
    unheard = any(each["rule"] == "COULD-NOT-HEAR" for each in told)
    # No other real server leaks, and of what was not heard nobody is known to be a proxy.
    wrong = [
        each
        for each in told
        if (each["rip"] is not None and each["mac"] != culprit)
        or (unheard and each["rule"] == "ARP-PROXY")
    ]
    print(
        f"{kind:15}{command:8}{sent[0] / sent[1]:9,.0f}{heard:9,.0f}{took:7.1f}{peak:6}"
        f"{'yes' if named else 'no':>7}{'yes' if unheard else 'no':>9}{len(wrong):7}{len(told):7}",
        flush=True,
    )
    for each in wrong[:3]:
        print("  wrong:", each["rule"], each["message"])


def run(host: Host, command: str, profile: Path) -> tuple[list[dict[str, Any]], int]:
    """Return what a command tells, and the MiB that it had at the most."""
    word, *options = COMMANDS[command]
    program = PROGRAM.format(path=sys.path)
    words = [sys.executable, "-I", "-c", program, word, str(profile), *options, "--format", "json"]
    done = host.run(*words, check=False, timeout=600.0)
    *errors, peak = done.stderr.splitlines()
    assert done.returncode == 1, (done.returncode, done.stdout[:1000], errors)
    if command == "watch":
        told = [json.loads(line) for line in done.stdout.splitlines()]
    else:
        told = json.loads(done.stdout)["findings"]
    return told, int(peak.split()[1]) // 1024


# --- the flood -----------------------------------------------------------------------------------


def kinds(mac: str, address: str) -> dict[str, Frames]:
    """Return what a forged host says in each kind of flood, to the host with this MAC and IP."""
    forms = cycle((address, "0.0.0.0"))  # noqa: S104 - whom a probe's answer is for
    rips = cycle((RIPS[0], RIPS[0], RIPS[1], RIPS[1]))
    return {
        "announcements": lambda forged: reply(forged, forged, VIP),
        "answers": lambda forged: to_one(reply(forged, forged, VIP), mac, next(forms)),
        "advertisements": lambda forged: reply(forged, forged, VIP6),
        "innocent": lambda forged: reply(forged, INNOCENT, VIP),
        "real servers": lambda forged: to_one(reply(forged, forged, next(rips)), mac, next(forms)),
    }


def to_one(frame: bytes, mac: str, address: str) -> bytes:
    """Return an ARP reply to all as one to this host."""
    return raw(mac) + frame[6:32] + raw(mac) + ip_address(address).packed


@contextmanager
def flooding(made: Rig, kind: str, rate: int) -> Iterator[list[float]]:
    """Let the gateway flood inside the block; give the frames and the seconds when it is over."""
    there = next(each for each in made.lab.topology.segment if each.name == "observer")
    words = [sys.executable, "-I", __file__, "--send", kind, str(rate), there.mac]
    words.append(str(there.address(4)))
    pipe, sent = subprocess.PIPE, list[float]()
    with made.lab.gateway.inside(
        lambda: subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
    ) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        try:
            yield sent
        finally:
            said, _ = process.communicate("enough\n", 4 * LONGEST)
            sent += map(float, said.split())


def send(said: Frames, rate: int) -> None:
    """Send frames in bursts until a line comes in, at most so many a second; print how many."""
    frames = [
        said(f"02:66:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}") for n in range(DISTINCT)
    ]
    coming, sent = cycle(frames), 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        print("started", flush=True)
        start = monotonic()
        while (now := monotonic() - start) < LONGEST and not select([sys.stdin], [], [], 0)[0]:
            for frame in islice(coming, max(0, int(now * rate) - sent)):
                wire.send(frame)
                sent += 1
            sleep(BURST)
    print(sent, monotonic() - start)


def received(host: Host) -> int:
    """Return how many frames the host's link has received."""
    shown = json.loads(host.run("ip", "-j", "-s", "link", "show", "eth0").stdout)
    return int(shown[0]["stats64"]["rx"]["packets"])


if __name__ == "__main__":
    main()
