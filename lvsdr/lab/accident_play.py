"""Play what befalls a cluster that serves: without a keeper, and beside `lvsdr director keep`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lvsdr.lab.lvsdr_command import lvsdr_command
from lvsdr.lab.residents import Resident, staying
from lvsdr.lab.scenario import ByKeepalived
from lvsdr.lab.scenario_stage import Stage
from lvsdr.lab.scenario_steps import MENDED, TROUBLE, by_hand, ran, seen, typed, undone
from lvsdr.lab.scenario_witnesses import all_serving
from lvsdr.lab.services import ask
from lvsdr.model.rehearsal_step import Step


def with_accident(built: Stage) -> Iterator[Step]:
    """Yield the steps of a scenario that has an accident, but for the first and the last."""
    yield from _without_keeper(built)
    for host in built.lab.realservers:
        yield ran(built, host, "apply")
    yield from _with_keeper(built)
    for host in (built.lab.director, *built.lab.realservers):
        yield ran(built, host, "withdraw")


def _without_keeper(built: Stage) -> Iterator[Step]:
    scenario = built.scenario
    yield by_hand(built, scenario.by_hand)
    with all_serving(built, *built.listening_services), ExitStack() as stack:
        if scenario.keepalived is not None:
            yield stack.enter_context(_table(built, scenario.keepalived))
        yield seen(built, TROUBLE, scenario.trouble)
        yield by_hand(built, undone(scenario.accident), "undo ")
    yield by_hand(built, undone(scenario.by_hand), "undo ")


@contextmanager
def _table(built: Stage, wanted: ByKeepalived) -> Iterator[Step]:
    """Give the step that makes the table, which is there inside the block."""
    if shutil.which("keepalived") is None:
        built.do_by_hand([wanted.instead])
        yield Step("by hand, for want of keepalived", True, tuple(typed([wanted.instead])))
        built.do_by_hand(undone([wanted.instead]))
        return
    file, director = built.folder / "keepalived.conf", built.lab.director
    file.write_text(wanted.conf, encoding="utf-8")
    # Without its part for VRRP; and no other one's files are touched.
    files = [f"--{part}pid={built.folder}/{part}pid" for part in ("", "checkers_")]
    words = ("keepalived", "-n", "-l", "-C", "-f", str(file), *files)
    with staying(director, *words) as resident:
        ready = resident.until(lambda: director.inside(_real_servers) == len(built.servers))
        said = wanted.conf.splitlines() if ready else resident.news()
        yield Step("director: keepalived", ready, tuple(said))


def _real_servers() -> int:
    """Return how many real servers the table of this thread's host has."""
    return Path("/proc/thread-self/net/ip_vs").read_text(encoding="ascii").count("->") - 1


def _with_keeper(built: Stage) -> Iterator[Step]:
    scenario, director = built.scenario, built.lab.director
    keep = ("director", "keep", str(built.file(director)))
    words = lvsdr_command(*keep, "--allow-insecure-profile")
    with all_serving(built, *built.listening_services), staying(director, *words) as keeper:
        ready = keeper.until(lambda: ": KEEPING: " in keeper.said())
        yield Step("director: lvsdr director keep", ready, keeper.news())
        yield seen(built, MENDED, scenario.mended)
        yield Step("director: lvsdr director keep, meanwhile", True, keeper.news())
        yield from _over(built, keeper)
        yield ran(built, director, "verify")
        code = keeper.end()
        yield Step("director: lvsdr director keep ends", code == 0, keeper.news())


def _over(built: Stage, keeper: Resident) -> Iterator[Step]:
    """Yield what undoes the accident where no keeper does, and that all serve again."""
    elsewhere = [part for part in built.scenario.accident if part.host != built.lab.director.name]
    if elsewhere:
        yield by_hand(built, undone(elsewhere), "undo ")
        names = {host.name for host in built.servers}
        back = keeper.until(lambda: _who_serves(built) == names)
        yield Step("client: all serve again", back, keeper.news())


def _who_serves(built: Stage) -> set[str]:
    service = built.services[0]
    assert service.vip is not None, "a client asks for an address"
    sources = built.lab.client_addresses(service.vip.version)
    return set(ask(built.lab.client, service, sources, built.turns(service)))
