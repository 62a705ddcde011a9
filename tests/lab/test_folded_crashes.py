"""A table that is known by fingerprints, and a run that is killed while it changes a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults import Agent, Refusal, Strike, agent, sample, tell
from rig import VIP, director, virtual_server, write

from lvsdr.core.book import Book
from lvsdr.core.folding import known_texts
from lvsdr.kernel import namespace
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

RIPS = [f"192.168.1.{number}" for number in range(11, 51)]
KILLED = -9


def table(weight: int = 1, *, one_less: bool = False) -> dict[str, Any]:
    """Return a large profile; one real server has `weight`, and one service is there or is not."""
    services = [virtual_server(rips=RIPS, port=port) for port in range(1000, 1010)]
    services[4]["real_servers"][7]["weight"] = weight
    return director(*services[: 9 if one_less else 10])


@dataclass(frozen=True)
class Scene:
    """A director to which the large profile was applied."""

    host: Host
    agent: Agent
    file: Path
    book: Book

    def write(self, document: dict[str, Any]) -> None:
        write(self.file.parent, document)

    def must(self, command: str, *options: str) -> None:
        ended = self.agent.run("director", command, self.file, *options)
        assert ended.code == 0, (command, ended)

    def table(self) -> str:
        return self.host.run("ipvsadm", "-Sn").stdout

    def folded(self) -> int:
        """Return how many services the record knows by their fingerprints."""
        (known,) = self.host.inside(lambda: known_texts(self.book))
        return len(known[1])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    file = write(tmp_path_factory.mktemp("profile"), table())
    with hosts(["solo"]) as made, agent(made["solo"]) as running:
        made["solo"].ip(
            "link add eth0 type dummy",
            "link set eth0 arp on up",
            "address add 192.168.1.10/24 dev eth0",
        )
        book = Book(made["solo"].inside(namespace.identity))
        yield Scene(made["solo"], running, file, book)


Work = Callable[[Scene, Strike | Refusal | None], int]


def reweigh(scene: Scene, fault: Strike | Refusal | None) -> int:
    """Apply the profile with another weight and one service less; return the points passed."""
    scene.write(table(9, one_less=True))
    ended = scene.agent.run("director", "apply", scene.file, fault=fault)
    assert ended.code == (0 if fault is None else KILLED if isinstance(fault, Strike) else 3), ended
    return len(ended.points)


def drain(scene: Scene, fault: Strike | Refusal | None) -> int:
    """Drain one real server in two services; return the points passed."""
    options = [f"--vs=tcp:{VIP}:{port}" for port in (1002, 1003)]
    ended = scene.agent.run(
        "director", "drain", scene.file, "--rip", RIPS[3], *options, fault=fault
    )
    assert ended.code == (0 if fault is None else KILLED if isinstance(fault, Strike) else 3), ended
    return len(ended.points)


def give_back(scene: Scene, fault: Strike | Refusal | None) -> int:
    """Withdraw the profile; return the points passed."""
    ended = scene.agent.run("director", "withdraw", scene.file, fault=fault)
    assert ended.code == (0 if fault is None else KILLED if isinstance(fault, Strike) else 3), ended
    return len(ended.points)


@pytest.mark.parametrize("work", [reweigh, drain, give_back])
def test_after_a_killed_run_each_way_on_is_open(
    scene: Scene, work: Work, request: pytest.FixtureRequest
) -> None:
    scene.write(table())
    scene.must("apply")
    before = scene.table()
    assert scene.folded() == 10
    points = work(scene, None)
    done = scene.table()
    scene.must("withdraw")
    tried = sample(points, 2)

    for point in tried:
        for command, ends in (("again", done), ("apply", before), ("withdraw", "")):
            scene.write(table())
            scene.must("apply")
            assert (scene.table(), scene.folded()) == (before, 10), point
            work(scene, Strike(point))
            if command == "again":
                if work is drain:
                    # So says the hint: the run before it was cut off.
                    scene.must("apply")
                work(scene, None)
            else:
                scene.write(table())
                scene.must(command)
                if command == "apply" and work is drain:
                    scene.must("drain", "--rip", RIPS[3], "--undo")
            assert sorted(scene.table().splitlines()) == sorted(ends.splitlines()), (point, command)
            scene.write(table())
            scene.must("withdraw")
            assert scene.table() == "", (point, command)
            assert not scene.book.path.exists(), (point, command)

    tell(request, f"{len(tried)} points tried, 0 stuck")


@pytest.mark.parametrize("done", [False, True])
def test_a_refused_change_leaves_a_large_table_as_it_was(scene: Scene, done: bool) -> None:
    scene.write(table())
    scene.must("apply")
    before = scene.table()

    # One weight, then the service that goes, with its 40 real servers.
    for change in (0, 1, 20, 41):
        reweigh(scene, Refusal(change, 16, done))
        assert sorted(scene.table().splitlines()) == sorted(before.splitlines()), change

    scene.write(table())
    scene.must("withdraw")
    assert scene.table() == ""


@pytest.mark.parametrize("done", [False, True])
def test_a_refused_withdraw_brings_back_what_went_with_its_services(
    scene: Scene, done: bool
) -> None:
    """The kernel deletes 40 real servers with each service, which nobody has asked it for."""
    scene.write(table())
    scene.must("apply")
    before = scene.table()

    # The first service, one in the middle, the last, and the VIP after all of them.
    for change in (0, 4, 9, 10):
        give_back(scene, Refusal(change, 16, done))
        assert sorted(scene.table().splitlines()) == sorted(before.splitlines()), change
        assert scene.folded() == 10

    scene.must("withdraw")
    assert scene.table() == ""
