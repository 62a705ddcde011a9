"""A host that is kept while links join a bond, leave it, fail, and the bond itself is made anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from keepers import LIMIT, Keeper, held, keeping, vips
from rig import VIP, Rig, director, lvsdr, realserver, rig, settled, virtual_server, write
from witnesses import arping, ipvsadm

from lvsdr.lab.lab_host import Host

OFTEN = ("--every", "0.5")
SPARE = "02:00:00:00:03:11"
ARP_IGNORE = "net/ipv4/conf/bond0/arp_ignore"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path, director(virtual_server()), realserver()) as made:
        for each in (made.lab.director, made.lab.realservers[0]):
            there = f"name eth3 address {SPARE} netns {each.namespace}"
            made.lab.switch.ip(
                f"link add to-{each.namespace[-8:]} type veth peer {there}",
                f"link set to-{each.namespace[-8:]} master br0 up",
            )
            each.run("modprobe", "bonding")
        yield made


def bonded(host: Host, *own: str) -> None:
    """Make a bond of eth0 and eth3, with the addresses that eth0 has had."""
    host.ip("link add bond0 type bond mode active-backup miimon 50", "address flush dev eth0")
    for link in ("eth0", "eth3"):
        host.ip(f"link set {link} down", f"link set {link} master bond0")
    host.ip("link set bond0 up", *(f"address add {each} dev bond0" for each in own))


def parts(host: Host) -> dict[str, str]:
    """Return of which link each is a part, as ip(8) says it."""
    shown = json.loads(host.run("ip", "-j", "link", "show").stdout)
    return {each["ifname"]: each["master"] for each in shown if "master" in each}


def active(host: Host) -> str:
    (shown,) = json.loads(host.run("ip", "-j", "-d", "link", "show", "dev", "bond0").stdout)
    return str(shown["linkinfo"]["info_data"].get("active_slave", ""))


def told(keeper: Keeper, kind: str) -> list[str]:
    return [each["message"] for each in keeper.events if each["event"] == kind]


def test_a_director_whose_link_joins_a_bond_says_so_and_moves_on_the_word(
    made: Rig, tmp_path: Path
) -> None:
    host, profile = made.lab.director, write(tmp_path, director(virtual_server()), "kept")
    with keeping(host, "director", profile, *OFTEN) as keeper:
        bonded(host, f"{made.lab.topology.director.address(4)}/24")
        refused = keeper.has("REFUSED")
        joined = parts(host)
        profile.write_text(json.dumps(director(virtual_server(), interface="bond0")))
        lvsdr(host, "director", "apply", profile)
        moved = settled(lambda: vips(host, "bond0"), [f"{VIP} bond0:0"], LIMIT)
        host.ip(f"address del {VIP}/32 dev bond0")
        back = held(host, "bond0")
        repaired = keeper.has("REPAIRED")
        answers = arping(made.lab.observer, VIP)
        keeper.end()

    assert (refused, repaired) == (True, True)
    assert joined == {"eth0": "bond0", "eth3": "bond0"}
    assert any("it is a part of bond0" in each for each in told(keeper, "REFUSED"))
    assert moved == back == [f"{VIP} bond0:0"]
    assert len(answers) == 1
    assert len(ipvsadm(host)) == 3


def test_a_bond_that_is_made_anew_gets_its_vip_back_at_once(made: Rig, tmp_path: Path) -> None:
    host, own = made.lab.director, f"{made.lab.topology.director.address(4)}/24"
    profile = write(tmp_path, director(virtual_server(), interface="bond0"), "kept")
    bonded(host, own)
    with keeping(host, "director", profile, "--every", "60") as keeper:
        # One of its links fails, and is taken out: the VIP stays on the bond.
        first = active(host)
        host.ip(f"link set {first} down")
        other = settled(lambda: active(host) not in ("", first), True, LIMIT)
        stays = vips(host, "bond0")
        host.ip(f"link set {first} nomaster", f"link set {first} master bond0")
        host.ip("link del bond0")
        gone = vips(host, "eth0")
        refused = keeper.has("REFUSED")
        bonded(host, own)
        begun = monotonic()
        back = held(host, "bond0")
        took = monotonic() - begun
        again = keeper.has("AGAIN")
        keeper.end()

    assert (other, refused, again) == (True, True, True)
    assert (stays, gone, back) == ([f"{VIP} bond0:0"], [], [f"{VIP} bond0:0"])
    # The kernel tells of the new link: nobody waits for the next look, a minute away.
    assert took < 15.0


def test_without_a_keeper_a_bond_that_is_made_anew_has_no_vip(made: Rig, tmp_path: Path) -> None:
    host, own = made.lab.director, f"{made.lab.topology.director.address(4)}/24"
    profile = write(tmp_path, director(virtual_server(), interface="bond0"), "applied")
    bonded(host, own)
    lvsdr(host, "director", "apply", profile)
    before = vips(host, "bond0")
    host.ip("link del bond0")
    bonded(host, own)

    assert before == [f"{VIP} bond0:0"]
    assert held(host, "bond0", seconds=1.5) == []


def test_a_real_server_whose_link_joins_a_bond_stays_silent_there(
    made: Rig, tmp_path: Path
) -> None:
    """The bond speaks for the link, and is told of nothing: by its own settings it answers."""
    host, own = made.lab.realservers[0], "192.168.1.11/24"
    scoped = realserver(arp_scope="links", interface="bond0")
    profile = write(tmp_path, scoped, "kept")

    def ignores() -> str:
        return host.run("cat", f"/proc/sys/{ARP_IGNORE}").stdout.strip()

    bonded(host, own)
    before = ignores()
    with keeping(host, "realserver", profile, "--every", "60") as keeper:
        kept = ignores()
        host.ip("link del bond0")
        refused = keeper.has("REFUSED")
        bonded(host, own)
        silent = settled(ignores, "1", LIMIT)
        heard = arping(made.lab.observer, VIP)
        keeper.end()

    assert (before, kept, refused, silent) == ("0", "1", True, "1")
    assert heard == set()
