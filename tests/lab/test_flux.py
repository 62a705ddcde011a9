"""Several links of a director in one subnet: each answers for every address, until lvsdr acts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import (
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settings,
    state,
    verified,
    virtual_server,
    write,
)
from witnesses import arping, arping_probe, arps, captured

VIP, RIP, DIP = "192.168.18.2", "192.168.18.21", "192.168.18.10"
SECOND, THIRD = "192.168.18.11", "192.168.18.12"
MACS = {"eth3": "02:00:00:00:03:11", "eth4": "02:00:00:00:04:12"}
SHORTLY = ("--seconds", "1.2", "--no-paths")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A director with eth0, eth3 and eth4 in 192.168.18.0/24, its profile not applied."""
    wanted = director(virtual_server(VIP, [RIP]))
    with rig(tmp_path_factory.mktemp("flux"), wanted, realserver(vips=[VIP])) as made:
        host = made.lab.director
        for number, (link, mac) in enumerate(MACS.items()):
            there = f"name {link} address {mac} netns {host.namespace}"
            made.lab.switch.ip(
                f"link add more{number} type veth peer {there}",
                f"link set more{number} master br0 up",
            )
            host.ip(f"link set {link} up", f"address add {(SECOND, THIRD)[number]}/24 dev {link}")
        # The strict filter would hide two of them from an asker in its own name.
        settings(host, {f"{link}/rp_filter": 0 for link in ("all", "eth0", *MACS)})
        yield made


def all_of(made: Rig) -> set[str]:
    return {made.mac(made.lab.director), *MACS.values()}


@pytest.fixture
def left(made: Rig, tmp_path: Path) -> Iterator[Path]:
    """A profile that leaves the flux as it is, applied."""
    profile = write(tmp_path, director(virtual_server(VIP, [RIP]), arp_flux="leave"), "left")
    lvsdr(made.lab.director, "director", "apply", profile)
    yield profile
    lvsdr(made.lab.director, "director", "withdraw", profile)


def test_each_link_answers_for_every_address(made: Rig, left: Path) -> None:
    answers = {address: arping(made.lab.observer, address) for address in (VIP, DIP, SECOND)}

    assert answers == dict.fromkeys((VIP, DIP, SECOND), all_of(made))


def test_arp_filter_leaves_the_wrong_link_to_answer_for_all(made: Rig, left: Path) -> None:
    """The one that has the route to the asker: so for the addresses of the other two as well."""
    host = made.lab.director
    settings(host, {"all/arp_filter": 1})

    answers = {address: arping(made.lab.observer, address) for address in (VIP, SECOND, THIRD)}
    settings(host, {"all/arp_filter": 0})

    assert answers[SECOND] == answers[THIRD] == answers[VIP] != set()
    assert len(answers[SECOND]) == 1


def test_verify_tells_the_flux_from_where_it_is_and_from_elsewhere(made: Rig, left: Path) -> None:
    at_home = verified(made.lab.director, "director", "verify", left, *SHORTLY, expect=0)
    words = ("verify", left, "--dip", DIP, "--seconds", "1.2", "--no-services")
    afar = verified(made.lab.observer, *words, expect=0)

    assert [(each["rule"], each["subject"]) for each in at_home] == [
        ("ARP-FLUX", "eth3"),
        ("ARP-FLUX", "eth4"),
    ]
    assert [(each["rule"], each["vip"]) for each in afar] == [("ARP-FLUX", VIP)]
    assert "3 MAC addresses" in afar[0]["message"]


def test_with_lvsdr_each_link_answers_for_its_own(made: Rig) -> None:
    host = made.lab.director
    before = state(host)

    lvsdr(host, "director", "apply", made.director)
    answers = {address: arping(made.lab.observer, address) for address in (VIP, DIP, SECOND, THIRD)}
    probed = arping_probe(made.lab.observer, VIP)
    again = lvsdr(host, "director", "apply", made.director)
    at_home = verified(host, "director", "verify", made.director, *SHORTLY, expect=0)
    lvsdr(host, "director", "withdraw", made.director)

    assert answers == {
        VIP: {made.mac(host)},
        DIP: {made.mac(host)},
        SECOND: {MACS["eth3"]},
        THIRD: {MACS["eth4"]},
    }
    assert probed == {made.mac(host)}
    assert again == "nothing to change\n"
    assert at_home == []
    assert state(host) == before


def test_a_link_that_comes_later_is_an_error_until_the_next_apply(made: Rig) -> None:
    host = made.lab.director
    lvsdr(host, "director", "apply", made.director)
    settings(host, {"eth4/arp_ignore": 0})

    (found,) = verified(host, "director", "verify", made.director, *SHORTLY, expect=1)
    lvsdr(host, "director", "apply", made.director)
    after = verified(host, "director", "verify", made.director, *SHORTLY, expect=0)
    lvsdr(host, "director", "withdraw", made.director)

    assert (found["rule"], found["subject"], found["severity"]) == ("ARP-FLUX", "eth4", "error")
    assert found["hint"] == f"lvsdr director apply {made.director}"
    assert after == []


ASKED = "192.168.18.250"


def speak() -> None:
    """Send something in the VIP's name, so that the kernel asks where it has to go."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
        speaking.bind((VIP, 0))
        speaking.sendto(b"!", (ASKED, 9))


def test_no_link_asks_in_the_name_of_another(made: Rig) -> None:
    """With arp_announce 0 eth3 asks in the VIP's name, which turns the asked host's entry to it."""
    host = made.lab.director

    def asked() -> set[tuple[str, str]]:
        host.ip("neighbour flush dev eth3", f"route replace {ASKED}/32 dev eth3")
        with captured(made.lab.observer, "eth0", "arp") as frames:
            host.inside(speak)
        host.ip(f"route del {ASKED}/32 dev eth3")
        return {(arp.sender_mac, arp.sender) for arp in arps(frames) if arp.target == ASKED}

    document: Document = director(virtual_server(VIP, [RIP]), arp_flux="leave")
    left = write(made.director.parent, document, "left-too")
    lvsdr(host, "director", "apply", left)
    without = asked()
    lvsdr(host, "director", "withdraw", left)
    lvsdr(host, "director", "apply", made.director)
    mended = asked()
    lvsdr(host, "director", "withdraw", made.director)

    assert without == {(MACS["eth3"], VIP)}
    assert mended == {(MACS["eth3"], SECOND)}
