"""Play a scenario: show the trouble without lvsdr, that lvsdr ends it, and that all is undone."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lvsdr.errors import CannotRun
from lvsdr.lab.accident_play import with_accident
from lvsdr.lab.lab_host import Host
from lvsdr.lab.rehearsal import run_step, unchanged_step
from lvsdr.lab.scenario_stage import Stage
from lvsdr.lab.scenario_steps import MENDED, TROUBLE, by_hand, ran, seen, typed, undone
from lvsdr.lab.scenario_witnesses import all_serving, served
from lvsdr.lab.services import ask
from lvsdr.model.rehearsal_step import Step

REQUESTS = 10


def play(built: Stage) -> Iterator[Step]:
    """Yield each step once it is done; stop at the first that fails.

    While a step whose title starts with TROUBLE or MENDED is yielded, the cluster is in that state.
    """
    managed = _managed(built)
    before = {host.name: host.state() for host in managed}
    yield Step(f"build {built.scenario.name}", True, tuple(_hosts(built)))
    for step in with_accident(built) if built.scenario.accident else _story(built):
        yield step
        if not step.ok:
            return
    yield unchanged_step(managed, before)


def _managed(built: Stage) -> tuple[Host, ...]:
    """Return the hosts whose state at the end must be that of the start."""
    scenario, lab = built.scenario, built.lab
    touched = {part.host for part in (*scenario.by_hand, *scenario.mend)}
    more = (host for name, host in built.hosts.items() if name in touched)
    return tuple(dict.fromkeys((lab.director, *lab.realservers, *lab.others, *more)))


def _hosts(built: Stage) -> Iterator[str]:
    scenario = built.scenario
    where = {guest.name: f", behind {guest.port} of {guest.host}" for guest in scenario.guests}
    for station in built.lab.topology.segment:
        addresses = " ".join(str(ip) for ip in station.addresses)
        name = station.name
        yield f"{name.ljust(9)} {addresses} at {station.mac}{where.get(name, '')}"
    for cable in scenario.cables:
        yield f"{cable.host.ljust(9)} {cable.link} at {cable.mac}"
    yield from typed(scenario.machine)


def _story(built: Stage) -> Iterator[Step]:
    scenario, lab = built.scenario, built.lab
    if not scenario.director_late:
        yield ran(built, lab.director, "apply")
    if scenario.by_hand:
        yield by_hand(built, scenario.by_hand)
    yield seen(built, TROUBLE, scenario.trouble)
    yield from _named(built, while_there=True)
    if scenario.refused:
        yield _refused(built, lab.realservers[0])
    if scenario.by_hand:
        yield by_hand(built, undone(scenario.by_hand), "undo ")
    yield from _mended(built)
    yield from _taken_back(built)


def _mended(built: Stage) -> Iterator[Step]:
    scenario, lab = built.scenario, built.lab
    for host in lab.realservers:
        yield ran(built, host, "apply")
    if scenario.director_late:
        yield ran(built, lab.director, "apply")
    if scenario.mend:
        yield by_hand(built, scenario.mend, "mend ")
    # The caches that the trouble has poisoned.
    yield ran(built, lab.director, "announce")
    yield seen(built, MENDED, scenario.mended)
    yield from _named(built, while_there=False)
    with all_serving(built, *built.listening_services):
        yield ran(built, lab.director, "verify")
    yield from _requests(built)
    for named in scenario.own_clients:
        yield from _own_client(built, built.hosts[named.host], named.rule)


def _taken_back(built: Stage) -> Iterator[Step]:
    if built.scenario.mend:
        yield by_hand(built, undone(built.scenario.mend), "undo ")
    yield ran(built, built.lab.director, "withdraw")
    for host in built.lab.realservers:
        yield ran(built, host, "withdraw")


def _named(built: Stage, *, while_there: bool) -> Iterator[Step]:
    """Yield whether verify reports the expected findings: all with the trouble, none after it."""
    every = built.scenario.expected_findings
    for name, role in dict.fromkeys((named.host, named.role) for named in every):
        rules = {named.rule for named in every if (named.host, named.role) == (name, role)}
        with all_serving(built, *built.listening_services):
            done = _asked(built, built.hosts[name], role)
        found = json.loads("\n".join(done.seen)).get("findings", [])
        known = {finding["rule"] for finding in found}
        said = [f"{item['rule']}: {item['message']}" for item in found if item["rule"] in rules]
        right = rules <= known if while_there else not rules & known
        what = "names" if while_there else "no longer names"
        title = f"{done.title.replace(' --format json', '')} {what} {', '.join(sorted(rules))}"
        yield Step(title, right, tuple(said))


def _asked(built: Stage, host: Host, role: str | None) -> Step:
    words = ("verify", "--format", "json")
    if role is None:
        return ran(built, host, *words)
    return run_step(host, (role, *words), built.folder / f"{role}.json", run=built.run)


def _refused(built: Stage, host: Host) -> Step:
    state = host.state()
    tried = ran(built, host, "apply", expect=CannotRun.exit_code)
    untouched = host.state() == state
    said = "the host is as it was" if untouched else "the host has changed"
    return Step(f"{tried.title}: refused", tried.ok and untouched, (*tried.seen, said))


def _own_client(built: Stage, host: Host, rule: str) -> Iterator[Step]:
    """Yield whether a host that requests the VIP is served by itself, and verify says so."""
    service = built.services[0]
    assert service.vip is not None, "a client asks for an address"
    with all_serving(built, service):
        # From the VIP, as the kernel chooses for what does not leave the host.
        answers = ask(host, service, [service.vip], REQUESTS)
    lines = tuple(f"{count} served by {who}" for who, count in sorted(answers.items()))
    yield Step(f"{host.name}: {REQUESTS} requests to {service}", set(answers) == {host.name}, lines)
    done = ran(built, host, "verify")
    yield Step(done.title, done.ok and any(rule in line for line in done.seen), done.seen)


def _requests(built: Stage) -> Iterator[Step]:
    names = {host.name for host in built.servers}
    for service in built.services:
        answers = served(built, service, REQUESTS)
        lines = tuple(f"{count} served by {who}" for who, count in answers.items())
        yield Step(f"client: {REQUESTS} requests to {service}", set(answers) <= names, lines)
