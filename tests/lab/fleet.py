"""A cluster that Ansible runs: hosts with files of their own, and real ansible-playbook."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface
from pathlib import Path
from time import monotonic

from recipe_hosts import OwnFiles, own_files
from rig import VIP, Document, director, mis_set, realserver, state, virtual_server, write
from steady_traffic import Count, Traffic, steady

from lvsdr.lab.cluster import Cluster, cluster
from lvsdr.lab.services import serving
from lvsdr.lab.topology import Station, topology
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-ansible" / "bin"
COLLECTIONS = ROOT / "build" / "ansible"
PLUGINS = ROOT / "tests" / "collection"
# Where each host has its lvsdr, in a folder that no other host sees.
PROGRAM = "/etc/lvsdr/bin/lvsdr"
WRAPPER = f"""#!/bin/sh
# {{version}}
exec {sys.executable} -I -m lvsdr "$@"
"""
VIPS = (VIP, "192.168.1.3")
RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.M)
# A playbook of many tasks, of which each takes seconds here.
PATIENCE = 3600.0
# Until a client is served in time again, on a machine that has much else to do.
CALM = 600.0
# A fifth of what a host could do: Ansible needs the one CPU as well.
EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Played:
    """What a run of ansible-playbook printed, and what it says of each host at the end."""

    code: int
    printed: str
    changed: dict[str, int]
    failed: dict[str, int]

    @property
    def all_changed(self) -> int:
        return sum(self.changed.values())


@dataclass(slots=True)
class Fleet:
    """Directors and real servers, the profiles of each, and the file that lists them."""

    lab: Cluster
    folder: Path
    hosts: dict[str, OwnFiles]
    profiles: dict[str, Document]
    traffic: list[Traffic] = field(default_factory=list)

    @property
    def directors(self) -> list[str]:
        return [name for name, each in self.profiles.items() if each["role"] == "director"]

    @property
    def realservers(self) -> list[str]:
        return [name for name, each in self.profiles.items() if each["role"] == "realserver"]

    def play(self, playbook: str, *words: str, **variables: object) -> Played:
        """Run a playbook of the collection; `variables` are extra ones."""
        given = [f"lvsdr.cluster.{playbook}", "-i", str(self._inventory()), *words]
        given += ["-e", json.dumps(variables)]
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), *given],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=self._environment(),
            check=False,
        )
        rows = RECAP.findall(done.stdout)
        print(f"--- {playbook} {' '.join(words)}\n{done.stdout}{done.stderr}", flush=True)
        return Played(
            done.returncode,
            done.stdout + done.stderr,
            {name: int(changed) for name, changed, _, _ in rows},
            {name: int(away) + int(failed) for name, _, away, failed in rows},
        )

    @contextmanager
    def counted(self) -> Iterator[list[Count]]:
        """Give a list that holds at the end what became of the clients' requests in the block."""
        counts: list[Count] = []
        begun = [each.well(5, CALM) for each in self.traffic]
        yield counts
        ended = [each.well(5, CALM) for each in self.traffic]
        for traffic, start, end in zip(self.traffic, begun, ended, strict=True):
            counts.append(traffic.between(start, end))
        print(f"requests: {'; '.join(map(str, counts))}", flush=True)

    def states(self) -> dict[str, str]:
        """Return what each host is like, and the names of the files that a run may leave."""
        # Of /tmp all but what is of the lab itself.
        # By the shell alone: what others have there goes while find looks at it.
        looks = "for it in /tmp/lvsdr-*; do case $it in *-lab-*) ;; *) echo $it ;; esac; done"
        files = f"find /etc/lvsdr /run/lvsdr; {looks}"
        return {name: state(each.host) + each.sh(files) for name, each in self.hosts.items()}

    def versions(self) -> dict[str, str]:
        """Return which program each host has."""
        return {name: each.sh(f"sed -n 2p {PROGRAM}").strip() for name, each in self.hosts.items()}

    def install(self, name: str, version: str = "# old") -> None:
        """Give a host its lvsdr."""
        text = WRAPPER.format(version=version.removeprefix("# "))
        own = self.hosts[name]
        own.sh(f"mkdir -p {Path(PROGRAM).parent}")
        own.write(PROGRAM, text)
        own.sh(f"chmod 0755 {PROGRAM}")

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS / "connection"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": "1",
            "LC_ALL": "C.UTF-8",
        }

    def _inventory(self) -> Path:
        common = {
            "ansible_connection": "lab_host",
            "ansible_python_interpreter": str(BIN / "python"),
            "lvsdr_become": False,
            "lvsdr_executable": PROGRAM,
        }
        groups: dict[str, dict[str, Document]] = {"lvsdr_directors": {}, "lvsdr_realservers": {}}
        for name, profile in self.profiles.items():
            station = next(each for each in self.lab.topology.segment if each.name == name)
            groups[f"lvsdr_{profile['role']}s"][name] = {
                "lab_net": str(self.hosts[name].host.path),
                "lab_mount": str(self.hosts[name].mounts),
                f"lvsdr_{profile['role']}_profile": profile,
                "lvsdr_rip": str(station.address(4)),
            }
        listed = {name: {"hosts": each} for name, each in groups.items()}
        path = self.folder / "inventory.json"
        path.write_text(json.dumps({"all": {"vars": common, "children": listed}}))
        return path


def of_vip(vip: str, rips: list[str]) -> Document:
    """Return the profile of a director with one service."""
    return director(virtual_server(vip, rips, scheduler="rr"), name="web")


@contextmanager
def fleet(folder: Path, size: int, vips: tuple[str, str] = VIPS) -> Iterator[Fleet]:
    """Give two directors, each with its VIP, or both with one; and `size` real servers of both."""
    rips = [f"192.168.1.{number}" for number in range(11, 11 + size)]
    served = realserver(vips=list(dict.fromkeys(vips)))
    both = director(*(virtual_server(vip, rips) for vip in dict.fromkeys(vips)))
    one, other = read(write(folder, both), "director"), read(write(folder, served), "realserver")
    assert isinstance(one, DirectorProfile)
    assert isinstance(other, RealServerProfile)
    second = Station("second", "eth0", "02:00:00:00:00:09", (ip_interface("192.168.1.9/24"),))
    plan = replace(topology(one, other), others=(second,))
    services = [each.service for each in one.virtual_servers]
    with cluster(plan) as lab, ExitStack() as stack:
        hosts = [*lab.realservers, lab.director, *lab.others]
        for host in lab.realservers:
            stack.enter_context(serving(host, services))
        for host in hosts:
            mis_set(host)
        own = {each.name: stack.enter_context(own_files(each, folder)) for each in hosts}
        profiles = {each.name: served for each in lab.realservers}
        for name, vip in zip(("director", "second"), vips, strict=True):
            profiles[name] = of_vip(vip, rips[:-1])
        made = Fleet(lab, folder, own, profiles)
        for name in own:
            made.install(name)
        yield made


@contextmanager
def clients(made: Fleet, vips: Iterable[str] = VIPS) -> Iterator[None]:
    """Let a client ask each service of `vips` inside the block, and wait until it is served."""
    with ExitStack() as stack:
        for vip in vips:
            folder = made.folder / f"clients-of-{vip}"
            folder.mkdir()
            asked = steady(made.lab.client, folder, vip, every=EVERY)
            made.traffic.append(stack.enter_context(asked))
        for each in made.traffic:
            each.well(5, CALM)
        print(f"clients are served at {monotonic():.0f}")
        yield
