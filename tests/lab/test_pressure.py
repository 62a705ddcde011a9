"""What others see while lvsdr works: nothing. Floods, connections and many runs at once."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic

import program
import pytest
from faults import FULL, Agent, Strike, agent, tell
from rig import (
    RIPS,
    VIP,
    Rig,
    director,
    for_now,
    realserver,
    rig,
    settled,
    state,
    virtual_server,
    write,
)
from test_crashes import looks
from witnesses import Arp, arps, captured

from lvsdr.core.book import ROOT
from lvsdr.lab.cluster import PREFIX
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving

CYCLES, KILLED_CYCLES = (200, 50) if FULL else (8, 4)
CONNECTIONS, APPLIES = (50, 200) if FULL else (10, 15)
ROLES = ("director", "realserver")
ROUNDS = [(role, turn) for role in ROLES for turn in range(5)] if FULL else [("realserver", 0)]
STALLED = 20.0
RATE, PAUSE = 700, 0.01
PROBE = "0.0.0.0"


# --- silence -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give a cluster with one real server, on which nothing is applied yet."""
    folder = tmp_path_factory.mktemp("profiles")
    with rig(folder, director(virtual_server(rips=RIPS[:1])), realserver()) as made:
        yield made


def test_the_flood_is_answered_by_a_real_server_that_is_not_silent(
    cluster: Rig, request: pytest.FixtureRequest
) -> None:
    rs1 = cluster.lab.realservers[0]

    held = for_now(rs1, do=f"address add {VIP}/32 dev lo", undo=f"address del {VIP}/32 dev lo")
    with spoken(cluster) as frames, flooded(cluster) as asked, held:
        before = rs1.inside(sent)
        # More than a host says by itself.
        assert settled(lambda: rs1.inside(sent) > before + 50, True, 20.0)

    answers = in_the_name_of_the_vip(frames)
    tell(request, f"{rate(asked)}; {len(answers)} frames for the VIP")
    assert len(answers) > 0


def test_not_one_frame_speaks_for_the_vip_while_a_real_server_comes_changes_and_goes(
    cluster: Rig, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rs1, lab = cluster.lab.realservers[0], cluster.lab
    (tmp_path / "lo").mkdir()
    profiles = (cluster.realserver, write(tmp_path / "lo", realserver("lo")))
    before = state(rs1)

    with ExitStack() as stack:
        on_director = stack.enter_context(agent(lab.director))
        assert on_director.run("director", "apply", cluster.director).code == 0
        lab.gateway.ip("neighbour flush dev eth0")
        stack.enter_context(serving(rs1, cluster.services))
        running = stack.enter_context(agent(rs1))
        frames = stack.enter_context(spoken(cluster))
        with flooded(cluster) as asked, knocking(lab.client) as knocks:
            killed = 0
            for number in range(CYCLES + KILLED_CYCLES):
                # What it wants to send, it has to ask for first.
                rs1.ip("neighbour flush dev eth0")
                killed += cycle(running, profiles, number - CYCLES)
        assert on_director.run("director", "withdraw", cluster.director).code == 0

    answers = in_the_name_of_the_vip(frames)
    cycles = f"{CYCLES} cycles and {KILLED_CYCLES} with {killed} kills"
    heard = f"{len(arps(frames))} ARP frames of the real server, {len(answers)} for the VIP"
    tell(request, f"{cycles}; {rate(asked)}; clients {dict(knocks)}; {heard}")
    assert answers == []
    assert asked[0] / asked[1] >= 500
    assert len(arps(frames)) > 0
    assert knocks["served"] > 0
    assert state(rs1) == before


def cycle(running: Agent, profiles: tuple[Path, Path], kill: int) -> int:
    """Take the real server through its life; `kill` (from 0) says where it is killed in between.

    Returns how many runs were killed.
    """
    steps = (("apply", profiles[0]), ("apply", profiles[1]), ("withdraw", profiles[1]))
    killed = 0
    for command, profile in steps:
        if kill >= 0:
            # 7 has no divisor in common with the number of points, so that all get their turn.
            struck = running.run("realserver", command, profile, fault=Strike(kill * 7 % 23))
            assert struck.code in (-9, 0), struck
            killed += struck.code == -9
        ended = running.run("realserver", command, profile)
        assert ended.code == 0, ended
    return killed


def sent() -> int:
    """Return how many frames this thread's host has sent on eth0, as the kernel counts them."""
    links = Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines()
    (ours,) = (line for line in links if line.lstrip().startswith("eth0:"))
    return int(ours.partition(":")[2].split()[9])


@contextmanager
def spoken(cluster: Rig) -> Iterator[list[bytes]]:
    """Give a list that is filled with the ARP frames that the real server sends."""
    rs1 = cluster.lab.realservers[0]
    # At the switch's end of its cable, where nothing that it sends can pass by.
    switch, port = Host("switch", f"{PREFIX}switch"), cluster.lab.port_of(rs1)
    with captured(switch, port, only=f"arp and ether src {cluster.mac(rs1)}") as frames:
        yield frames


def in_the_name_of_the_vip(frames: list[bytes]) -> list[Arp]:
    return [frame for frame in arps(frames) if frame.sender == VIP]


@contextmanager
def flooded(cluster: Rig) -> Iterator[list[float]]:
    """Let the observer ask who has the VIP, in its own name and in nobody's, in the block.

    Gives a list of the number of questions and of the seconds, filled at the end.
    """
    lab, asked = cluster.lab, list[float]()
    station = next(each for each in lab.topology.segment if each.name == lab.observer.name)
    frames = [who_has(station.mac, sender) for sender in (str(station.address(4)), PROBE)]
    here, there = program.SERVER.Pipe()
    process = program.SERVER.Process(target=flood, args=(lab.observer.path, frames, there))
    process.start()
    assert here.poll(30.0)
    here.recv()
    try:
        yield asked
    finally:
        here.send("enough")
        assert here.poll(30.0), "the flood does not end"
        asked += here.recv()
        process.join()


def who_has(mac: str, sender: str) -> bytes:
    """Return a broadcast question for the VIP (RFC 826; with the sender 0.0.0.0 RFC 5227)."""
    own = bytes.fromhex(mac.replace(":", ""))
    head = b"\xff" * 6 + own + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
    return head + own + socket.inet_aton(sender) + bytes(6) + socket.inet_aton(VIP) + bytes(18)


def flood(path: Path, frames: list[bytes], connection: Connection) -> None:
    from lvsdr.kernel import namespace

    namespace.enter(str(path))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        connection.send("started")
        start, sent = monotonic(), 0
        while not connection.poll(PAUSE):
            # What is late is made up for, so that a busy machine does not thin the flood.
            while sent < (monotonic() - start) * RATE:
                wire.send(frames[sent % len(frames)])
                sent += 1
        connection.send((sent, monotonic() - start))


def rate(asked: list[float]) -> str:
    sent, seconds = asked
    return f"{sent:.0f} questions in {seconds:.0f} s, {sent / seconds:.0f}/s"


@contextmanager
def knocking(client: Host) -> Iterator[Counter[str]]:
    """Let a client connect to the VIP again and again in the block; count how it fared."""
    told, stop = Counter[str](), threading.Event()

    def knock() -> None:
        while not stop.is_set():
            with socket.socket() as asking:
                asking.settimeout(0.5)
                try:
                    asking.connect((VIP, 80))
                    told["served" if asking.recv(64) else "empty"] += 1
                except OSError as error:
                    told[type(error).__name__] += 1
            stop.wait(0.02)

    done = client.start(knock)
    try:
        yield told
    finally:
        stop.set()
        done.result(10.0)


# --- connections ---------------------------------------------------------------------------------


def test_no_connection_is_cut_by_applies_that_leave_its_real_server(
    cluster: Rig, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    lab, tables = cluster.lab, list(variants(tmp_path))

    with ExitStack() as stack:
        on_director = stack.enter_context(agent(lab.director))
        on_realserver = stack.enter_context(agent(lab.realservers[0]))
        for running, role, path in (
            (on_realserver, "realserver", cluster.realserver),
            (on_director, "director", tables[0]),
        ):
            assert running.run(role, "apply", path).code == 0
            stack.callback(running.run, role, "withdraw", path)
        lab.gateway.ip("neighbour flush dev eth0")
        stack.enter_context(echoing(lab.realservers[0]))
        with talking(lab.client) as talk:
            for number in range(APPLIES):
                ended = on_director.run("director", "apply", tables[number % len(tables)])
                assert ended.code == 0, ended
            assert talk["echoes"] > CONNECTIONS

    tell(request, f"{CONNECTIONS} connections, {APPLIES} applies: {dict(talk)}")
    assert talk["connected"] == CONNECTIONS
    assert (talk["reset"], talk["stalled"]) == (0, 0)
    assert talk["rounds"] * CONNECTIONS == talk["echoes"]


def variants(folder: Path) -> Iterator[Path]:
    """Yield profiles that all keep the first RIP, by turns twice the same."""
    mine, other, third = (RIPS[0], RIPS[1], "192.168.1.13")
    for number, weights in enumerate(
        (
            {mine: 1},
            {mine: 1},
            {mine: 5, other: 1},
            {mine: 0, other: 9, third: 2},
            {mine: 3, third: 1},
        )
    ):
        real_servers = [{"rip": rip, "weight": weight} for rip, weight in weights.items()]
        document = director(virtual_server(real_servers=real_servers))
        yield write(folder, document, f"director{number}")


@contextmanager
def echoing(host: Host) -> Iterator[None]:
    """Send back what comes over TCP to port 80 of the VIP, in the block."""
    ready, stop = threading.Event(), threading.Event()

    def echo() -> None:
        with ExitStack() as stack, selectors.DefaultSelector() as waiting:
            listener = stack.enter_context(socket.create_server((VIP, 80), backlog=128))
            waiting.register(listener, selectors.EVENT_READ)
            ready.set()
            while not stop.is_set():
                for key, _ in waiting.select(0.1):
                    assert isinstance(key.fileobj, socket.socket)
                    if key.fileobj is listener:
                        connection = stack.enter_context(listener.accept()[0])
                        waiting.register(connection, selectors.EVENT_READ)
                    elif said := key.fileobj.recv(64):
                        key.fileobj.sendall(said)
                    else:
                        waiting.unregister(key.fileobj)

    done = host.start(echo)
    try:
        assert ready.wait(10.0)
        yield
    finally:
        stop.set()
        done.result(10.0)


@contextmanager
def talking(client: Host) -> Iterator[Counter[str]]:
    """Hold connections open and exchange bytes over each of them, round after round."""
    told, stop, connected = Counter[str](), threading.Event(), threading.Event()

    def talk() -> None:
        with ExitStack() as stack:
            lines = []
            for _ in range(CONNECTIONS):
                lines.append(stack.enter_context(socket.create_connection((VIP, 80), STALLED)))
                told["connected"] += 1
            connected.set()
            while not stop.is_set():
                told["rounds"] += 1
                for number, line in enumerate(lines):
                    told[exchanged(line, f"{told['rounds']}/{number}".encode())] += 1
                stop.wait(0.01)

    done = client.start(talk)
    try:
        assert connected.wait(60.0), f"connected: {told['connected']}"
        yield told
    finally:
        stop.set()
        done.result(STALLED * 2)


def exchanged(line: socket.socket, said: bytes) -> str:
    """Return what became of one exchange: echoes, reset or stalled."""
    try:
        line.sendall(said)
        heard = b""
        while len(heard) < len(said):
            heard += line.recv(64) or b"the end of the connection"
    except TimeoutError:
        return "stalled"
    except OSError:
        return "reset"
    return "echoes" if heard == said else "reset"


# --- many at once --------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "turn"), ROUNDS)
def test_of_many_runs_at_once_the_last_one_counts(
    cluster: Rig, request: pytest.FixtureRequest, role: str, turn: int
) -> None:
    host, _, path = next(each for each in cluster.managed if each[1] == role)
    with agent(host) as running:
        before, earlier = state(host), set(ROOT.iterdir())
        assert running.run(role, "apply", path).code == 0
        applied = looks(host)
        if turn % 2 == 0:
            assert running.run(role, "withdraw", path).code == 0
        words = [(role, verb, str(path), "--lock-timeout", "60") for verb in ("apply", "withdraw")]

        ended = running.run_at_once([(each, None) for each in words * 10])
        seen = looks(host), state(host)
        assert running.run(role, "withdraw", path).code == 0

    half_written = [path for path in set(ROOT.iterdir()) - earlier if path.suffix != ".lock"]
    codes = Counter(each.code for each in ended)
    end = "applied" if seen[0] == applied else "as before"
    tell(request, f"20 at once; exit codes {dict(codes)}; the host is {end}")
    assert set(codes) <= {0, 6}, [each.said for each in ended]
    assert seen[0] == applied or seen[1] == before
    assert state(host) == before
    assert half_written == []
