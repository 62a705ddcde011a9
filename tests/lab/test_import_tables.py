"""The table that keepalived makes of a file, and that which apply makes of its import: the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import program
from rig import settled

from lvsdr.lab.lab_host import Host

CONFS = sorted((Path(__file__).parent.parent / "keepalived_confs").glob("*.conf"))
LIMIT = 60.0
LINKS = (
    "link set lo up",
    "link add eth0 type veth peer name other",
    "link set eth0 up",
    "link set other up",
    "address add 192.0.2.200/24 dev eth0",
    "address add 2001:db8::200/64 dev eth0 nodad",
)


@dataclass(frozen=True)
class Tables:
    """What a file became: the table that keepalived made of it, and that of its import."""

    theirs: list[str]
    ours: list[str]
    said: str


@contextmanager
def named(name: str) -> Iterator[Host]:
    """Give a host with a link, on which nobody else is."""
    subprocess.run(["ip", "netns", "add", f"import-{name}"], check=True)
    try:
        host = Host(name, f"import-{name}")
        host.ip(*LINKS)
        yield host
    finally:
        subprocess.run(["ip", "netns", "delete", f"import-{name}"], check=True)


@contextmanager
def keepalived(host: Host, conf: Path, folder: Path) -> Iterator[Path]:
    """Let keepalived own the table inside the block, without its vrrp part; give its log."""
    log = folder / f"{conf.stem}.log"
    pids = [f"--{part}pid={folder}/{conf.stem}.{part}pid" for part in ("", "checkers_")]
    command = ["keepalived", "-n", "-l", "-D", "-C", "-f", str(conf), *pids]
    with log.open("w") as file:
        process = subprocess.Popen(
            ["nsenter", f"--net={host.path}", "--", *command],
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(LIMIT)


def table(host: Host) -> list[str]:
    """Return what ipvsadm says of a table: rules that make it again, and the thresholds."""
    rules = host.run("ipvsadm", "-Sn").stdout.splitlines()
    return sorted([*rules, *thresholds(host.run("ipvsadm", "-Ln", "--thresholds").stdout)])


def thresholds(listed: str) -> Iterator[str]:
    service = ""
    for line in listed.splitlines()[3:]:
        words = line.split()
        if words[0] == "->":
            yield f"{service}: {' '.join(words[1:4])}"
        else:
            service = " ".join(words[:2])


def applied(host: Host, conf: Path, folder: Path) -> str:
    """Apply the director's profile of a file; return what was said against it."""
    done = program.run(host, "import", "keepalived", "--format", "json", str(conf))
    told = json.loads(done.stdout)
    assert "profiles" in told, (conf.name, told)
    profiles = {each["file"]: each["profile"] for each in told["profiles"]}
    path = folder / "director.json"
    path.write_text(json.dumps(profiles["director.json"]))
    done = program.run(host, "director", "apply", "--allow-insecure-profile", str(path))
    return "" if done.returncode == 0 else done.stderr


def made_by(stack: ExitStack, conf: Path, folder: Path, lvsdrs: Host) -> Tables:
    """Return both tables of a file. One host has the tables of all imports, one after the other."""
    host = stack.enter_context(named(conf.stem[:8]))
    log = stack.enter_context(keepalived(host, conf, folder))
    said = applied(lvsdrs, conf, folder)
    ours = table(lvsdrs)
    done = settled(lambda: "Startup complete" in log.read_text(errors="replace"), True, LIMIT)
    return Tables(table(host), ours, said if done else log.read_text(errors="replace"))


def test_keepalived_and_an_apply_of_the_import_make_the_same_table(tmp_path: Path) -> None:
    tables = {}
    with named("lvsdr") as lvsdrs:
        for conf in CONFS:
            with ExitStack() as stack:
                tables[conf.stem] = made_by(stack, conf, tmp_path, lvsdrs)

    assert len(tables) >= 20
    assert {name: each.said for name, each in tables.items() if each.said} == {}
    assert {name: each.ours for name, each in tables.items()} == {
        name: each.theirs for name, each in tables.items()
    }
    # An empty table would be like any other.
    assert [name for name, each in tables.items() if not each.theirs] == []
