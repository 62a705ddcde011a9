r"""Time Ansible's modules beside a bare command, on many hosts: 100, by default.

    make fleet
    .venv/bin/python -m lvsdr.lab --timeout 3000 --memory 1024 -- \
        .venv/bin/python benchmarks/ansible_hosts.py

Each host is a network namespace, and a real server with one VIP on lo. In turns, one task of
ansible-playbook over all of them: `command: lvsdr realserver plan`, the module in check mode, and
the module that finds nothing to change. As root it runs without the lab as well.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv-ansible" / "bin"
WRAPPER = f"""#!/bin/sh
exec {sys.executable} -I -m lvsdr "$@"
"""
PEER = "command: lvsdr realserver plan"


def main() -> None:
    """Build the hosts, and time each task over all of them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hosts", type=int, default=100)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--forks", type=int, default=2)
    asked = arguments.parse_args()
    with TemporaryDirectory() as name, hosts(f"h{each}" for each in range(asked.hosts)) as made:
        folder = Path(name)
        prepare(folder, list(made.values()))
        seen: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for _ in range(asked.rounds):
            for title in tasks(folder):
                seen[title].append(timed(folder, title, asked.forks))
        show(seen, asked.hosts)


def tasks(folder: Path) -> dict[str, dict[str, object]]:
    """Return each task that is timed."""
    program, path = str(folder / "lvsdr"), str(folder / "realserver.json")
    module = {"lvsdr.cluster.lvsdr_realserver": {"executable": program, "path": path}}
    given: dict[str, dict[str, object]] = {
        PEER: {"ansible.builtin.command": {"argv": [program, "realserver", "plan", path]}},
        "lvsdr_realserver, in check mode": {**module, "check_mode": True},
        "lvsdr_realserver, applied": {**module},
    }
    given[PEER]["changed_when"] = False
    return given


def prepare(folder: Path, made: list[Host]) -> None:
    """Make each host a real server, and write what Ansible reads."""
    program, profile = folder / "lvsdr", folder / "realserver.json"
    program.write_text(WRAPPER)
    program.chmod(0o755)
    wanted = {"role": "realserver", "interface": "eth0", "holder": "lo", "vips": ["192.168.1.2"]}
    profile.write_text(json.dumps(wanted))
    for number, host in enumerate(made, 1):
        host.ip(
            "link add eth0 type veth peer name peer0",
            "link set eth0 up",
            "link set peer0 up",
            f"address add 192.168.1.{number + 2}/24 dev eth0",
        )
        host.run(str(program), "realserver", "apply", str(profile))
    listed = {host.name: {"lab_net": str(host.path)} for host in made}
    common = {"ansible_connection": "lab_host", "ansible_python_interpreter": str(BIN / "python")}
    inventory = {"all": {"hosts": listed, "vars": common}}
    (folder / "inventory.json").write_text(json.dumps(inventory))


def timed(folder: Path, title: str, forks: int) -> tuple[float, float]:
    """Run one task over all hosts; return the seconds that it took, and those of CPU."""
    play = {"hosts": "all", "gather_facts": False, "tasks": [tasks(folder)[title]]}
    (folder / "play.json").write_text(json.dumps([play]))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "ansible"),
        "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "collection" / "connection"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_FORKS": str(forks),
    }
    words = [str(BIN / "ansible-playbook"), "-i", str(folder / "inventory.json")]
    start, before = monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*words, str(folder / "play.json")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "changed=1" not in done.stdout, "there is nothing to change"
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return monotonic() - start, cpu


def show(seen: dict[str, list[tuple[float, float]]], many: int) -> None:
    """Print each task's seconds beside those of the bare command, of the same round."""
    print(f"{many} hosts, {len(seen[PEER])} rounds, load {os.getloadavg()[0]:.1f}")
    print("| task | seconds | CPU seconds | seconds / peer | CPU / peer |\n|---|---|---|---|---|")
    for title, rounds in seen.items():
        wall, cpu = (
            [ours[kind] / peer[kind] for ours, peer in zip(rounds, seen[PEER], strict=True)]
            for kind in (0, 1)
        )
        took = [f"{median(each[kind] for each in rounds):.1f}" for kind in (0, 1)]
        print(f"| {title} | {' | '.join(took)} | {of(wall)} | {of(cpu)} |")


def of(ratios: list[float]) -> str:
    """Return a median with its extremes."""
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
