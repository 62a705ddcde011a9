"""One table, one namespace: seconds of whole commands, each beside what ipvsadm takes there.

unshare -nm python benchmarks/parts/commands_sample.py KIND SERVICES EACH FILE

KIND is uniform, or the seed of a varied table. FILE is written: the table as ipvsadm saves it.
With KIND `restore`, the seconds of restoring FILE in a namespace that has seen no other table, and
of draining there what FILE has in all services. With KIND `floor`, those of commands_floor.py, with
the bytes of our own commands on the table of which FILE is.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from itertools import chain
from pathlib import Path
from time import perf_counter

from prepared_sends import answered, listings, prepared, sends
from tables import EVERYWHERE, SET_UP, VIP, Table, uniform, varied

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.lvsdr_command import lvsdr_command
from lvsdr.model.change import Change
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

FLOOR = Path(__file__).with_name("commands_floor.py")
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
    shutil.copy(path, file.with_suffix(".json"))
    assert len(file.read_text().splitlines()) == services * (each + 1)
    records = list(Path("/run/lvsdr").glob("*.json"))
    (record,) = records
    shutil.copy(record, file.with_suffix(".record"))
    found["record MB"] = record.stat().st_size / 1e6
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


def floor(file: Path) -> dict[str, float]:
    """Return the seconds of a program that starts, reads the same files and sends the same bytes.

    A first apply lists the table once, to check it; a drain and a withdraw do as well.
    """
    profile, record = file.with_suffix(".json"), file.with_suffix(".record")
    wanted = read(profile, "director")
    assert isinstance(wanted, DirectorProfile)
    servers, real = wanted.virtual_servers, wanted.real_servers
    drained = [each for each in real if str(each.rip) == EVERYWHERE]
    changes: dict[str, list[Change]] = {
        "apply": [Change(None, each) for each in (*servers, *real)],
        "nothing": [],
        "drain": [Change(each, replace(each, weight=0)) for each in drained],
        "withdraw": [Change(each, None) for each in servers],
    }
    found = dict[str, float]()
    with LinuxKernel() as kernel:
        wire = kernel._sockets.ipvs
        for command, todo in changes.items():
            listed = listings(wire, [each.service for each in servers])
            changed = map(answered, sends(wire, todo)) if todo else ()
            order = (listed, changed) if command == "withdraw" else (changed, listed)
            bytes_sent = file.with_suffix(f".{command}")
            bytes_sent.write_bytes(prepared(chain(*order)))
            # All but a first apply know the profile's text: they need not decode it.
            files = ["json", profile] if command == "apply" else ["bytes", profile, record]
            words = [sys.executable, "-I", "-S", str(FLOOR), str(bytes_sent), *map(str, files)]
            found[f"floor of {command}"] = timed(*words)
    assert saved() == ""
    return found


def _weight_last(words: list[str]) -> list[str]:
    place = words.index("-w")
    return [*words[:place], *words[place + 2 :], *words[place : place + 2]]


def main() -> None:
    for words in SET_UP:
        subprocess.run(words.split(), check=True)
    kind, services, each, file = sys.argv[1:]
    if kind == "floor":
        print(json.dumps(floor(Path(file))))
        return
    if kind == "restore":
        text = Path(file).read_text(encoding="utf-8")
        print(json.dumps(restored(text)))
        return
    print(json.dumps(commands(kind, int(services), int(each), Path(file))))


if __name__ == "__main__":
    main()
