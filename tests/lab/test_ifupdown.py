"""ifupdown beside us: what it takes at each event, and what brings it back.

It needs its package: in `make torture`.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from rig import VIP, director, lvsdr, realserver, rig, virtual_server

from lvsdr.lab.lab_host import Host
from lvsdr.lab.lvsdr_command import lvsdr_command

FILE = Path("/etc/network/interfaces")
HELD = f"{VIP}/32"
STANZA = """auto eth0
iface eth0 inet static
    address 192.168.1.{}/24
    gateway 192.168.1.1
"""
DOWN_AND_UP = ("ifdown eth0", "ifup eth0")
RESTART = ("ifdown -a --exclude=lo", "ifup -a")


def found(host: Host, profile: Path) -> dict[str, dict[str, str]]:
    """Return what a verify on a director finds, by rule.

    As on a machine of its own, the first process is in the host's network namespace: ifupdown's
    files are those of that namespace alone.
    """
    alone = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    words = lvsdr_command("director", "verify", str(profile), "--format", "json")
    done = host.run(*alone, *words, check=False)
    assert done.returncode in (0, 1), done.stderr
    return {each["rule"]: each for each in json.loads(done.stdout)["findings"]}


def happens(host: Host, lines: tuple[str, ...]) -> None:
    for line in lines:
        host.run(*line.split())


def addresses(host: Host, link: str = "eth0") -> str:
    return host.run("ip", "-4", "-o", "address", "show", "dev", link).stdout


def test_a_director_loses_its_vips_until_the_line_is_there(tmp_path: Path) -> None:
    with rig(tmp_path, director(virtual_server(scheduler="rr")), realserver()) as made:
        host = made.lab.director
        host.ip("address flush dev eth0", "link set eth0 down")
        FILE.write_text(STANZA.format("10"), encoding="utf-8")
        happens(host, ("ifup eth0",))
        made.apply()

        lost = {}
        for lines in (DOWN_AND_UP, RESTART):
            lvsdr(host, "director", "apply", made.director)
            happens(host, lines)
            lost[lines] = HELD not in addresses(host)
        lvsdr(host, "director", "apply", made.director)
        said = found(host, made.director)
        # As it says, but for the place of the program and the profile.
        program_file = tmp_path / "lvsdr"
        words = shlex.join(lvsdr_command("director", "apply", str(made.director)))
        program_file.write_text(f"#!/bin/sh\nexec {words}\n", encoding="utf-8")
        program_file.chmod(0o755)
        with FILE.open("a", encoding="utf-8") as writing:
            writing.write(f"    post-up {program_file} director apply || true\n")
        kept = {}
        for lines in (DOWN_AND_UP, RESTART, DOWN_AND_UP):
            happens(host, lines)
            kept[lines] = HELD in addresses(host)
        left = found(host, made.director).keys()

    assert lost == {DOWN_AND_UP: True, RESTART: True}
    assert (
        "'post-up lvsdr director apply || true' below iface eth0" in said["OWNER-NETWORK"]["look"]
    )
    assert said["OWNER-NETWORK"]["look"].endswith(f"in {FILE}")
    assert kept == {DOWN_AND_UP: True, RESTART: True}
    assert not {"OWNER-NETWORK", "DRIFT", "VIP-SOURCE"} & left


def test_a_real_server_is_unharmed(tmp_path: Path) -> None:
    with rig(tmp_path, director(), realserver()) as made:
        host = made.lab.realservers[0]
        host.ip("address flush dev eth0", "link set eth0 down")
        FILE.write_text(STANZA.format("11"), encoding="utf-8")
        happens(host, ("ifup eth0",))
        made.apply()

        said = []
        for lines in (DOWN_AND_UP, RESTART):
            happens(host, lines)
            said.append(lvsdr(host, "realserver", "verify", made.realserver).strip())

    assert said == ["verified: no findings"] * 2
