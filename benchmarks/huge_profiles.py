"""What a profile that is wrong and huge costs until its first message; on this host's kernel.

python -I benchmarks/huge_profiles.py          outside the lab or in it
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

SAMPLES = int(os.environ.get("SAMPLES", "5"))
SERVICE = {"vip": "192.0.2.2", "protocol": "tcp"}
REALSERVER = {"role": "realserver", "interface": "eth0", "vips": ["192.0.2.2"]}
DIRECTOR = {"role": "director", "interface": "eth0", "vips": [{"address": "192.0.2.2"}]}
FIELDS = {f"field{number}": number for number in range(10_000)}
DOUBLED = ", ".join(f'"field{number}": 1' for number in (*range(40_000), 39_999))
SERVERS = [{"rip": f"192.0.2.{number % 250 + 3}", "weight": -1} for number in range(300_000)]
PROFILES = {
    "10,000 unknown fields": json.dumps({**REALSERVER, **FIELDS}),
    "the same without role": json.dumps(FIELDS),
    "200,000 numbers for VIPs": json.dumps({**REALSERVER, "vips": [*range(200_000)]}),
    "5,000,000 numbers for VIPs": json.dumps({**REALSERVER, "vips": [1] * 5_000_000}),
    "a field doubled after 40,000": f"{{{DOUBLED}}}",
    "200,000 services, no port": json.dumps({**DIRECTOR, "virtual_servers": [SERVICE] * 200_000}),
    "300,000 weights below 0": json.dumps(
        {**DIRECTOR, "virtual_servers": [{**SERVICE, "port": 80, "real_servers": SERVERS}]}
    ),
}
# The peer reads the same bytes, and builds no more than plain data.
MEASURED = """
import resource, sys
from pathlib import Path
path = Path(sys.argv[1])
if sys.argv[2] == "json":
    import json
    json.loads(path.read_bytes())
else:
    from lvsdr.errors import ProfileError
    from lvsdr.profile.reader.every_mistake import read_all
    profile, found = read_all(path)
    assert found and profile is None
used = resource.getrusage(resource.RUSAGE_SELF)
lines = Path("/proc/self/status").read_text().splitlines()
peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
print(used.ru_utime + used.ru_stime, int(peak) / 1024)
"""


def measured(path: Path, what: str) -> tuple[float, float]:
    """Return the seconds of CPU and the MiB that one process takes, its start included."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED, str(path), what],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def main() -> None:
    """Print a line for each profile; ours and the peer's take turns."""
    print(f"medians of {SAMPLES}, load {os.getloadavg()[0]:.1f}, CPU seconds with the start")
    print(f"{'profile':30} {'MiB':>5} {'lvsdr':>7} {'json':>6} {'ratio':>6} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.json"
        for name, text in PROFILES.items():
            path.write_text(text, encoding="utf-8")
            pairs = [(measured(path, "lvsdr"), measured(path, "json")) for _ in range(SAMPLES)]
            ours = median(first[0] for first, _ in pairs)
            peer = median(second[0] for _, second in pairs)
            peak = max(first[1] for first, _ in pairs)
            size = len(text) / 2**20
            print(f"{name:30} {size:5.1f} {ours:7.2f} {peer:6.2f} {ours / peer:6.1f} {peak:9.0f}")


main()
