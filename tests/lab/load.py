"""A client that never rests: short requests all the time, and connections that stay open."""

from __future__ import annotations

import resource
import selectors
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from time import monotonic, sleep

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import SOL_IP, SOL_IPV6

# The port on which real servers give back what they get; on any other they say their name once.
ECHO = 7
IP_FREEBIND = {socket.AF_INET: (SOL_IP, 15), socket.AF_INET6: (SOL_IPV6, 78)}
PATIENCE = 20.0
# How often each open connection says something.
EVERY = 0.4
FAMILY = {True: socket.AF_INET6, False: socket.AF_INET}


# --- short requests ------------------------------------------------------------------------------


@contextmanager
def asked(client: Host, vip: str, pause: float = 0.01) -> Iterator[list[float]]:
    """Ask for a VIP all the time, `pause` seconds apart; give the times of the answers."""
    answers: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with socket.socket(FAMILY[":" in vip]) as asking:
                asking.settimeout(0.2)
                try:
                    asking.connect((vip, 80))
                    if asking.recv(64):
                        answers.append(monotonic())
                except OSError:
                    pass
            sleep(pause)

    done = client.start(ask)
    try:
        yield answers
    finally:
        stop.set()
        done.result(PATIENCE)


def longest_gap(answers: Sequence[float], since: float = 0.0, until: float = inf) -> float:
    """Return the longest time between two answers, the later of which came in the span."""
    return max(after - before for before, after in pairwise(answers) if since < after < until)


# --- connections that stay open ------------------------------------------------------------------


@dataclass(slots=True)
class Kept:
    """One connection: when what came back last was sent, and what broke it."""

    socket: socket.socket
    name: str
    asked: float = 0.0
    answered: float = 0.0
    waiting: bool = False
    broken: str = ""

    def say(self) -> None:
        """Send one byte, unless one is under way."""
        if not self.waiting and not self.broken and monotonic() > self.asked + EVERY:
            self.asked, self.waiting = monotonic(), True
            try:
                self.socket.send(b"?")
            except OSError as error:
                self.broken = str(error)

    def hear(self) -> None:
        """Take what came back."""
        try:
            said = self.socket.recv(64)
        except OSError as error:
            self.broken = str(error)
        else:
            self.broken = "" if said else "closed by the other end"
            self.answered, self.waiting = self.asked, False


@dataclass(slots=True)
class Connections:
    """The open connections of a client; those that broke are opened again when they are counted."""

    client: Host
    wanted: list[str]
    kept: list[Kept] = field(default_factory=list)
    gone: list[Kept] = field(default_factory=list)

    def open(self) -> None:
        """Open what is missing."""
        missing = list(self.wanted)
        for each in self.kept:
            missing.remove(each.name)
        self.kept += self.client.inside(lambda: [_opened(vip) for vip in missing])

    def ports(self) -> set[int]:
        """Return the ports from which the client holds them open."""
        return {int(each.socket.getsockname()[1]) for each in self.kept}

    def lost(self) -> list[str]:
        """Return why each one is lost that does not give back what is said from now on."""
        now = monotonic()
        while monotonic() < now + PATIENCE:
            silent = [each for each in self.kept if not each.broken and each.answered < now]
            if not silent:
                break
            sleep(0.05)
        gone = [each for each in self.kept if each.broken or each.answered < now]
        self.kept = [each for each in self.kept if each not in gone]
        # Somebody may be waiting on their sockets: they are closed at the end.
        self.gone += gone
        self.open()
        return [f"{each.name}: {each.broken or 'silent'}" for each in gone]


@contextmanager
def connected(client: Host, vips: Sequence[str], count: int) -> Iterator[Connections]:
    """Give `count` connections that stay open, shared out among `vips`, and say something."""
    made = Connections(client, [vips[number % len(vips)] for number in range(count)])
    made.open()
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            each_of = list(made.kept)
            for each in each_of:
                each.say()
            with selectors.DefaultSelector() as waiting:
                for each in each_of:
                    if each.waiting and not each.broken:
                        waiting.register(each.socket, selectors.EVENT_READ, each)
                for key, _ in waiting.select(0.05):
                    key.data.hear()
            sleep(0.02)

    done = client.start(talk)
    try:
        yield made
    finally:
        stop.set()
        done.result(PATIENCE)
        for each in (*made.kept, *made.gone):
            each.socket.close()


def _opened(vip: str) -> Kept:
    connection = socket.socket(FAMILY[":" in vip])
    connection.settimeout(PATIENCE)
    connection.connect((vip, ECHO))
    connection.settimeout(0.0)
    return Kept(connection, vip)


@contextmanager
def echoing(host: Host, vips: Iterable[str]) -> Iterator[None]:
    """Give back on port ECHO of `vips` what comes, inside the block."""
    # A connection that failover has lost ends here by no word of its client's.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ready, stop = threading.Event(), threading.Event()
    done = host.start(lambda: _echo(list(vips), ready, stop))
    try:
        while not ready.wait(0.05):
            if done.done():
                done.result()
        yield
    finally:
        stop.set()
        done.result(PATIENCE)


def _echo(vips: list[str], ready: threading.Event, stop: threading.Event) -> None:
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        listeners = {stack.enter_context(_listener(vip)) for vip in vips}
        for listener in listeners:
            waiting.register(listener, selectors.EVENT_READ)
        ready.set()
        while not stop.is_set():
            for key, _ in waiting.select(0.1):
                assert isinstance(key.fileobj, socket.socket), "only sockets are registered"
                if key.fileobj in listeners:
                    accepted, _ = key.fileobj.accept()
                    waiting.register(stack.enter_context(accepted), selectors.EVENT_READ)
                elif not _given_back(key.fileobj):
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()


def _given_back(connection: socket.socket) -> bool:
    try:
        said = connection.recv(64)
        return bool(said and connection.send(said))
    except OSError:
        return False


def _listener(vip: str) -> socket.socket:
    family = FAMILY[":" in vip]
    listener = socket.socket(family)
    # The VIP may come and go while the server stays.
    listener.setsockopt(*IP_FREEBIND[family], 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((vip, ECHO))
    listener.listen(64)
    return listener
