"""Failover with real keepalived: who has the VIP, who speaks for it, what clients see."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep

import pytest
from pairs import LIMIT, Box, Pair, pair, said
from rig import (
    RIPS,
    VIP,
    director,
    settled,
    verified,
)
from witnesses import arping, arps, captured, ipvsadm

from lvsdr.lab.host import Host

ROUNDS = 20 if os.environ.get("LVSDR_TORTURE") else 1
GATEWAY = "192.168.1.1"


@contextmanager
def asked(client: Host) -> Iterator[list[float]]:
    """Ask for the VIP all the time; give the times of the answers."""
    answers: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with socket.socket() as asking:
                asking.settimeout(0.2)
                try:
                    asking.connect((VIP, 80))
                    if asking.recv(64):
                        answers.append(monotonic())
                except OSError:
                    pass
            sleep(0.01)

    done = client.start(ask)
    try:
        yield answers
    finally:
        stop.set()
        done.result(LIMIT)


def longest_gap(answers: list[float]) -> float:
    return max(after - before for before, after in pairwise(answers))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two directors that follow their FIFOs; the first one is the master."""
    with pair(tmp_path_factory.mktemp("pair"), director()) as made:
        for box in made.boxes:
            box.follow()
            box.start()
        made.ready(made.boxes[0])
        yield made


def failed_over(running: Pair, fail: Callable[[Box], None], mend: Callable[[Box], None]) -> float:
    """Let the master fail and come back; return the longest time without an answer meanwhile."""
    first, second = running.boxes
    gateway = running.lab.gateway
    with asked(running.lab.client) as answers:
        assert settled(lambda: len(answers) > 3, True), "nobody serves"
        with captured(gateway, "eth0", "arp") as frames:
            fail(first)
            running.ready(second)
            since = len(answers)
            assert settled(lambda: len(answers) > since + 3, True), "nobody serves"
            assert arping(gateway, VIP) == {running.mac(second)}
        gap = longest_gap(answers)
        mend(first)
        running.ready(first)
    speakers = [arp.sender_mac for arp in arps(frames) if arp.sender == VIP]
    # Whoever has spoken first is not heard again once the other one has begun.
    others = speakers[speakers.index(running.mac(second)) :]
    assert set(others) == {running.mac(second)}
    return gap


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_the_other_director_takes_over_when_keepalived_is_stopped(
    running: Pair, _round: int
) -> None:
    gap = failed_over(running, Box.stop, Box.start)

    assert gap < 2


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_the_other_director_takes_over_when_the_link_goes_down(running: Pair, _round: int) -> None:
    gap = failed_over(
        running,
        lambda box: box.host.ip("link set eth0 down"),
        # With the link its route to the gateway went, and a strict rp_filter drops the clients.
        lambda box: box.host.ip("link set eth0 up", f"route replace default via {GATEWAY}"),
    )

    assert gap < 2


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_two_directors_after_a_kill_are_told_and_end_when_keepalived_is_back(
    running: Pair, tmp_path: Path, _round: int
) -> None:
    first, second = running.boxes
    first.stop(signal.SIGKILL)
    assert settled(second.is_active, True, LIMIT), said(second)

    told = verified(running.lab.gateway, "verify", first.director, expect=1)
    first.start()
    running.ready(first)

    assert "ARP-TWO-DIRECTORS" in {each["rule"] for each in told}
    assert arping(running.lab.gateway, VIP) == {running.mac(first)}


def test_tables_are_as_the_profile_says_after_all_that(running: Pair) -> None:
    first, second = running.boxes

    assert set(ipvsadm(first.host)) == {
        f"-A -t {VIP}:80 -s wlc",
        *(f"-a -t {VIP}:80 -r {rip}:80 -g -w 1" for rip in RIPS),
    }
    assert ipvsadm(second.host) == []


def test_a_reader_that_is_asked_to_end_ends_well_and_another_one_goes_on(running: Pair) -> None:
    first, second = running.boxes
    assert second.follower is not None
    pid = second.follower.process.pid
    assert pid is not None

    os.kill(pid, signal.SIGTERM)
    ended = second.follower.wait()
    second.follow()
    gap = failed_over(running, Box.stop, Box.start)

    assert ended.returncode == 0, ended.stderr
    assert gap < 2
    assert first.is_active()
