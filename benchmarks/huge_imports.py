"""What an import of 5,000 virtual servers and 15,000 real servers costs; on this host's kernel.

python -I benchmarks/huge_imports.py          outside the lab or in it
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

SAMPLES = int(os.environ.get("SAMPLES", "5"))
SERVICES, EACH = 5_000, 3
SECONDS, MEBIBYTES = 3.0, 200
MEASURED = """
import resource, sys
from lvsdr.cli.main import main
sys.argv = ["lvsdr", "import", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert ended.code == 0, ended.code
used = resource.getrusage(resource.RUSAGE_SELF)
lines = open("/proc/self/status").read().splitlines()
peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
print(used.ru_utime + used.ru_stime, int(peak) / 1024, file=sys.stderr)
"""


def vips() -> Iterator[tuple[str, list[str]]]:
    """Yield each VIP with its RIPs."""
    for number in range(SERVICES):
        places = range(number * EACH, number * EACH + EACH)
        rips = [f"10.200.{place // 250}.{place % 250 + 1}" for place in places]
        yield f"10.{number // 250}.{number % 250}.1", rips


def ldirectord() -> Iterator[str]:
    yield "checkinterval=5"
    yield "quiescent=yes"
    for vip, rips in vips():
        yield f"virtual={vip}:80"
        for weight, rip in enumerate(rips, start=1):
            yield f"\treal={rip}:80 gate {weight}"
        yield "\tservice=http"
        yield '\trequest="index.html"'
        yield '\treceive="OK"'
        yield "\tscheduler=wlc"
        yield "\tpersistent=600"
        yield "\tprotocol=tcp"
        yield "\tchecktype=negotiate"
        yield ""


def ipvsadm() -> Iterator[str]:
    for vip, rips in vips():
        yield f"-A -t {vip}:80 -s wlc -p 600"
        for weight, rip in enumerate(rips, start=1):
            yield f"-a -t {vip}:80 -r {rip}:80 -g -w {weight}"


def measured(tool: str, path: Path) -> tuple[float, float]:
    """Return the seconds of CPU and the MiB that one import takes, its start included."""
    words = [tool, "--interface", "eth0", str(path)]
    done = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED, *words], capture_output=True, text=True, check=True
    )
    seconds, peak = done.stderr.splitlines()[-1].split()
    return float(seconds), float(peak)


def main() -> int:
    print("| file | lines | CPU s, median (to) | MiB |\n|---|---|---|---|")
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        for tool, lines in (("ldirectord", list(ldirectord())), ("ipvsadm", list(ipvsadm()))):
            path = Path(folder) / tool
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            found = [measured(tool, path) for _ in range(SAMPLES)]
            seconds = median(each for each, _ in found)
            most, peak = max(each for each, _ in found), max(each for _, each in found)
            print(f"| {tool} | {len(lines):,} | {seconds:.2f} ({most:.2f}) | {peak:.0f} |")
            kept = kept and seconds <= SECONDS and peak <= MEBIBYTES
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
