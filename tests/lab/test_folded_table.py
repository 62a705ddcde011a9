"""Real servers known by fingerprints, of a real table: what ipvsadm does to them is seen."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lvsdr.core.book import Book
from lvsdr.core.folding import known_texts
from lvsdr.core.planned_situations import plan_apply
from lvsdr.core.situation import Situation
from lvsdr.core.strangers import foreign_servers_of
from lvsdr.core.workflow import apply
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import Object
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

VIPS = "192.0.2.10", "2001:db8::10"


def servers(first: str, count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"rip": f"{first}{20 + n}", "weight": 1 + n % 7, **fields} for n in range(count)]


GUE = {"forwarding_method": "tunnel", "tunnel_type": "gue", "tunnel_port": 6080}
SERVICES: list[dict[str, Any]] = [
    {"vip": VIPS[0], "port": 80, "real_servers": servers("192.0.2.", 90)},
    {"vip": VIPS[0], "port": 81, "real_servers": servers("192.0.2.", 90, **GUE)},
    {
        "vip": VIPS[0],
        "port": 82,
        "protocol": "udp",
        "real_servers": servers("10.0.0.", 90, forwarding_method="masquerade", port=8080),
    },
    {"vip": VIPS[1], "port": 80, "real_servers": servers("2001:db8::", 40)},
    {"vip": VIPS[1], "port": 81, "real_servers": servers("192.0.2.", 40, **GUE)},
    {"fwmark": 7, "real_servers": servers("192.0.2.", 40, upper_threshold=9, lower_threshold=3)},
    {"fwmark": 7, "real_servers": servers("2001:db8::", 40)},
]


@pytest.fixture(scope="module")
def director() -> Iterator[Host]:
    with hosts(["director"]) as made:
        made["director"].ip(
            "link add eth0 type dummy",
            "link set eth0 arp on up",
            "address add 192.0.2.1/24 dev eth0",
            "address add 2001:db8::1/64 dev eth0 nodad",
        )
        yield made["director"]


@dataclass(frozen=True)
class Applied:
    """A director to which the profile was applied, and its record."""

    host: Host
    file: Path
    book: Book

    def plan(self) -> tuple[Situation, tuple[Object, ...]]:
        """Return the plan, and what is foreign in the table."""

        def planned() -> tuple[Situation, tuple[Object, ...]]:
            profile = profile_of(self.file, self.book)
            with LinuxKernel() as kernel:
                situation = plan_apply(profile, kernel, self.book)
                return situation, foreign_servers_of(profile, situation, kernel)

        return self.host.inside(planned)

    def apply(self) -> Situation:
        def applied() -> Situation:
            with LinuxKernel() as kernel:
                return apply(
                    profile_of(self.file, self.book), kernel, self.book, lambda link: Silent()
                )

        return self.host.inside(applied)


class Silent:
    """An announcer that nobody hears: there is nobody on the link."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None: ...

    def announce(self, *_: object, **__: object) -> None: ...


@pytest.fixture
def applied(director: Host, tmp_path: Path) -> Iterator[Applied]:
    place = Applied(director, tmp_path / "director.json", Book("ns", tmp_path / "run"))
    assert len(place.apply().todo) == len(SERVICES) + sum(
        len(each["real_servers"]) for each in SERVICES
    ) + len(VIPS)
    yield place
    director.run("ipvsadm", "-C")
    director.ip(*(f"address del {vip} dev eth0" for vip in ("192.0.2.10/32", "2001:db8::10/128")))


def looked_at(situation: Situation) -> set[str]:
    items = situation.desired.values()
    return {str(item.service) for item in items if isinstance(item, RealServer)}


def profile_of(file: Path, book: Book) -> DirectorProfile:
    whole = {
        "role": "director",
        "name": "web",
        "interface": "eth0",
        "vips": [{"address": vip} for vip in VIPS],
    }
    defaults = {"protocol": "tcp"}
    table = [each if "fwmark" in each else {**defaults, **each} for each in SERVICES]
    file.write_text(json.dumps({**whole, "virtual_servers": table}))
    profile = read(file, known=lambda: known_texts(book))
    assert isinstance(profile, DirectorProfile)
    return profile


def test_a_table_of_every_kind_is_known_as_it_was_left(applied: Applied) -> None:
    situation, foreign = applied.plan()

    assert looked_at(situation) == set()
    assert (situation.todo, situation.drift, foreign) == ((), (), ())
    assert applied.apply().todo == ()
    assert len(situation.record.folded["director:web"]) == len(SERVICES)


# What ipvsadm does, where, and the signs of what has to be done then.
MEDDLING = {
    "weight": ("-e -t 192.0.2.10:80 -r 192.0.2.30:80 -g -w 99", "tcp 192.0.2.10:80", "~"),
    "tunnel": (
        "-e -t 192.0.2.10:81 -r 192.0.2.30:81 -i -w 4 --tun-type gue --tun-port 6081",
        "tcp 192.0.2.10:81",
        "~",
    ),
    "thresholds": (
        "-e -f 7 -r 192.0.2.21:0 -g -w 2 -x 10 -y 3",
        "fwmark 7",
        "~",
    ),
    "method": (
        "-e -t [2001:db8::10]:80 -r [2001:db8::21]:80 -m -w 2",
        "tcp [2001:db8::10]:80",
        "~",
    ),
    "one less": ("-d -u 192.0.2.10:82 -r 10.0.0.33:8080", "udp 192.0.2.10:82", "+"),
    "one more": ("-a -t [2001:db8::10]:81 -r 192.0.2.11:81 -i", "tcp [2001:db8::10]:81", ""),
    "none left": ("-D -f 7 -6", "fwmark 7 inet6", "+" * 41),
    "another scheduler": ("-E -t 192.0.2.10:80 -s sh", "", "~"),
}


@pytest.mark.parametrize(("words", "service", "signs"), MEDDLING.values(), ids=MEDDLING)
def test_what_ipvsadm_changes_is_looked_at(
    applied: Applied, words: str, service: str, signs: str
) -> None:
    before = applied.host.run("ipvsadm", "-Sn").stdout
    applied.host.run("ipvsadm", *words.split())

    situation, foreign = applied.plan()

    assert looked_at(situation) == ({service} if service else set())
    assert "".join(change.sign for change in situation.todo) == signs
    assert len(foreign) == (not signs)
    applied.apply()
    after = applied.host.run("ipvsadm", "-Sn").stdout
    there = set(after.splitlines()) - {f"-a {words.partition(' ')[2]}"}
    assert set(before.splitlines()) <= there
    assert len(there) == len(before.splitlines()) + (not signs)


def begin_a_connection() -> None:
    """Send what opens one: nobody answers, and nobody waits for an answer."""
    with socket.socket() as client:
        client.setblocking(False)
        assert client.connect_ex(("192.0.2.10", 80)) == errno.EINPROGRESS


def test_connections_make_no_difference(applied: Applied) -> None:
    applied.host.inside(begin_a_connection)
    lines = [line.split() for line in applied.host.run("ipvsadm", "-Ln").stdout.splitlines()]

    situation, _ = applied.plan()

    assert any(words[:1] == ["->"] and "1" in words[-2:] for words in lines)
    assert looked_at(situation) == set()
