"""A table that is known by fingerprints, and a run that is killed while it changes a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faults import Refusal, Strike, sample, tell
from rig import VIP, director, virtual_server, write
from solo_director import SoloDirector, solo

from lvsdr.core.folding import known_texts

RIPS = [f"192.168.1.{number}" for number in range(11, 51)]
KILLED = -9


def table(weight: int = 1, *, one_less: bool = False) -> dict[str, Any]:
    """Return a large profile; one real server has `weight`, and one service is there or is not."""
    services = [virtual_server(rips=RIPS, port=port) for port in range(1000, 1010)]
    services[4]["real_servers"][7]["weight"] = weight
    return director(*services[: 9 if one_less else 10])


class Scene(SoloDirector):
    """A director to which the large profile was applied."""

    def write(self, document: dict[str, Any]) -> None:
        write(self.file.parent, document)

    def folded(self) -> int:
        """Return how many services the record knows by their fingerprints."""
        (known,) = self.host.inside(lambda: known_texts(self.book))
        return len(known[1])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    file = write(tmp_path_factory.mktemp("profile"), table())
    with solo(Scene, file, "192.168.1.10/24") as made:
        yield made


Work = Callable[[Scene, Strike | Refusal | None], int]


def reweigh(scene: Scene, fault: Strike | Refusal | None) -> int:
    """Apply the profile with another weight and one service less; return the points passed."""
    scene.write(table(9, one_less=True))
    ended = scene.run("apply", fault=fault)
    assert ended.code == (0 if fault is None else KILLED if isinstance(fault, Strike) else 3), ended
    return len(ended.points)


def drain(scene: Scene, fault: Strike | Refusal | None) -> int:
    """Drain one real server in two services; return the points passed."""
    options = [f"--vs=tcp:{VIP}:{port}" for port in (1002, 1003)]
    ended = scene.run("drain", "--rip", RIPS[3], *options, fault=fault)
    assert ended.code == (0 if fault is None else KILLED if isinstance(fault, Strike) else 3), ended
    return len(ended.points)


def give_back(scene: Scene, fault: Strike | Refusal | None) -> int:
    """Withdraw the profile; return the points passed."""
    ended = scene.run("withdraw", fault=fault)
    assert ended.code == (0 if fault is None else KILLED if isinstance(fault, Strike) else 3), ended
    return len(ended.points)


@pytest.mark.parametrize("work", [reweigh, drain, give_back])
def test_after_a_killed_run_each_way_on_is_open(
    scene: Scene, work: Work, request: pytest.FixtureRequest
) -> None:
    scene.write(table())
    scene.must("apply")
    before = scene.saved()
    assert scene.folded() == 10
    points = work(scene, None)
    done = scene.saved()
    scene.must("withdraw")
    tried = sample(points, 2)

    for point in tried:
        for command, ends in (("again", done), ("apply", before), ("withdraw", "")):
            scene.write(table())
            scene.must("apply")
            assert (scene.saved(), scene.folded()) == (before, 10), point
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
            assert sorted(scene.saved().splitlines()) == sorted(ends.splitlines()), (point, command)
            scene.write(table())
            scene.must("withdraw")
            assert scene.saved() == "", (point, command)
            assert not scene.book.path.exists(), (point, command)

    tell(request, f"{len(tried)} points tried, 0 stuck")


@pytest.mark.parametrize("done", [False, True])
def test_a_refused_change_leaves_a_large_table_as_it_was(scene: Scene, done: bool) -> None:
    scene.write(table())
    scene.must("apply")
    before = scene.saved()

    # One weight, then the service that goes, with its 40 real servers.
    for change in (0, 1, 20, 41):
        reweigh(scene, Refusal(change, 16, done))
        assert sorted(scene.saved().splitlines()) == sorted(before.splitlines()), change

    scene.write(table())
    scene.must("withdraw")
    assert scene.saved() == ""


@pytest.mark.parametrize("done", [False, True])
def test_a_refused_withdraw_brings_back_what_went_with_its_services(
    scene: Scene, done: bool
) -> None:
    """The kernel deletes 40 real servers with each service, which nobody has asked it for."""
    scene.write(table())
    scene.must("apply")
    before = scene.saved()

    # The first service, one in the middle, the last, and the VIP after all of them.
    for change in (0, 4, 9, 10):
        give_back(scene, Refusal(change, 16, done))
        assert sorted(scene.saved().splitlines()) == sorted(before.splitlines()), change
        assert scene.folded() == 10

    scene.must("withdraw")
    assert scene.saved() == ""
