"""A director is replaced under traffic, in the order of the manual, and in the other one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep

import pytest
from rig import VIP, Rig, director, lvsdr, realserver, rig, settled

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving

# Less than the second after which a client's kernel asks again.
IN_TIME = 0.9
TAKE_OVER = ("director", "apply", "--take-over")
Commands = Sequence[tuple[str, tuple[str, ...]]]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path, director(), realserver("dummy")) as made, ExitStack() as stack:
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        made.apply()
        yield made


@contextmanager
def asked(client: Host) -> Iterator[list[bool]]:
    """Give a list that grows with each request of a client: whether it was answered in time."""
    answered: list[bool] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answered.append(_request())
            sleep(0.02)

    done = client.start(ask)
    try:
        yield answered
    finally:
        stop.set()
        done.result(10)


def _request() -> bool:
    with socket.socket() as asking:
        asking.settimeout(IN_TIME)
        try:
            asking.connect((VIP, 80))
            return asking.recv(64) != b""
        except OSError:
            return False


def replaced(made: Rig, commands: Commands) -> list[bool]:
    """Return which requests were answered while the director was replaced, and some after it."""
    hosts = {"old": made.lab.director, "new": made.lab.observer}
    with asked(made.lab.client) as answered:
        settled(lambda: len(answered) > 20, True)
        before = len(answered)
        for where, words in commands:
            lvsdr(hosts[where], *words, made.director)
        end = len(answered) + 50
        settled(lambda: len(answered) > end, True, 20.0)
    assert all(answered[:before])
    assert all(answered[-20:])
    lvsdr(made.lab.observer, "director", "withdraw", made.director)
    return answered[before:]


def test_in_the_order_of_the_manual_no_request_is_lost(made: Rig) -> None:
    answered = replaced(
        made,
        [
            ("new", TAKE_OVER),
            ("old", ("director", "withdraw")),
            ("new", ("director", "announce")),
        ],
    )

    print(f"{answered.count(False)} of {len(answered)} lost")
    assert answered.count(False) == 0


def test_in_the_other_order_requests_are_lost(made: Rig) -> None:
    answered = replaced(made, [("old", ("director", "withdraw")), ("new", TAKE_OVER)])

    print(f"{answered.count(False)} of {len(answered)} lost")
    assert answered.count(False) > 0
