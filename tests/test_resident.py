"""The loop of a resident: whose turn it is; and what a service manager hears of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lvsdr.keeper.resident import Resident
from lvsdr.keeper.service_manager import ServiceManager


class FakePart:
    """A part that is due at some time, and has a descriptor or none."""

    def __init__(self, due: float | None = None, fileno: int | None = None) -> None:
        self._due = due
        self._filenos = () if fileno is None else (fileno,)
        self.turns: list[float] = []

    def filenos(self) -> Sequence[int]:
        return self._filenos

    def due(self) -> float | None:
        return self._due

    def turn(self, now: float) -> None:
        self.turns.append(now)
        self._due = None


def clock(now: float) -> Callable[[], float]:
    return lambda: now


def test_each_part_has_its_turn_when_it_is_due() -> None:
    late, due, never = FakePart(20.0), FakePart(10.0), FakePart()

    Resident([late, due, never], lambda: False, clock(10.0)).once()

    assert (late.turns, due.turns, never.turns) == ([], [10.0], [])


def test_what_can_be_read_asks_for_a_turn() -> None:
    readable, writable = os.pipe()
    heard, silent = FakePart(fileno=readable), FakePart(100.0)
    os.write(writable, b"!")

    Resident([heard, silent], lambda: False, clock(1.0)).once()
    os.close(readable)
    os.close(writable)

    assert (heard.turns, silent.turns) == ([1.0], [])


def test_it_ends_when_it_is_over() -> None:
    part = FakePart(0.0)

    Resident([part], lambda: bool(part.turns), clock(1.0)).run()

    assert part.turns == [1.0]


# --- sd_notify -----------------------------------------------------------------------------------


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[socket.socket, str]:
    """A service manager's socket, and how NOTIFY_SOCKET names it."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    request.addfinalizer(listening.close)
    name = str(tmp_path / "notify") if request.param == "path" else f"@lvsdr-test-{os.getpid()}"
    listening.bind(name if request.param == "path" else "\0" + name[1:])
    return listening, name


def heard(listening: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(listening.recv(4096).decode())
        except BlockingIOError:
            return found


def test_a_service_manager_is_told(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    service = ServiceManager({"NOTIFY_SOCKET": name})

    service.ready()
    service.status("all is well")
    service.status("all is well")
    service.stopping()

    assert heard(listening) == ["READY=1", "STATUS=all is well", "STOPPING=1"]


def test_a_reload_has_the_time_at_which_it_begins(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager

    ServiceManager({"NOTIFY_SOCKET": name}).reloading()

    (said,) = heard(listening)
    first, second = said.splitlines()
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdecimal()


def test_the_watchdog_is_told_at_half_of_its_limit(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"}
    service = ServiceManager({**environment, "WATCHDOG_PID": str(os.getpid())}, clock(100.0))

    service.turn(100.0)
    service.turn(101.0)

    assert (heard(listening), service.due()) == (["WATCHDOG=1"], 115.0)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "x"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"},
    ],
    ids=str,
)
def test_a_watchdog_that_is_not_ours_is_none(environment: dict[str, str]) -> None:
    assert ServiceManager(environment).due() is None


def test_where_nobody_listens_nothing_fails(tmp_path: Path) -> None:
    for named in ("", str(tmp_path / "gone"), "@nobody-listens-here", "relative"):
        ServiceManager({"NOTIFY_SOCKET": named}).ready()
