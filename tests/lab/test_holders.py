"""For each holder: the whole life of a cluster, from the first apply to the withdrawal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, virtual_server
from witnesses import arping, arping_probe, ipvsadm, netlink_writes

Apply = tuple[str, list[str]]
"""What the program printed, and what it wrote over netlink."""


@dataclass(frozen=True, slots=True)
class Life:
    """What was seen of a cluster while it lived."""

    methods: tuple[str, ...]
    director_mac: str
    before: dict[str, str]
    first: dict[str, Apply]
    second: dict[str, Apply]
    served: Counter[str]
    answered: set[str]
    answered_probe: set[str]
    table: list[str]
    after: dict[str, str]


# What comes through a tunnel needs tunl0, and tunl0 holds the VIP for direct routing as well.
METHODS = {"lo": ("dr", "dr"), "dummy": ("dr", "dr"), "tunl0": ("tunnel", "dr")}


@pytest.fixture(scope="module", params=METHODS)
def life(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    holder = request.param
    pairs = zip(RIPS, METHODS[holder], strict=True)
    real_servers = [{"rip": rip, "forwarding_method": method} for rip, method in pairs]
    server = virtual_server(persistence=300, real_servers=real_servers)
    folder = tmp_path_factory.mktemp(holder)
    with rig(folder, director(server), realserver(holder)) as made:
        yield lived(made, METHODS[holder])


def lived(made: Rig, methods: tuple[str, ...]) -> Life:
    lab = made.lab
    for host in (lab.director, lab.realservers[0]):
        host.ip("link add nlmon0 type nlmon", "link set nlmon0 up")
    before = made.states()
    lvsdr(lab.realservers[1], "realserver", "apply", made.realserver)
    first = applied(made)
    life = Life(
        methods=methods,
        director_mac=made.mac(lab.director),
        before=before,
        first=first,
        served=made.served(),
        answered=arping(lab.observer, VIP),
        answered_probe=arping_probe(lab.observer, VIP),
        table=ipvsadm(lab.director),
        second=applied(made),
        after={},
    )
    made.withdraw()
    life.after.update(made.states())
    return life


def applied(made: Rig) -> dict[str, Apply]:
    """Apply on one real server and on the director, under the eyes of tcpdump."""
    seen = {}
    for host, role, path in made.managed[0], made.managed[-1]:
        with netlink_writes(host) as writes:
            said = lvsdr(host, role, "apply", path)
        seen[role] = (said, writes)
    return seen


def test_the_client_is_served_by_both_real_servers(life: Life) -> None:
    assert set(life.served) == {"rs1", "rs2"}


def test_only_the_director_answers_arp_for_the_vip(life: Life) -> None:
    assert life.answered == {life.director_mac}


def test_only_the_director_answers_an_arp_probe_for_the_vip(life: Life) -> None:
    assert life.answered_probe == {life.director_mac}


def test_ipvsadm_shows_what_the_profile_says(life: Life) -> None:
    how = {"dr": "-g -w 1", "tunnel": "-i -w 1 --tun-type ipip"}
    pairs = zip(RIPS, life.methods, strict=True)

    assert life.table == [
        f"-A -t {VIP}:80 -s wlc -p 300",
        *(f"-a -t {VIP}:80 -r {rip}:80 {how[method]}" for rip, method in pairs),
    ]


def test_every_host_is_after_withdraw_as_it_was_before_apply(life: Life) -> None:
    assert life.after == life.before


def test_the_first_apply_writes_over_netlink(life: Life) -> None:
    """So that what sees nothing at the second apply is known to see."""
    _, on_director = life.first["director"]
    _, on_realserver = life.first["realserver"]

    assert on_director == ["NEW_SERVICE", "NEW_DEST", "NEW_DEST", "RTM 20"]
    assert "RTM 20" in on_realserver


@pytest.mark.parametrize("role", ["director", "realserver"])
def test_the_second_apply_has_no_change_and_writes_nothing(life: Life, role: str) -> None:
    said, writes = life.second[role]

    assert said == "nothing to change\n"
    assert writes == []
