"""Whatever stops it in between, the next run finishes the work or takes it back.

A director and a real server with each holder are killed, refused, interrupted and left without
space at every point at which they write.
"""

from __future__ import annotations

import errno
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import (
    BALLAST,
    FULL,
    Agent,
    Ended,
    Refusal,
    Strike,
    agent,
    sample,
    tell,
)
from rig import VIP, director, mis_set, realserver, settled, state, virtual_server, write
from witnesses import netlink_writes

from lvsdr.core.book import ROOT, Book
from lvsdr.core.planned_situations import plan_apply
from lvsdr.kernel import namespace
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.profile.reader import read

LINKS = (
    "link add eth0 type veth peer name wire0",
    "link add nlmon0 type nlmon",
    "address add 192.168.1.10/24 dev eth0",
    # Entries of somebody else, of which the profile with the dummy link takes the first two away.
    f"neighbour add proxy {VIP} dev eth0",
    f"neighbour add proxy {VIP} dev wire0",
    "neighbour add proxy 192.168.1.31 dev eth0",
    *(f"link set {link} up" for link in ("eth0", "wire0", "nlmon0")),
)
# Services of somebody else: one that the profile takes over, one that it does not name.
TABLE = f"""-A -t {VIP}:80 -s rr
-a -t {VIP}:80 -r 192.168.1.11:80 -m -w 7
-a -t {VIP}:80 -r 192.168.1.19:80 -g -w 1
-A -t {VIP}:8080 -s lc
-a -t {VIP}:8080 -r 192.168.1.11:8080 -g -w 3
"""
DOCUMENTS = {
    "director": director(virtual_server(persistence=300), virtual_server(port=443)),
    "lo": realserver("lo"),
    "dummy": realserver("dummy", proxy_entries="remove"),
    "tunl0": realserver("tunl0"),
}
REFUSALS = ("EPERM", "EEXIST", "ENOENT", "EBUSY", "ENOBUFS", "ENOMEM", "EINTR", "ENODEV")
STOPPING = ("SIGTERM", "SIGINT", "SIGHUP")
KILLED = -9


@dataclass(frozen=True, slots=True)
class Scene:
    """A host that is as it was before lvsdr, what is to become of it, and how that looks."""

    host: Host
    agent: Agent
    book: Book
    profile: Path
    role: str
    before: str
    applied: str
    points: dict[str, tuple[str, ...]]
    changes: int
    turn: int

    def run(self, command: str, fault: Strike | Refusal | None = None) -> Ended:
        return self.agent.run(self.role, command, self.profile, fault=fault)

    def must(self, command: str) -> None:
        ended = self.run(command)
        assert ended.code == 0, f"{command}: {ended}"

    def killed(self, command: str, point: int) -> str:
        """Kill a run at a point; return which point that was. A VIP is held in silence there."""
        ended = self.run(command, Strike(point))
        assert ended.code == KILLED, ended
        assert not (self.holds_vip() and self.may_answer()), f"{command} at {ended.points[-1]}"
        return f"{command} killed before: {ended.points[-1]}"

    def must_be_applied(self, after: object) -> None:
        assert settled(lambda: looks(self.host), self.applied) == self.applied, after
        assert self.todo() == (), after

    def must_be_as_before(self, after: object) -> None:
        assert settled(lambda: state(self.host), self.before) == self.before, after
        assert not self.book.path.exists(), after

    def todo(self) -> tuple[object, ...]:
        """Return what a plan has still to do."""
        profile = read(self.profile, self.role)

        def planned() -> tuple[object, ...]:
            with LinuxKernel() as kernel:
                return plan_apply(profile, kernel, self.book).todo

        return self.host.inside(planned)

    def half_written(self) -> list[Path]:
        """Return the files that a run was about to put in the place of the record."""
        return list(ROOT.glob(f".{self.book.namespace}.*"))

    def holds_vip(self) -> bool:
        """Return whether the kernel takes packets for the VIP as its own, and so may answer."""
        trie = self.host.inside(lambda: Path("/proc/thread-self/net/fib_trie").read_text("ascii"))
        return re.search(rf"{re.escape(VIP)}\n\s*/32 host LOCAL", trie) is not None

    def may_answer(self) -> bool:
        """Return whether its ARP settings let a real server answer for what is not of eth0."""
        if self.role == "director":
            return False
        conf = Path("/proc/sys/net/ipv4/conf")

        def effective(name: str) -> int:
            return max(int((conf / link / name).read_text("ascii")) for link in ("all", "eth0"))

        return self.host.inside(
            lambda: effective("arp_ignore") != 1 or effective("arp_announce") != 2
        )


@pytest.fixture
def scene(solo: Scene) -> Iterator[Scene]:
    """Give the host as it was before lvsdr, whatever an earlier test has made of it."""
    yield solo
    solo.run("withdraw")
    for path in solo.half_written():
        path.unlink()


@pytest.fixture(scope="module", params=DOCUMENTS)
def solo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    document = DOCUMENTS[request.param]
    profile = write(tmp_path_factory.mktemp("profile"), document)
    with hosts(["solo"]) as made, agent(made["solo"]) as running:
        solo, role = made["solo"], document["role"]
        solo.ip(*LINKS)
        mis_set(solo)
        if role == "director":
            solo.run("ipvsadm", "-R", text=TABLE)
        settled(lambda: '"operstate": "UP"' in solo.run("ip", "-j", "-p", "link").stdout, True)
        book = Book(solo.inside(namespace.identity))
        # The first run may load modules, which stay.
        for command in ("apply", "withdraw"):
            assert running.run(role, command, profile).code == 0
        before = state(solo)
        said = running.run(role, "plan", profile, "--format", "json").said
        applied = running.run(role, "apply", profile)
        look = looks(solo)
        withdrawn = running.run(role, "withdraw", profile)
        points = {"apply": applied.points, "withdraw": withdrawn.points}
        turn = 5 * list(DOCUMENTS).index(request.param)
        changes = len(json.loads(said)["changes"])
        yield Scene(solo, running, book, profile, role, before, look, points, changes, turn)


def looks(host: Host) -> str:
    """Return what a host is like, but for what the kernel draws by lot for each new link."""
    drawn = re.sub(r'"(ifindex|address|link_netnsid)": .*|fe80:[0-9a-f:]+', "", state(host))
    # And their order, which goes by what was drawn.
    return "\n".join(sorted(line.rstrip("{}[], ") for line in drawn.splitlines()))


# --- kill -9 -------------------------------------------------------------------------------------


def test_every_write_to_the_kernel_is_a_point_at_which_it_is_killed(scene: Scene) -> None:
    for command in ("apply", "withdraw"):
        with netlink_writes(scene.host) as written:
            ended = scene.run(command)

        # A batch is one point, though it holds many writes.
        writes = [write for point in ended.points for write in point.split(", ")]
        assert [write for write in writes if write in written] == written
        assert len(written) > 0


def test_what_a_killed_run_had_half_written_is_gone_after_the_next_one(scene: Scene) -> None:
    points = [number for number, name in enumerate(scene.points["apply"]) if "fsync" in name]

    # The first is the one of the file itself, before it takes its place.
    scene.killed("apply", points[0])
    assert len(scene.half_written()) == 1
    scene.must("apply")
    scene.must("withdraw")

    assert scene.half_written() == []


def test_after_a_killed_apply_the_next_one_reaches_the_profile(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried, held = sample(len(scene.points["apply"]), 1, scene.turn), 0

    for point in tried:
        where = scene.killed("apply", point)
        held += scene.holds_vip()
        scene.must("apply")
        scene.must_be_applied(where)
        scene.must("withdraw")
        scene.must_be_as_before(where)

    tell(request, f"{len(tried)} points tried, 0 stuck; the VIP was held at {held}")


def test_after_a_killed_apply_withdraw_gives_back_what_was_before(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried = sample(len(scene.points["apply"]), 1, scene.turn + 7)

    for point in tried:
        where = scene.killed("apply", point)
        scene.must("withdraw")
        scene.must_be_as_before(where)

    tell(request, f"{len(tried)} points tried, 0 stuck")


def test_after_a_killed_withdraw_the_next_one_gives_back_what_was_before(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried, held = sample(len(scene.points["withdraw"]), 1, scene.turn), 0

    for point in tried:
        scene.must("apply")
        where = scene.killed("withdraw", point)
        held += scene.holds_vip()
        scene.must("withdraw")
        scene.must_be_as_before(where)

    tell(request, f"{len(tried)} points tried, 0 stuck; the VIP was held at {held}")


def test_after_a_killed_withdraw_apply_reaches_the_profile(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried = sample(len(scene.points["withdraw"]), 1, scene.turn + 7)

    for point in tried:
        scene.must("apply")
        where = scene.killed("withdraw", point)
        scene.must("apply")
        scene.must_be_applied(where)
        scene.must("withdraw")
        scene.must_be_as_before(where)

    tell(request, f"{len(tried)} points tried, 0 stuck")


# --- refusals, signals, no space -----------------------------------------------------------------


def test_a_refused_change_leaves_the_host_as_it_was(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried = list(refusals(scene.changes))

    for refusal in tried:
        ended = scene.run("apply", refusal)
        assert ended.code == 3, f"{refusal}: {ended.code}: {ended.said}"
        scene.must_be_as_before((refusal, ended))

    tell(request, f"{len(tried)} refusals of {scene.changes} changes, 0 hosts changed")


def test_a_refused_withdrawal_leaves_the_host_as_it_was(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried = list(refusals(scene.changes))
    scene.must("apply")

    for refusal in tried:
        ended = scene.run("withdraw", refusal)
        assert ended.code == 3, f"{refusal}: {ended.code}: {ended.said}"
        scene.must_be_applied((refusal, ended))

    scene.must("withdraw")
    scene.must_be_as_before("the refusals")
    tell(request, f"{len(tried)} refusals of {scene.changes} changes, 0 hosts changed")


def refusals(changes: int) -> Iterator[Refusal]:
    """Yield every errno at every change, before and after it is done; some of them as a sample."""
    numbers = [0, *(getattr(errno, name) for name in REFUSALS)]
    if not FULL:
        yield from (Refusal(at, numbers[at % len(numbers)], at % 2 == 0) for at in range(2))
        yield Refusal(changes - 1, 0)
        return
    for at in range(changes):
        yield from (Refusal(at, number, done) for number in numbers for done in (False, True))


def test_an_interrupted_apply_leaves_the_host_as_it_was(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried = [Strike(point, name) for name, point in strikes(scene, STOPPING)]

    for strike in tried:
        ended = scene.run("apply", strike)
        assert ended.code == 3, (strike, ended)
        scene.must_be_as_before((strike, ended))

    tell(request, f"{len(tried)} points tried, 0 hosts changed")


def test_a_full_run_leaves_the_host_as_it_was_or_as_the_profile_says(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    tried, codes = list(strikes(scene, ("fill", "fill-inodes"))), Counter[int]()

    for what, point in tried:
        with little_space():
            ended = scene.run("apply", Strike(point, what))
            codes[ended.code] += 1
            assert ended.code in (0, 3, 6), (what, ended)
            if ended.code == 0:
                scene.must_be_applied(ended)
            else:
                assert settled(lambda: state(scene.host), scene.before) == scene.before, ended
            for ballast in ROOT.glob(f"{BALLAST}*"):
                ballast.unlink()
            scene.must("withdraw")
            scene.must_be_as_before(ended)

    tell(request, f"{len(tried)} points tried; exit codes {dict(codes)}")


def strikes(scene: Scene, kinds: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield every kind at every point of an apply, all but the last; one of each as a sample."""
    for number, kind in enumerate(kinds):
        if FULL or number == scene.turn % len(kinds):
            for point in sample(len(scene.points["apply"]) - 1, 1, scene.turn + 2):
                yield kind, point


@contextmanager
def little_space() -> Iterator[None]:
    """Put a small file system in the place of the record's folder, in the block."""
    how = "size=32k,nr_inodes=10,mode=0750"
    subprocess.run(["mount", "-t", "tmpfs", "-o", how, "none", str(ROOT)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(ROOT)], check=True)
