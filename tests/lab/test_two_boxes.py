"""Two hosts that are director and real server: no packet goes to and fro between them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import program
import pytest
from pairs import BOTH, Box, Pair, pair
from rig import (
    VIP,
    director,
    virtual_server,
)
from witnesses import arping, captured, ipvsadm

from lvsdr.lab.host import Host
from lvsdr.lab.services import ask

SERVED = virtual_server(rips=BOTH, scheduler="rr")
DAEMONS = [{"state": state, "syncid": 1} for state in ("master", "backup")]


def hops(frames: list[bytes]) -> list[int]:
    """Return the TTL of each IPv4 frame to the VIP."""
    return [frame[22] for frame in frames if frame[12:14] == b"\x08\x00"]


def asked_of(made: Pair) -> tuple[Counter[str], list[int]]:
    """Ask the VIP from eight clients; return who served, and the TTLs of what the second saw."""
    host = made.boxes[1].host
    with captured(host, "eth0", f"ip dst {VIP}") as frames:
        served = ask(made.lab.client, made.services[0], made.lab.client_addresses(4), 8)
    return served, hops(frames)


@pytest.mark.parametrize("standby", ["empty", "synced"])
def test_two_hosts_that_are_both_do_not_send_a_packet_to_and_fro(
    tmp_path: Path, standby: str
) -> None:
    daemons = DAEMONS if standby == "synced" else []
    document = director(SERVED, standby=standby, sync_daemons=daemons)
    with pair(tmp_path, document, both=True) as made:
        first, second = made.boxes
        notified(second, "BACKUP")
        notified(first, "MASTER")
        served, ttls = asked_of(made)
        speaking = arping(made.lab.gateway, VIP)
        tables = [len(ipvsadm(box.host)) for box in made.boxes]

        assert set(served) == {box.host.name for box in made.boxes}, served
        assert min(ttls) > 50
        assert speaking == {made.mac(first)}
        assert tables == [3, 0 if standby == "empty" else 3]
        assert [box.daemons() for box in made.boxes] == (
            [[], []] if standby == "empty" else [["master"], ["backup"]]
        )
        notified(first, "BACKUP")
        notified(second, "MASTER")
        assert arping(made.lab.gateway, VIP) == {made.mac(second)}
        assert second.daemons() == ([] if standby == "empty" else ["master"])


def test_without_that_a_packet_goes_to_and_fro_until_its_ttl_ends(tmp_path: Path) -> None:
    with pair(tmp_path, director(SERVED), both=True) as made:
        for box in made.boxes:
            notified(box, "BACKUP")
            lines = [
                f"-A -t {VIP}:80 -s rr",
                *(f"-a -t {VIP}:80 -r {rip}:80 -g" for rip in BOTH),
            ]
            box.host.run("ipvsadm", "-R", text="\n".join(lines) + "\n")
        made.boxes[0].host.ip(f"address add {VIP}/32 dev eth0")

        before = sent(made.boxes[1].host)
        served = ask(made.lab.client, made.services[0], made.lab.client_addresses(4), 4)

        # Four answers take a dozen frames of this host; a SYN that goes round, half of its TTL.
        assert any(who.startswith("no answer") for who in served), served
        assert sent(made.boxes[1].host) - before > 30


def test_the_commands_of_a_real_server_leave_the_director_that_it_is_too_alone(
    tmp_path: Path,
) -> None:
    with pair(tmp_path, director(SERVED), both=True) as made:
        first, second = made.boxes
        notified(second, "BACKUP")
        notified(first, "MASTER")
        # What is there, and nobody has put there for the director.
        second.host.ip(f"address add {VIP}/32 dev eth0")

        done = [[served(box, command) for command in ("apply", "verify")] for box in made.boxes]
        second.host.ip(f"address del {VIP}/32 dev eth0")

        assert [[each[0] for each in one] for one in done] == [[0, 0], [6, 1]]
        assert "VIP-DIRECTOR" in done[0][1][1]
        assert "VIP-ON-LINK" in done[1][1][1]
        assert first.is_active()
        assert arping(made.lab.gateway, VIP) == {made.mac(first)}


def served(box: Box, command: str) -> tuple[int, str]:
    """Run a command of the real server on a box."""
    words = ("realserver", command, str(box.realserver), "--allow-insecure-profile")
    done = program.run(box.host, *words)
    return done.returncode, done.stdout + done.stderr


def sent(host: Host) -> int:
    """Return how many frames a host has sent, as ip counts them: tcpdump drowns in a storm."""
    shown = json.loads(host.run("ip", "-j", "-s", "link", "show", "eth0").stdout)
    return int(shown[0]["stats64"]["tx"]["packets"])


def notified(box: Box, state: str) -> None:
    words = ("keepalived", "notify", *box.profiles(), "--allow-insecure-profile")
    done = program.run(box.host, *words, "INSTANCE", "VI_1", state, str(box.priority))
    assert done.returncode == 0, done.stderr
