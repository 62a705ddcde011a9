"""One table, one namespace: seconds of whole commands, each beside what ipvsadm takes there.

unshare -nm python benchmarks/parts/commands_sample.py KIND SERVICES EACH FILE

KIND is uniform, or the seed of a varied table. FILE is written: the table as ipvsadm saves it.
With KIND `restore`, the seconds of restoring FILE in a namespace that has seen no other table, and
of draining there what FILE has in all services.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from tables import EVERYWHERE, SET_UP, VIP, Table, uniform, varied

from lvsdr.lab.lvsdr_command import lvsdr_command

IPVSADM = "/usr/sbin/ipvsadm"
FOLDER = Path(tempfile.mkdtemp())


def timed(*words: str, text: str | None = None) -> float:
    start = perf_counter()
    subprocess.run(words, input=text, text=True, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - start


def saved() -> str:
    return subprocess.run([IPVSADM, "-Sn"], capture_output=True, text=True, check=True).stdout


def write(table: Table) -> Path:
    whole = {"role": "director", "name": "big", "interface": "eth0", "vips": [{"address": VIP}]}
    path = FOLDER / "director.json"
    path.write_text(json.dumps({**whole, "virtual_servers": table}), encoding="utf-8")
    return path


def lvsdr(command: str, path: Path, *options: str) -> float:
    return timed(*lvsdr_command("director", command, str(path), *options))


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def commands(kind: str, services: int, each: int, file: Path) -> dict[str, float]:
    """Return seconds, MiB and MB of all that is measured of one table."""
    table = uniform(services, each) if kind == "uniform" else varied(services, each, int(kind))
    path = write(table)
    found = {"apply": lvsdr("apply", path), "apply MiB": memory()}
    file.write_text(saved(), encoding="utf-8")
    assert len(file.read_text().splitlines()) == services * (each + 1)
    records = list(Path("/run/lvsdr").glob("*.json"))
    found["record MB"] = sum(record.stat().st_size for record in records) / 1e6
    found["nothing"] = lvsdr("apply", path)
    found["ipvsadm -Sn"] = timed(IPVSADM, "-Sn")
    table[services // 2]["real_servers"][each // 2]["weight"] = 7777
    write(table)
    found["one"] = lvsdr("apply", path)
    found["drain"] = lvsdr("drain", path, "--rip", EVERYWHERE)
    found["withdraw"] = lvsdr("withdraw", path)
    assert saved() == ""
    return found


def restored(text: str) -> dict[str, float]:
    """Return the seconds of the peers that change a table."""
    seconds = timed(IPVSADM, "-R", text=text)
    servers = (line.split() for line in text.splitlines() if f" {EVERYWHERE}:" in line)
    edits = "".join(
        f"{' '.join(['-e', *words[1:-1], '0'])}\n" for words in map(_weight_last, servers)
    )
    return {"ipvsadm -R": seconds, "ipvsadm -R with -e": timed(IPVSADM, "-R", text=edits)}


def _weight_last(words: list[str]) -> list[str]:
    place = words.index("-w")
    return [*words[:place], *words[place + 2 :], *words[place : place + 2]]


def main() -> None:
    for words in SET_UP:
        subprocess.run(words.split(), check=True)
    kind, services, each, file = sys.argv[1:]
    if kind == "restore":
        text = Path(file).read_text(encoding="utf-8")
        print(json.dumps(restored(text)))
        return
    print(json.dumps(commands(kind, int(services), int(each), Path(file))))


if __name__ == "__main__":
    main()
