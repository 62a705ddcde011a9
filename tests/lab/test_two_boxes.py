"""Two hosts that are director and real server: no packet goes to and fro between them."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import program
import pytest
from pairs import BOTH, BOTH6, Box, Pair, pair
from rig import VIP, VIP6, Document, director, realserver, virtual_server
from witnesses import arping, captured, ipvsadm, ndisc6

from lvsdr.core.plan_order import EXPIRE_NODEST_CONN
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import ask

DAEMONS = [{"state": state, "syncid": 1} for state in ("master", "backup")]


@dataclass(frozen=True, slots=True)
class Family:
    """An address family: its VIP, the boxes' RIPs, who asks for the VIP, and where the TTL is."""

    version: int
    vip: str
    rips: tuple[str, ...]
    answering: Callable[[Host, str], set[str]]
    ethertype: bytes
    ttl: int

    def __str__(self) -> str:
        return f"IPv{self.version}"

    @property
    def served(self) -> Document:
        return virtual_server(self.vip, self.rips, scheduler="rr")

    def pair(self, folder: Path, **fields: object) -> AbstractContextManager[Pair]:
        """Give two boxes that are both."""
        wanted = director(self.served, **fields)
        return pair(folder, wanted, realserver(vips=[self.vip]), both=True)

    def asked_of(self, made: Pair, times: int) -> Counter[str]:
        """Ask for the VIP from as many clients; return who served."""
        sources = made.lab.client_addresses(self.version)
        return ask(made.lab.client, made.services[0], sources, times)


FOUR = Family(4, VIP, BOTH, arping, b"\x08\x00", 22)
SIX = Family(6, VIP6, BOTH6, ndisc6, b"\x86\xdd", 21)
families = pytest.mark.parametrize("family", [FOUR, SIX], ids=str)


@families
@pytest.mark.parametrize("standby", ["empty", "synced"])
def test_two_hosts_that_are_both_do_not_send_a_packet_to_and_fro(
    tmp_path: Path, standby: str, family: Family
) -> None:
    daemons = DAEMONS if standby == "synced" else []
    with family.pair(tmp_path, standby=standby, sync_daemons=daemons) as made:
        first, second = made.boxes
        notified(second, "BACKUP")
        notified(first, "MASTER")
        with captured(second.host, "eth0", f"dst host {family.vip}") as frames:
            served = family.asked_of(made, 8)
        ttls = [frame[family.ttl] for frame in frames if frame[12:14] == family.ethertype]
        speaking = family.answering(made.lab.gateway, family.vip)
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
        assert family.answering(made.lab.gateway, family.vip) == {made.mac(second)}
        assert second.daemons() == ([] if standby == "empty" else ["master"])


@families
def test_without_that_a_packet_goes_to_and_fro_until_its_ttl_ends(
    tmp_path: Path, family: Family
) -> None:
    with family.pair(tmp_path) as made:
        for box in made.boxes:
            notified(box, "BACKUP")
            box.host.run("ipvsadm", "-R", text="\n".join(sorted(box.table())) + "\n")
        length = 32 if family is FOUR else 128
        made.boxes[0].host.ip(f"address add {family.vip}/{length} dev eth0")

        before = sent(made.boxes[1].host)
        served = family.asked_of(made, 4)

        # Four answers take a dozen frames of this host; a SYN that goes round, half of its TTL.
        assert any(who.startswith("no answer") for who in served), served
        assert sent(made.boxes[1].host) - before > 30


@families
def test_who_takes_over_from_one_that_nobody_has_told_sends_it_nothing_until_it_is_silent(
    tmp_path: Path, family: Family
) -> None:
    with family.pair(tmp_path, standby="synced", sync_daemons=DAEMONS) as made:
        first, second = made.boxes
        notified(second, "BACKUP")
        notified(first, "MASTER")

        notified(second, "MASTER", expect=1)
        said = ipvsadm(second.host)
        expiring = second.host.run("cat", "/proc/sys/" + EXPIRE_NODEST_CONN.path).stdout
        served = family.asked_of(made, 8)
        notified(first, "BACKUP")
        notified(second, "MASTER")

        # The other one still answers, and would choose among both.
        assert [line[-4:] for line in said if "-a" in line] == ["-w 0", "-w 1"]
        assert set(served) <= {box.host.name for box in made.boxes}, served
        assert set(ipvsadm(second.host)) == second.table()
        assert expiring == "1\n"
        assert second.host.run("cat", "/proc/sys/" + EXPIRE_NODEST_CONN.path).stdout == "0\n"


@pytest.mark.parametrize("expires", [True, False])
def test_a_port_that_comes_again_reaches_no_box_at_rest_and_without_the_setting_it_does(
    tmp_path: Path, expires: bool
) -> None:
    with FOUR.pair(tmp_path) as made:
        first, second = made.boxes
        notified(second, "BACKUP")
        notified(first, "MASTER")
        port = next(port for port in range(20000, 20010) if by_port(made, port) == second.host.name)

        first.host.run("ipvsadm", "-e", "-t", f"{VIP}:80", "-r", f"{BOTH[1]}:80", "-w", "0")
        first.host.sysctl(EXPIRE_NODEST_CONN.path, int(expires))
        again = by_port(made, port)

        assert again == (first if expires else second).host.name


def by_port(made: Pair, port: int) -> str:
    """Ask for the VIP from a port of the client's; return who served."""

    def request() -> str:
        with socket.create_connection((VIP, 80), 5.0, source_address=("", port)) as asking:
            return asking.recv(64).decode()

    return made.lab.client.inside(request)


def test_the_commands_of_a_real_server_leave_the_director_that_it_is_too_alone(
    tmp_path: Path,
) -> None:
    with FOUR.pair(tmp_path) as made:
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


def notified(box: Box, state: str, *, expect: int = 0) -> None:
    words = ("keepalived", "notify", *box.profiles(), "--allow-insecure-profile")
    done = program.run(box.host, *words, "INSTANCE", "VI_1", state, str(box.priority))
    assert done.returncode == expect, done.stderr
