"""What ipvsadm and keepalived make of exported files is what `apply` makes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import which

import program
import pytest
from exported_tables import MORE, UNIFORM, VARIED, applied, exported, one_host, table
from rig import Document, director, lvsdr, settled, verified, write

from lvsdr.lab.lab_host import Host

TORTURE = os.environ.get("LVSDR_TORTURE") == "1"
# Both hold what there is in a uniform one, too.
PROFILES = {"varied": VARIED, "more": MORE} | ({"uniform": UNIFORM} if TORTURE else {})
each_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


@each_profile
def test_ipvsadm_restores_the_table_that_apply_makes(tmp_path: Path, profile: Document) -> None:
    daemons = [{"state": "master", "syncid": 3}]
    path = write(tmp_path, {**profile, "sync_daemons": daemons} if profile is VARIED else profile)
    with one_host() as host:
        wanted = applied(host, path)
        text, _ = exported(host, "ipvsadm", path)
        host.run("ipvsadm", "-R", text=text)
        seen = table(host)
        daemon = host.run("ipvsadm", "-Ln", "--daemon").stdout
        left = lvsdr(host, "director", "plan", path, expect=1)
        host.run("sh", text="ipvsadm -C; ipvsadm --stop-daemon master; ipvsadm --set 900 120 300")

    assert seen == wanted
    assert len(seen) > 10
    assert not set(text) & set("#'\"")
    assert ("syncid=3" in daemon) is (profile is VARIED)
    # Nothing but the VIPs is missing.
    assert {line.split()[2] for line in left.splitlines()} == {"on"}, left


def vip_of(host: Host) -> tuple[str, ...]:
    """Return the last IPv4 address of eth0 with its scope and label, as ip(8) says them."""
    (link,) = json.loads(host.run("ip", "-4", "-j", "address", "show", "dev", "eth0").stdout)
    # Keepalived since 2.3 says by `protocol` that it is its own.
    last = link["addr_info"][-1]
    return (f"{last['local']}/{last['prefixlen']}", last["scope"], last["label"])


HELD: tuple[str, ...] = ("192.168.1.2/32", "global", "eth0:0")


@contextmanager
def keepalived(host: Host, folder: Path, conf: str) -> Iterator[None]:
    path = folder / "keepalived.conf"
    path.write_text(conf, encoding="utf-8")
    program_ = which("keepalived")
    assert program_ is not None
    pids = [f"--{name}pid={folder / name}.pid" for name in ("", "vrrp_", "checkers_", "bfd_")]
    words = [program_, "--dont-fork", "--log-console", f"--use-file={path}", *pids]
    with (folder / "keepalived.log").open("wb") as log:
        process = host.inside(lambda: subprocess.Popen(words, stdout=log, stderr=log))
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@each_profile
def test_keepalived_makes_the_table_that_apply_makes(tmp_path: Path, profile: Document) -> None:
    path = write(tmp_path, profile)
    with one_host() as host:
        wanted = applied(host, path)
        text, _ = exported(host, "keepalived", path, code=0)
        with keepalived(host, tmp_path, text):
            seen = settled(lambda: table(host), wanted, 20)
            vips = settled(partial(vip_of, host), HELD, 20)
        after = table(host)
        checked = verified(host, "keepalived", "check", tmp_path / "keepalived.conf", expect=0)
        asked = host.run("keepalived", "-t", "-f", str(tmp_path / "keepalived.conf"))
        host.run("ipvsadm", "--set", "900", "120", "300")

    log = (tmp_path / "keepalived.log").read_text()
    assert seen == wanted, log
    assert vips == HELD
    # These profiles have no health, and so the file has no checks.
    assert {each["rule"] for each in checked} <= {"KEEPALIVED-NO-CHECK"}
    assert asked.returncode == 0
    assert len(after) < len(wanted)


def test_what_is_said_to_be_lost_is_in_json_too(tmp_path: Path) -> None:
    path = write(tmp_path, director(health={}))
    with one_host() as host:
        done = program.run(host, "export", "ipvsadm", str(path), "--format", "json")

    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert said["format"] == "lvsdr/export/1"
    assert [each["severity"] for each in said["findings"]] == ["error", "warning"]
