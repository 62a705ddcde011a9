"""Real servers that are down, in a real table: ipvsadm is the witness."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import down_marks
import pytest
from faults import Ended, Refusal, Strike, sample, tell
from rig import RIPS, VIP, director, settled, virtual_server, write
from solo_director import SoloDirector, solo
from witnesses import ipvsadm

from lvsdr.core.record import Record
from lvsdr.lab.lab_host import Host

PORTS = (80, 81)
KILLED = -9
MANY = [f"10.0.{number >> 8}.{number & 255}" for number in range(1, 1001)]
ACTIONS = ("weight", "remove")
# keepalived 2.3 disables a program whose path has a symbolic link in it, as /bin is one.
CHECKS = tuple(str(Path("/bin", name).resolve()) for name in ("false", "true"))


class Scene(SoloDirector):
    """A director on a host of its own, whose real servers are down or up."""

    def mark(
        self,
        rips: list[str],
        action: str | None,
        *,
        fault: Refusal | Strike | None = None,
        ports: tuple[int, ...] = PORTS,
    ) -> Ended:
        """Make real servers down by `action`, or up where it is None."""
        words = down_marks.arguments(self.file, list(ports), rips, action)
        return self.agent.run(*words, fault=fault)

    def table(self) -> list[str]:
        return sorted(ipvsadm(self.host))

    def weights(self, port: int = 80) -> dict[str, int]:
        """Return the weights of a service by RIP."""
        words = [line.split() for line in ipvsadm(self.host)]
        here = [each for each in words if each[:3] == ["-a", "-t", f"{VIP}:{port}"]]
        return {each[4].rpartition(":")[0]: int(each[7]) for each in here}

    def record(self) -> Record:
        return self.host.inside(self.book.load)

    def write(self, *services: dict[str, object]) -> None:
        write(self.file.parent, director(*services, health={}))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    file = write(tmp_path_factory.mktemp("profile"), director(health={}))
    with solo(Scene, file, "192.168.1.10/24") as there:
        yield there


@pytest.fixture
def scene(made: Scene) -> Iterator[Scene]:
    """Give the director with two services, to which the profile was applied."""
    made.write(*(virtual_server(port=port) for port in PORTS))
    made.must("apply")
    yield made
    made.must("withdraw")
    assert made.table() == []
    assert not made.book.path.exists()


@pytest.mark.parametrize(("action", "out"), [("weight", {RIPS[0]: 0}), ("remove", {})])
def test_who_is_down_is_out_until_it_is_up_again(
    scene: Scene, action: str, out: dict[str, int]
) -> None:
    before = scene.table()

    assert scene.mark([RIPS[0]], action).code == 0
    assert scene.weights() == {**out, RIPS[1]: 1}
    assert "is down since 1970-01-01T00:00:01Z (is silent)" in scene.must("apply").said
    assert scene.weights() == {**out, RIPS[1]: 1}
    assert scene.must("plan").said.splitlines()[-1] == "nothing to change"
    assert scene.mark([RIPS[0]], None).code == 0
    assert scene.table() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_the_last_one_leaves_the_service_to_the_sorry_server(scene: Scene, action: str) -> None:
    before = scene.table()

    scene.mark(list(RIPS), action)
    kept = dict.fromkeys(RIPS, 0) if action == "weight" else {}
    assert scene.weights() == {"192.168.1.99": 1, **kept}
    scene.mark([RIPS[1]], None)
    assert scene.weights() == {**{rip: 0 for rip in kept if rip == RIPS[0]}, RIPS[1]: 1}
    scene.mark([RIPS[0]], None)

    assert scene.table() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_what_was_there_before_comes_back_with_withdraw(made: Scene, action: str) -> None:
    lines = f"-A -t {VIP}:80 -s rr\n-a -t {VIP}:80 -r {RIPS[0]}:80 -g -w 7\n"
    made.host.run("ipvsadm", "-R", text=lines)
    before = made.table()
    made.write(virtual_server())
    made.must("apply")
    made.mark([RIPS[0]], action)
    assert made.weights().get(RIPS[0]) == (0 if action == "weight" else None)

    made.must("withdraw")

    assert made.table() == before
    made.host.run("ipvsadm", "-C")


def test_a_table_that_is_made_anew_has_nobody_who_is_down(scene: Scene) -> None:
    """As after a take-over: the dead ones are out from the first moment."""
    scene.must("withdraw")
    assert scene.mark([RIPS[0]], "remove").code == 0
    assert scene.mark([RIPS[1]], "weight", ports=(80,)).code == 0
    assert scene.table() == []

    scene.must("apply")

    # No profile in a file names the sorry server here.
    assert scene.weights() == {RIPS[1]: 0}
    assert scene.weights(81) == {RIPS[1]: 1}


def test_500_of_1000_go_in_one_batch(scene: Scene) -> None:
    scene.write(virtual_server(rips=MANY))
    scene.must("apply")

    for action, weights in (("weight", [0] * 500 + [1] * 500), ("remove", [1] * 500)):
        ended = scene.mark(MANY[:500], action, ports=(80,))
        sent = [point.count("_DEST") for point in ended.points if "_DEST" in point]

        assert ended.code == 0
        assert sorted(scene.weights().values()) == weights
        assert (sum(sent), len(sent) < 10) == (500, True), sent
    scene.mark(MANY[:500], None, ports=(80,))
    assert list(scene.weights().values()) == [1] * 1000


def test_a_refused_change_leaves_all_as_it_was(scene: Scene) -> None:
    before, record = scene.table(), scene.record()

    for at in range(4):
        for action in ACTIONS:
            ended = scene.mark(list(RIPS), action, fault=Refusal(at, 16, at % 2 == 0))
            assert ended.code == 3, ended
            assert (scene.table(), scene.record()) == (before, record)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("back", [False, True])
def test_a_killed_change_is_completed_by_the_next_apply(
    scene: Scene, action: str, back: bool, request: pytest.FixtureRequest
) -> None:
    """0 real servers stuck out or in, wherever it was killed."""
    whole = scene.table()
    first = action if back else None
    then = None if back else action
    scene.mark(list(RIPS), first)
    points = len(scene.mark(list(RIPS), then).points)
    scene.mark(list(RIPS), None)
    tried = sample(points, 2, 4 * back)

    for point in tried:
        scene.mark(list(RIPS), first)
        ended = scene.mark(list(RIPS), then, fault=Strike(point))
        assert ended.code == KILLED, ended
        scene.must("apply")
        down = {str(key[-2]) for each in scene.record().down.values() for key in each}
        assert down in (set(), set(RIPS)), point
        for port in PORTS:
            weights = {rip: each for rip, each in scene.weights(port).items() if rip in RIPS}
            out = dict.fromkeys(RIPS, 0) if action == "weight" else {}
            assert weights == (out if down else dict.fromkeys(RIPS, 1)), (point, ended.points[-1])
        assert scene.must("plan").said.splitlines()[-1] == "nothing to change", point
        # Once the record says so, so it is.
        if any("rename" in each or "replace" in each for each in ended.points[:-1]):
            assert bool(down) != back, (point, ended.points)
        assert scene.mark(list(RIPS), None).code == 0
        scene.must("apply")
        assert scene.table() == whole, point

    tell(request, f"{len(tried)} of {points} points tried, 0 stuck")


# --- keepalived's checkers -----------------------------------------------------------------------


def conf(inhibit: str) -> str:
    """Return a file by which keepalived takes the first real server out."""
    servers = "".join(
        f"real_server {rip} 80 {{\nweight 1\n{inhibit}\n"
        f"MISC_CHECK {{\nmisc_path {program}\n}}\n}}\n"
        for rip, program in zip(RIPS, CHECKS, strict=True)
    )
    return (
        "global_defs {\nrouter_id lab\n}\n"
        f"virtual_server {VIP} 80 {{\ndelay_loop 1\nlb_algo wlc\nlb_kind DR\nprotocol TCP\n"
        f"{servers}}}\n"
    )


@contextmanager
def keepalived(host: Host, file: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["keepalived", "-n", "-l", "-C", "-f", str(file)]
    command += [f"--{part}pid={folder}/{part}pid" for part in ("", "checkers_")]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            ["nsenter", f"--net={host.path}", "--", *command], stdout=log, stderr=log
        )
        try:
            yield running
        finally:
            running.terminate()
            running.wait(10)


@pytest.mark.parametrize(
    ("inhibit", "out"), [("inhibit_on_failure", {RIPS[0]: 0}), ("", {})], ids=["weight", "removed"]
)
def test_whom_keepalived_has_taken_out_stays_out(
    scene: Scene, tmp_path: Path, inhibit: str, out: dict[str, int]
) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(conf(inhibit))
    wanted = {**out, RIPS[1]: 1}

    with keepalived(scene.host, file, tmp_path):
        assert settled(scene.weights, wanted, 15) == wanted, (tmp_path / "log").read_text()
        before = scene.table()
        planned = scene.agent.run("director", "plan", scene.file, "--format", "json")
        applied = scene.must("apply")
        status = scene.must("status", "--format", "json")
        after = scene.table()

    # It takes its service away as it stops: then there is no checker, and all are wanted.
    assert planned.code == 0
    assert json.loads(planned.said[planned.said.index("{") :])["changes"] == []
    assert "by keepalived" in applied.said
    assert after == before
    rows = json.loads(status.said[status.said.index("{") :])["objects"]
    told = [row["down"] for row in rows if row["down"] is not None]
    assert [each["by"] for each in told] == ["keepalived"]
    scene.must("apply")
    assert scene.weights() == dict.fromkeys(RIPS, 1)


def test_without_its_virtual_server_keepalived_is_not_heeded(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(conf("inhibit_on_failure").replace(f"{VIP} 80 {{", f"{VIP} 8080 {{"))

    with keepalived(scene.host, file, tmp_path):
        assert settled(lambda: f"{VIP}:8080" in str(scene.table()), True, 15)
        scene.host.run("ipvsadm", "-e", "-t", f"{VIP}:80", "-r", f"{RIPS[0]}:80", "-g", "-w", "0")
        scene.must("apply")
        weights = scene.weights()

    assert weights == dict.fromkeys(RIPS, 1)
