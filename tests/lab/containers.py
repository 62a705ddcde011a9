"""What the tests of containers share: a container on a scenario's machines, and its host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import program
from onlookers import ONLOOKERS
from rig import Document, checked, settled, verified

from lvsdr.lab.lab_host import Host
from lvsdr.lab.scenario import Scenario
from lvsdr.lab.scenario_stage import Stage, build_stage

VIP, RIP = "192.168.1.2", "192.168.1.11"
PATIENCE = 20.0
SILENT_HOST = (
    "sysctl -qw net/ipv4/conf/eth0/proxy_arp=0",
    f"ip neighbour replace proxy {RIP} dev eth0",
)
ROUTE = f"ip route replace {VIP}/32 via {RIP} dev veth1"


def sh(host: Host, *lines: str) -> None:
    host.run("sh", "-c", " && ".join(lines))


def inside(built: Stage, *arguments: str) -> tuple[str, ...]:
    """Return the words that run lvsdr for the container, on its host."""
    (guest,) = built.lab.realservers
    path = built.file(guest)
    return (*arguments, "--netns", guest.namespace, str(path), "--allow-insecure-profile")


def there(built: Stage, verb: str) -> tuple[str, ...]:
    """Return the words that run lvsdr on the director."""
    return ("director", verb, str(built.file(built.lab.director)), "--allow-insecure-profile")


def named(built: Stage, expect: int) -> dict[str, Document]:
    """Return what verify finds, by its id."""
    words = inside(built, "realserver", "verify")
    findings = verified(built.hosts["box"], *words, expect=expect)
    return {finding["rule"]: finding for finding in findings}


def served(built: Stage) -> set[str]:
    return ONLOOKERS["serving"](built)


def serves(built: Stage) -> set[str]:
    """Return who serves the client, once it is the container: neighbours may have to be found."""
    return settled(lambda: served(built), {"rs1"}, PATIENCE)


@contextmanager
def applied(scenario: Scenario, *lines: str) -> Iterator[Stage]:
    """Give a scenario's machines with the profiles applied, once `lines` were typed on the box."""
    with build_stage(scenario, program.run) as built:
        box, director = built.hosts["box"], built.lab.director
        if lines:
            sh(box, *lines)
        checked(program.run(box, *inside(built, "realserver", "apply")), 0)
        checked(program.run(director, *there(built, "apply")), 0)
        yield built
