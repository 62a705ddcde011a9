"""What a command costs before it does anything, and a real server's plan; on this host's kernel.

unshare -nm python benchmarks/ipvs_startup.py          as root, outside the lab
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

SAMPLES = int(os.environ.get("SAMPLES", "9"))
PROGRAM = (str(Path(sys.executable).with_name("lvsdr")),)
CLICK = (sys.executable, "-c", "import click")
# What Python itself takes to start and to end.
PASS = (sys.executable, "-I", "-c", "pass")
VIPS = [f"192.0.2.{number}" for number in range(10, 20)]
COMPLETE = {"_LVSDR_COMPLETE": "bash_complete", "COMP_WORDS": "lvsdr dir", "COMP_CWORD": "1"}

SCRIPT = """
sysctl -qw net/ipv4/conf/all/arp_ignore=1 net/ipv4/conf/all/arp_announce=2
for vip in {vips}; do ip address add $vip/32 dev lo scope host; done
for vip in {vips}; do ip route add unreachable $vip/32 metric 4294967294; done
"""
CLEAN = """
sysctl -qw net/ipv4/conf/all/arp_ignore=0 net/ipv4/conf/all/arp_announce=0
ip address flush dev lo scope host; ip address add 127.0.0.1/8 dev lo scope host
for vip in {vips}; do ip route del unreachable $vip/32 metric 4294967294; done
"""


# An installed program is compiled, and so is what it is compared with.
BYTE_CODE = tempfile.TemporaryDirectory()
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": BYTE_CODE.name}


def seconds(*words: str, environment: dict[str, str] | None = None) -> float:
    start = perf_counter()
    done = subprocess.run(
        words,
        env={**os.environ, **COMPILED, **(environment or {})},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return perf_counter() - start


def cpu(*words: str, code: int = 0) -> float:
    """Return the seconds of CPU that a process takes, of user and system."""
    child = os.posix_spawnp(
        words[0],
        words,
        {**os.environ, **COMPILED},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1)
        ],
    )
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == code, words
    return used.ru_utime + used.ru_stime


def startup() -> None:
    """Compare --help, --version and completion with the import of click; they take turns."""
    commands = {
        "lvsdr --help": ((*PROGRAM, "--help"), {}),
        "lvsdr --version": ((*PROGRAM, "--version"), {}),
        "completion": (PROGRAM, COMPLETE),
    }
    taken: dict[str, list[float]] = {name: [] for name in ("click", *commands)}
    for _ in range(SAMPLES):
        taken["click"].append(seconds(*CLICK))
        for name, (words, environment) in commands.items():
            taken[name].append(seconds(*words, environment=environment))
    for name in commands:
        ratio = median(taken[name]) / median(taken["click"])
        met = "goal" if ratio <= 1.5 else "MISSED"
        said = f"{median(taken[name]):.3f} s / {median(taken['click']):.3f} s"
        print(f"| {name} / import click | 1.5 | {ratio:.2f} | {said} | {met} |", flush=True)


def planning(path: Path, host: str, code: int) -> None:
    """Compare the CPU of a plan with that of Python alone; they take turns."""
    plan = (*PROGRAM, "realserver", "plan", str(path))
    cpu(*plan, code=code)
    pairs = [(cpu(*plan, code=code), cpu(*PASS)) for _ in range(SAMPLES)]
    ours, python = (median(taken) for taken in zip(*pairs, strict=True))
    ratios = sorted(plan / alone for plan, alone in pairs)
    met = "goal" if ours / python <= 2.5 else "MISSED"
    said = f"{ours:.3f} s / {python:.3f} s, each pair {ratios[0]:.2f} to {ratios[-1]:.2f}"
    work = f"realserver plan, 10 VIPs, {host}, CPU / python3 -I -c pass"
    print(f"| {work} | 2.5 | {ours / python:.2f} | {said} | {met} |", flush=True)


def realserver(folder: Path) -> None:
    """Compare ten VIPs on lo with a script of ip and sysctl, and print the split."""
    for words in ("link set lo up", "link add eth0 type veth", "address add 192.0.2.1/24 dev eth0"):
        subprocess.run(["ip", *words.split()], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    path = folder / "realserver.json"
    whole = {"role": "realserver", "name": "ten", "interface": "eth0", "holder": "lo"}
    path.write_text(json.dumps({**whole, "vips": VIPS}), encoding="utf-8")
    planning(path, "nothing applied", 1)
    ours, script = list[float](), list[float]()
    vips = " ".join(VIPS)
    for _ in range(SAMPLES):
        script.append(seconds("bash", "-ec", SCRIPT.format(vips=vips)))
        seconds("bash", "-ec", CLEAN.format(vips=vips))
        ours.append(seconds(*PROGRAM, "realserver", "apply", str(path)))
        seconds(*PROGRAM, "realserver", "withdraw", str(path))
    done = subprocess.run(
        [*PROGRAM, "realserver", "apply", str(path), "--timings"],
        env={**os.environ, **COMPILED},
        capture_output=True,
        text=True,
        check=True,
    )
    planning(path, "all applied", 0)
    ratio = median(ours) / median(script)
    met = "aim" if ratio <= 3 else "goal" if ratio <= 10 else "MISSED"
    said = f"{median(ours):.3f} s / {median(script):.3f} s"
    print(f"| 10 VIPs, realserver apply / script | 10 (3) | {ratio:.2f} | {said} | {met} |")
    print(done.stderr.strip())


if __name__ == "__main__":
    startup()
    with tempfile.TemporaryDirectory() as name:
        realserver(Path(name))
