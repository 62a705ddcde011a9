"""A large table that is new is made a column at a time: ipvsadm sees what it saw one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from faults import Strike, sample, tell
from rig import director, write
from solo_director import SoloDirector, solo
from test_folded_table import GUE, SERVICES, VIPS, Silent, servers

from lvsdr.core.book import Book
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.workflow import apply
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.model.folded_servers import ReadInColumns
from lvsdr.profile.reader import read

KILLED = -9


def table(*more: dict[str, Any]) -> dict[str, Any]:
    """Return a profile of real servers of every kind; those of one service are of two families."""
    both = [*servers("192.0.2.", 9, **GUE), *servers("2001:db8::", 9, **GUE)]
    mixed = {"vip": VIPS[0], "port": 90, "real_servers": both}
    maglev = {"vip": VIPS[0], "port": 91, "scheduler": "mh", "real_servers": servers("10.0.0.", 40)}
    every = [*SERVICES, mixed, maglev, *more]
    made = [each if "fwmark" in each else {"protocol": "tcp", **each} for each in every]
    return director(*made, vips=[{"address": vip} for vip in VIPS])


class Scene(SoloDirector):
    """A director to which nothing was applied."""

    def is_bare(self) -> bool:
        return not self.saved() and not self.book.path.exists()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    file = write(tmp_path_factory.mktemp("profile"), table())
    with solo(Scene, file, "192.0.2.1/24", "2001:db8::1/64 nodad") as made:
        yield made


def one_by_one(scene: Scene) -> None:
    """Apply the profile with a change for each real server."""

    def applied() -> None:
        profile = read(scene.file)
        assert isinstance(profile.real_servers, ReadInColumns)
        with LinuxKernel() as kernel:
            apply(profile, kernel, scene.book, lambda link: Silent(), plan_apply)

    scene.host.inside(applied)


def claimed(book: Book) -> Any:
    """Return what the record says, but for where the profile comes from."""
    plain = json.loads(book.path.read_text())
    return {name: value for name, value in plain.items() if name != "origins"}


def test_the_table_and_the_record_are_as_if_each_had_been_made_by_itself(scene: Scene) -> None:
    write(scene.file.parent, table())
    one_by_one(scene)
    wanted, known = scene.saved(), claimed(scene.book)
    scene.must("withdraw")
    assert scene.is_bare()

    scene.must("apply")

    assert scene.saved() == wanted
    assert claimed(scene.book) == known
    assert len(wanted.splitlines()) > 490
    assert "nothing to change" in scene.must("plan").said
    scene.must("withdraw")
    assert scene.is_bare()


def test_after_a_killed_first_apply_each_way_on_is_open(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    write(scene.file.parent, table())
    points = len(scene.must("apply").points)
    whole = scene.saved()
    scene.must("withdraw")
    tried = sample(points, 6)

    for point in tried:
        for command, ends in (("apply", whole), ("withdraw", "")):
            assert scene.run("apply", fault=Strike(point)).code == KILLED
            scene.must(command)
            assert sorted(scene.saved().splitlines()) == sorted(ends.splitlines()), point
            if command == "apply":
                scene.must("withdraw")
            assert scene.is_bare(), (point, command)

    tell(request, f"{len(tried)} points tried, 0 stuck")


@pytest.mark.parametrize("place", [0, 20, 39])
def test_one_that_the_kernel_refuses_is_named_and_nothing_is_left(scene: Scene, place: int) -> None:
    """The broadcast address of a link's subnet is no host's: the kernel knows, and no profile."""
    refused = servers("10.1.0.", 40)
    refused[place]["rip"] = "192.0.2.255"
    write(scene.file.parent, table({"vip": VIPS[0], "port": 99, "real_servers": refused}))

    ended = scene.run("apply")

    assert ended.code == 3, ended
    assert "cannot add real server 192.0.2.255:99 of tcp 192.0.2.10:99" in ended.said
    assert "undone; the host is as it was" in ended.said
    assert scene.is_bare()
