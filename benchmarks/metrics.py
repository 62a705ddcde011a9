"""What a scrape of `lvsdr metrics` costs: its start, and 1,000 services of 50 real servers.

    python -m lvsdr.lab --memory 1024 --timeout 3000 -- python benchmarks/metrics.py [SERVICES EACH]

CPU seconds of whole commands, user and system, the least of some rounds, and less what Python
takes to start and to end. Tables are in a namespace of their own, and applied.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("parts")))

from tables import SET_UP, VIP, Table, uniform, varied

from lvsdr.lab.lvsdr_command import lvsdr_command

ROUNDS = 3
INSIDE = "LVSDR_BENCHMARK_INSIDE"
HEALTH = {"interval": 5.0}

# An installed program is compiled.
BYTE_CODE = tempfile.TemporaryDirectory()
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": BYTE_CODE.name}


def cost(*words: str) -> tuple[float, str]:
    """Return the CPU seconds of a program, the least of some rounds, and what it printed."""
    taken, said = [], ""
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode in {0, 1}, done.stderr
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        said = done.stdout
    return min(taken), said


def write(table: Table, **fields: object) -> Path:
    whole = {"role": "director", "name": "big", "interface": "eth0", "vips": [{"address": VIP}]}
    path = Path(tempfile.mkdtemp()) / "director.json"
    path.write_text(json.dumps({**whole, **fields, "virtual_servers": table}), encoding="utf-8")
    return path


def row(what: str, path: Path, bare: float) -> None:
    """Apply a profile, and print what a scrape of it costs, beside what a plan does."""
    apply = lvsdr_command("director", "apply", "--take-over", str(path))
    subprocess.run(apply, stdout=subprocess.DEVNULL, check=True)
    plan, _ = cost(*lvsdr_command("director", "plan", str(path)))
    scrape, said = cost(*lvsdr_command("metrics", str(path)))
    assert 'lvsdr_profile_in_sync{role="director",profile="big"} 1' in said, said
    series = sum(not line.startswith("#") for line in said.splitlines())
    print(f"| {what} | {scrape - bare:.3f} | {plan - bare:.3f} | {series} |", flush=True)


def main() -> None:
    """Print the table."""
    services, each = map(int, sys.argv[1:] or ("1000", "50"))
    for words in SET_UP:
        subprocess.run(words.split(), check=True)
    bare, _ = cost(sys.executable, "-I", "-c", "pass")
    print(f"{services} x {each}, load {os.getloadavg()[0]:.1f}; Python alone {bare:.3f} s")
    print("| applied | scrape, CPU s | plan, CPU s | series |\n|---|---|---|---|")
    row("1 x 1", write(uniform(1, 1)), bare)
    row("uniform", write(uniform(services, each)), bare)
    row("varied", write(varied(services, each, 1)), bare)
    row("varied, with health checks", write(varied(services, each, 2), health=HEALTH), bare)


if __name__ == "__main__":
    if INSIDE not in os.environ:
        environment = {**os.environ, **COMPILED, INSIDE: "1"}
        words = ["unshare", "-nm", sys.executable, *sys.argv]
        sys.exit(subprocess.run(words, env=environment, check=False).returncode)
    main()
