"""A keeper that follows keepalived: one resident for transitions and for what others undo."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from keepers import LIMIT, away, held, keeping, vips
from pairs import Box, Pair, pair, said
from rig import VIP, director, lvsdr, settled
from witnesses import captured, speakers


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("keep-fifo"), director(standby="empty")) as made:
        yield made


@pytest.fixture(scope="module")
def kept(made: Pair) -> Iterator[Pair]:
    """Two directors with real keepalived, each with a keeper that follows it."""
    for box in made.boxes:
        box.advertise = 0.5
        box.keep()
        box.start()
    made.ready(made.boxes[0])
    yield made
    for box in made.boxes:
        box.stop()
        done = box.unfollow()
        assert (done.returncode, done.stderr) == (0, "")


def told(box: Box) -> list[str]:
    """Return what the keeper of a box has told of, by its kinds."""
    assert box.follower is not None
    lines = [line for line in box.follower.said().splitlines() if line.startswith("{")]
    return [each["event"] for line in lines if "event" in (each := json.loads(line))]


def test_with_a_reader_alone_a_vip_that_is_removed_on_the_master_stays_away(made: Pair) -> None:
    box = made.boxes[0]
    box.advertise = 0.5
    box.follow()
    box.start()
    assert held(box.host), said(box)

    box.host.ip(f"address del {VIP}/32 dev eth0")
    back = held(box.host, seconds=2.0)
    box.stop()
    box.unfollow()

    assert back == []


def test_a_vip_that_is_removed_on_the_master_is_back_within_a_second(kept: Pair) -> None:
    first, second = kept.boxes
    with captured(kept.lab.switch, "br0", "arp") as frames:
        first.host.ip(f"address del {VIP}/32 dev eth0")
        back = held(first.host, seconds=1.0)
        announced = settled(lambda: "ANNOUNCED" in told(first), True, LIMIT)

    assert (back, announced) == ([f"{VIP} eth0:0"], True), said(first)
    assert set(speakers(frames, VIP)) == {kept.mac(first)}
    assert vips(second.host) == []


def test_a_standby_is_kept_one_and_takes_over_when_keepalived_says_so(kept: Pair) -> None:
    first, second = kept.boxes
    second.host.ip(f"address add {VIP}/32 dev eth0")
    given_up = away(second.host)
    first.stop()
    took_over = settled(second.is_active, True, LIMIT)
    left = away(first.host)
    stays_away = held(first.host, seconds=1.5)
    first.start()
    kept.ready(first, LIMIT)

    assert (given_up, took_over, left, stays_away) == (True, True, True, []), said(second)


def test_a_keeper_that_was_killed_goes_on_where_it_was(kept: Pair) -> None:
    first = kept.boxes[0]
    first.unfollow(signal.SIGKILL)
    first.host.ip(f"address del {VIP}/32 dev eth0")
    first.keep()

    assert held(first.host) == [f"{VIP} eth0:0"], said(first)


def test_before_keepalived_has_said_anything_nothing_is_applied(made: Pair, tmp_path: Path) -> None:
    host, profile = made.lab.gateway, made.boxes[0].director
    fifo = tmp_path / "fifo"

    with keeping(host, "director", profile, "--fifo", str(fifo)) as keeper:
        rests = keeper.has("RESTING")
        with fifo.open("w") as writing:
            writing.write('INSTANCE "VI_9" BACKUP 50\n')
            writing.flush()
            kept = keeper.has("KEEPING")
        keeper.end()

    assert (rests, kept, vips(host)) == (True, True, [])
    lvsdr(host, "director", "plan", profile, expect=0)
