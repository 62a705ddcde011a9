"""The rehearsal: apply two profiles on a throw-away cluster, use it, verify it, withdraw them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from difflib import unified_diff
from pathlib import Path

from lvsdr.errors import ProfileError
from lvsdr.lab.cluster import Cluster, cluster
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import TYPES, ask, serving
from lvsdr.lab.topology import topology
from lvsdr.model.ipvs import Service
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.model.rehearsal_step import Step
from lvsdr.profile.reader import read
from lvsdr.profile.schema import ROLES

# How the program is run in a host.
Runner = Callable[..., subprocess.CompletedProcess[str]]
REQUESTS = 20
# Lines of a difference that a step shows.
LONGEST = 20


def rehearse(director_path: Path, realserver_path: Path) -> Iterator[Step]:
    """Yield each step once it is done; after the first that fails the cluster is removed.

    Raises ProfileError where the profiles do not make a cluster that can be built here.
    """
    director, realserver = _profiles(director_path, realserver_path)
    with cluster(topology(director, realserver)) as lab:
        yield Step("build the cluster", True, tuple(_hosts(lab)))
        yield from _Rehearsal(lab, director, director_path, realserver_path).steps()


def _profiles(
    director_path: Path, realserver_path: Path
) -> tuple[DirectorProfile, RealServerProfile]:
    director, realserver = read(director_path, "director"), read(realserver_path, "realserver")
    assert isinstance(director, DirectorProfile), "read() holds it to its role"
    assert isinstance(realserver, RealServerProfile), "read() holds it to its role"
    if not director.rips:
        raise ProfileError(
            f"{director_path}: /virtual_servers: there is no real server to rehearse with",
            hints=["add one to a virtual server's real_servers"],
        )
    for why in _unfit(director):
        raise ProfileError(
            f"{director_path}: {why}",
            hints=["rehearse the rest in a profile of its own"],
        )
    return director, realserver


def _unfit(director: DirectorProfile) -> Iterator[str]:
    """Yield what in the profile needs hosts or links that the cluster does not have."""
    for server in director.real_servers:
        if server.forwarding_method == "masquerade":
            yield (
                "masquerade cannot be rehearsed: its real servers need the director as their"
                " gateway"
            )
        if any(server.tunnel) or (server.rip.version == 6) != (server.service.family == "inet6"):
            yield (
                f"the tunnel to {server.rip} cannot be rehearsed: real servers take packets out of"
                " plain IPIP of the VIP's family"
            )
    for daemon in director.sync_daemons:
        if daemon.link != director.interface:
            yield f"no sync daemon on {daemon.link} can be rehearsed: there is {director.interface}"


def _hosts(lab: Cluster) -> Iterator[str]:
    yield f"client {', '.join(map(str, lab.topology.client_networks))} behind the gateway"
    for station in lab.topology.segment:
        addresses = " ".join(str(ip) for ip in station.addresses)
        yield f"{station.name.ljust(9)} {addresses} at {station.mac}"


class _Rehearsal:
    """The steps of a rehearsal, on a cluster that is built."""

    def __init__(
        self, lab: Cluster, director: DirectorProfile, director_path: Path, realserver_path: Path
    ) -> None:
        self._lab = lab
        self._profile = director
        self._paths = {"director": director_path, "realserver": realserver_path}
        # Real servers are silent before the director draws traffic, and until it has stopped.
        self._managed = [*((host, "realserver") for host in lab.realservers)]
        self._managed.append((lab.director, "director"))

    def steps(self) -> Iterator[Step]:
        """Yield each step; stop at the first that fails."""
        before = {host.name: host.state() for host, _ in self._managed}
        for step in self._story():
            yield step
            if not step.ok:
                return
        yield unchanged_step((host for host, _ in self._managed), before)

    def _story(self) -> Iterator[Step]:
        for host, role in self._managed:
            yield run_step(host, (role, "apply"), self._paths[role])
        for host, role in self._managed:
            yield run_step(host, (role, "plan"), self._paths[role])
        yield from self._requests()
        yield self._silence()
        yield from self._entries()
        for host, role in reversed(self._managed):
            yield run_step(host, (role, "withdraw"), self._paths[role])

    def _requests(self) -> Iterator[Step]:
        services = [server.service for server in self._profile.virtual_servers]
        with ExitStack() as stack:
            for host in self._lab.realservers:
                stack.enter_context(serving(host, services))
            for service in services:
                yield self._request(service)

    def _request(self, service: Service) -> Step:
        if service.vip is None or service.protocol not in TYPES:
            return Step(f"client: {service}", True, ("not asked: the lab has no client for it",))
        sources = self._lab.client_addresses(service.vip.version)
        served = ask(self._lab.client, service, sources, REQUESTS)
        known = {host.name for host in self._lab.realservers}
        seen = tuple(f"{count} served by {who}" for who, count in sorted(served.items()))
        return Step(f"client: {REQUESTS} requests to {service}", set(served) <= known, seen)

    def _silence(self) -> Step:
        # The services have been asked by the client, and nobody serves them any more.
        words = ("verify", "--no-services", "--format", "json")
        done = self._lab.observer.lvsdr(*words, self._paths["director"])
        document = json.loads(done.stdout)
        seen = [
            f"{answer['vip']} is at {answer['mac']}: {self._lab.name_of(answer['mac'])}"
            f" ({answer['form']})"
            for answer in document.get("answers", [])
        ]
        seen += [finding["message"] for finding in document.get("findings", [])]
        seen += [document["error"]] if "error" in document else []
        return Step("observer: who answers for the VIPs", done.returncode == 0, tuple(seen))

    def _entries(self) -> Iterator[Step]:
        """Yield, for each VIP, whether the gateway's neighbour cache has the director's MAC."""
        shown = json.loads(self._lab.gateway.run("ip", "-j", "neighbour").stdout)
        entries = {entry["dst"]: entry.get("lladdr", "") for entry in shown}
        for vip in self._profile.vips:
            name = self._lab.name_of(entries.get(str(vip), "no entry"))
            yield Step(f"gateway: sends {vip} to", name == self._lab.director.name, (name,))


def run_step(
    host: Host,
    words: Sequence[str],
    path: Path,
    *,
    expect: int = 0,
    run: Runner = Host.lvsdr,
) -> Step:
    """Run the real program on a host; the step succeeds where its exit code is `expect`."""
    # What reads a profile and changes nothing takes any.
    trusting = ("--allow-insecure-profile",) if words[0] in ROLES else ()
    done = run(host, *words, str(path), *trusting)
    said = (*done.stdout.splitlines(), *done.stderr.splitlines())
    return Step(f"{host.name}: lvsdr {' '.join(words)}", done.returncode == expect, said)


def unchanged_step(managed: Iterable[Host], before: dict[str, str]) -> Step:
    """Compare each host with its state `before`; the step succeeds where none has changed."""
    changed = [
        f"{host.name}: {line}"
        for host in managed
        for line in _difference(before[host.name], host.state())
    ]
    seen = tuple(changed[:LONGEST]) or ("every host is as it was",)
    return Step("compare links, addresses, routes, sysctls, IPVS", not changed, seen)


def _difference(before: str, after: str) -> Iterator[str]:
    """Yield the lines that are gone, with a minus, and those that are new, with a plus."""
    lines = unified_diff(before.splitlines(), after.splitlines(), n=0)
    yield from (line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))
