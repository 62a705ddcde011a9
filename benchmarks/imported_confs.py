"""What it costs to import a keepalived.conf of 5,000 virtual servers with 15,000 real servers.

python -I benchmarks/imported_confs.py          outside the lab or in it

The peer is keepalived itself, which reads the same file with -t.
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
MANY, EACH = 5_000, 3
CHECKER = "TCP_CHECK {\nconnect_timeout 3\nretry 3\ndelay_before_retry 3\n}"
SETTINGS = "delay_loop 6\nlvs_sched wlc\nlvs_method DR\nprotocol TCP\npersistence_timeout 300"
# The program in a process of its own, its start included, and the peak of its memory.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.returncode)
"""


def written(vips: int, shared: bool) -> Iterator[str]:
    """Yield a file whose services are spread over so many VIPs; `shared` over as many hosts."""
    names = [f"10.{100 + n // 62_500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(vips)]
    yield "global_defs {\nrouter_id lb\n}\nvrrp_instance VI_1 {\ninterface eth0"
    yield "virtual_router_id 51\nvirtual_ipaddress {\n" + "\n".join(names) + "\n}\n}"
    for n in range(MANY):
        port = 80 + n // vips
        yield f"virtual_server {names[n % vips]} {port} {{\n{SETTINGS}"
        for place in range(EACH):
            host = (n % vips if shared else n) * EACH + place
            rip = f"172.{16 + host // 62_500}.{host // 250 % 250}.{host % 250 + 1}"
            yield f"real_server {rip} {port} {{\nweight 3\n{CHECKER}\n}}"
        yield "}"


def measured(*command: str) -> tuple[float, float]:
    """Return the seconds of CPU and the MiB that a command takes."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED, *command],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory, code = done.stdout.split()
    assert code in ("0", "5"), f"{command[0]}: exit {code}"
    return float(seconds), float(memory)


def main() -> None:
    """Print a line for each file; ours and the peer's take turns."""
    lvsdr = (sys.executable, "-I", "-m", "lvsdr", "import", "keepalived")
    print(f"medians of {SAMPLES}, load {os.getloadavg()[0]:.1f}, CPU seconds with the start")
    print(f"{'file':44} {'lines':>7} {'lvsdr':>7} {'peak MiB':>9} {'keepalived -t':>14}")
    shapes = {"50 VIPs, 150 real servers": (50, True), "5,000 VIPs, 15,000 hosts": (MANY, False)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keepalived.conf"
        for name, shape in shapes.items():
            text = "\n".join(written(*shape)) + "\n"
            path.write_text(text, encoding="ascii")
            pairs = [
                (measured(*lvsdr, str(path)), measured("keepalived", "-t", "-f", str(path)))
                for _ in range(SAMPLES)
            ]
            ours = median(first[0] for first, _ in pairs)
            peak = max(first[1] for first, _ in pairs)
            peer = median(second[0] for _, second in pairs)
            print(f"{name:44} {text.count(chr(10)):7} {ours:7.2f} {peak:9.0f} {peer:14.2f}")


main()
