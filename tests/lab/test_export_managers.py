"""A host that a manager of links makes of exported files is the host that `apply` makes.

At once, and again when the manager has begun anew; the ARP witness is arping(8) on the segment.
The managers are packages that nothing else needs, and slow: in `make torture`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

import program
import pytest
from exporting import answerers, booted, in_place, looks
from network_manager_lab import CONNECTIONS, network_manager
from networkd_lab import networkd
from rig import VIP, Document, Rig, director, lvsdr, realserver, rig, settled, virtual_server
from test_network_manager import CONNECTION

from lvsdr.lab.lab_host import Host

VIP6 = "fd00::2"
NETWORKD = """[Match]
Name=eth0
[Network]
IPv6AcceptRA=no
Address=192.168.1.{0}/24
Address=fd00::{0}/64
Gateway=192.168.1.1
Gateway=fd00::1
"""
NETPLAN = """network:
  version: 2
  ethernets:
    eth0:
      accept-ra: false
      addresses: [192.168.1.{0}/24, "fd00::{0}/64"]
"""
IFUPDOWN = """source /etc/network/interfaces.d/*
auto eth0
iface eth0 inet static
    address 192.168.1.{0}/24
    gateway 192.168.1.1
iface eth0 inet6 static
    address fd00::{0}/64
    gateway fd00::1
    dad-attempts 0
"""
STATE = Path("/run/network")
FILE = {
    "networkd": Path("/etc/systemd/network/10-eth0.network"),
    "networkmanager": CONNECTIONS / "eth0.nmconnection",
    "netplan": Path("/etc/netplan/10-eth0.yaml"),
    "ifupdown": Path("/etc/network/interfaces"),
}
DIRECTOR = director(
    virtual_server(),
    virtual_server(VIP6, ("fd00::11",)),
    vips=[{"address": VIP}, {"address": "192.168.1.3", "label": "eth0"}, {"address": VIP6}],
)
REAL_SERVER = realserver(vips=[VIP, VIP6], rp_filter=2)


@dataclass(frozen=True, slots=True)
class Manager:
    """One of the managers on a host: how it starts, ends, and takes a cable that was pulled."""

    start: Callable[[], object]
    stop: Callable[[], object]
    blink: Callable[[Host, str], object] | None = None
    forget: Callable[[], object] = lambda: None

    def boot(self) -> None:
        """Start as on a host that has just booted."""
        self.forget()
        self.start()

    def restart(self) -> None:
        """Let it begin anew."""
        self.stop()
        self.start()


@contextmanager
def _networkd(host: Host, end: str) -> Iterator[Manager]:
    with networkd(host, {"10-eth0.network": NETWORKD.format(end)}) as made:
        yield Manager(made.start, made.stop, made.blink)
    FILE["networkd"].unlink()


@contextmanager
def _network_manager(host: Host, end: str) -> Iterator[Manager]:
    with network_manager(host, {"eth0": CONNECTION.format(f"192.168.1.{end}")}) as made:

        def start() -> None:
            made.start()
            must_be_up()

        def must_be_up() -> None:
            # It says connected a moment before that.
            assert settled(lambda: looks(host, "eth0")["links"]["eth0"][1], True, 30)

        must_be_up()
        yield Manager(start, made.stop, made.blink)
    FILE["networkmanager"].unlink()
    # What it knows of its links it would take up again, as of another host's.
    rmtree("/run/NetworkManager", ignore_errors=True)


@contextmanager
def _netplan(host: Host, end: str) -> Iterator[Manager]:
    FILE["netplan"].parent.mkdir(exist_ok=True)
    FILE["netplan"].write_text(NETPLAN.format(end), encoding="utf-8")
    FILE["netplan"].chmod(0o600)
    host.run("netplan", "generate")
    with networkd(host, {}) as made:

        def start() -> None:
            # As its generator does at boot.
            host.run("netplan", "generate")
            made.start()

        yield Manager(start, made.stop)
    FILE["netplan"].unlink()


@contextmanager
def _ifupdown(host: Host, end: str) -> Iterator[Manager]:
    host.ip("address flush dev eth0", "link set eth0 down")
    FILE["ifupdown"].write_text(IFUPDOWN.format(end), encoding="utf-8")

    def stop() -> None:
        host.run("ifdown", "-a", "--exclude=lo")

    def start() -> None:
        host.run("ifup", "-a")

    def forget() -> None:
        # What is up already, lo too, it leaves as it is.
        for each in STATE.glob("ifstate*"):
            each.unlink()

    start()
    try:
        yield Manager(start, stop, forget=forget)
    finally:
        stop()


MANAGERS = {
    "networkd": _networkd,
    "networkmanager": _network_manager,
    "netplan": _netplan,
    "ifupdown": _ifupdown,
}


@contextmanager
def managed(
    folder: Path, name: str, role: str, profile: Document
) -> Iterator[tuple[Rig, Host, Manager, Path]]:
    """Give a host that a manager sets up, and its profile; none is applied."""
    one, other = (profile, REAL_SERVER) if role == "director" else (DIRECTOR, profile)
    with rig(folder, one, other) as made:
        host, end = (
            (made.lab.director, "10") if role == "director" else (made.lab.realservers[0], "11")
        )
        with MANAGERS[name](host, end) as manager:
            yield made, host, manager, folder / f"{role}.json"


def applied(host: Host, role: str, profile: Path, *links: str) -> dict[str, Any]:
    """Return what a host is like that `apply` has made, and take it back."""
    lvsdr(host, role, "apply", profile)
    wanted = looks(host, *links)
    lvsdr(host, role, "withdraw", profile)
    # Nothing of that is left to be found.
    assert looks(host, *links) != wanted
    return wanted


def planned(host: Host, role: str, profile: Path) -> str:
    return lvsdr(host, role, "plan", profile).strip()


@pytest.mark.parametrize("holder", ["dummy", "lo", "tunl0"])
@pytest.mark.parametrize("name", ["networkd", "ifupdown"])
def test_a_real_server_of_a_managers_own_is_as_apply_makes_it(
    tmp_path: Path, name: str, holder: str
) -> None:
    link = {"dummy": "lvsdr0"}.get(holder, holder)
    profile = {**REAL_SERVER, "holder": holder}
    if holder == "tunl0":
        # The end of a tunnel has one family.
        profile["vips"] = [VIP]
    with managed(tmp_path, name, "realserver", profile) as (made, host, manager, path):
        wanted = applied(host, "realserver", path, link, "eth0")
        before = answerers(made.lab.observer, VIP)
        manager.stop()
        with in_place(host, name, path) as lost:
            booted(host)
            manager.boot()
            seen = [settled(partial(looks, host, link, "eth0"), wanted, 30, every=0.5)]
            plans = [planned(host, "realserver", path)]
            manager.restart()
            seen.append(settled(partial(looks, host, link, "eth0"), wanted, 30, every=0.5))
            plans.append(planned(host, "realserver", path))
            left = lvsdr(host, "realserver", "verify", path).strip()
            answers = answerers(made.lab.observer, VIP)
            rip = answerers(made.lab.observer, "192.168.1.11")
            manager.stop()
        mac = made.mac(host)

    assert seen == [wanted] * 2
    assert plans == ["nothing to change"] * 2
    assert left == "verified: no findings"
    assert (before, answers, rip) == (set(), set(), {mac})
    assert lost == []


# The netplan of Debian 12 knows no dummy, and no metric as large as that of a guard.
@pytest.mark.parametrize(
    ("name", "holder", "link", "left"),
    [
        ("networkmanager", "dummy", "lvsdr0", {"nothing to change"}),
        (
            "netplan",
            "lo",
            "lo",
            {
                f"+ unreachable {VIP}/32 metric 4294967294",
                f"~ {VIP}/32 on lo (was label lo, scope global)",
            },
        ),
    ],
)
def test_what_a_manager_cannot_say_is_told(
    tmp_path: Path, name: str, holder: str, link: str, left: set[str]
) -> None:
    profile = {**REAL_SERVER, "holder": holder, "vips": [VIP]}
    with managed(tmp_path, name, "realserver", profile) as (made, host, manager, path):
        wanted = without_what_is_lost(applied(host, "realserver", path, link, "eth0"))
        manager.stop()
        with in_place(host, name, path) as lost:
            booted(host)
            seen, plans = [], []
            for event in (manager.start, manager.restart):
                event()
                seen.append(settled(partial(_but_for_losses, host, link), wanted, 40, every=0.5))
                done = program.run(host, "realserver", "plan", str(path))
                plans.append(set(done.stdout.splitlines()))
            answers = answerers(made.lab.observer, VIP)
            manager.stop()

    assert seen == [wanted] * 2
    assert plans == [left] * 2
    assert answers == set()
    assert all(any(word in each for word in ("scope", "guard route")) for each in lost)
    assert len(lost) == len(left - {"nothing to change"}) or name == "networkmanager"


def _but_for_losses(host: Host, link: str) -> dict[str, Any]:
    return without_what_is_lost(looks(host, link, "eth0"))


def without_what_is_lost(found: dict[str, Any]) -> dict[str, Any]:
    """Return what a host is like but for the scope of addresses and the metric of guards."""
    addresses = {
        link: [(ip, label) for ip, _, label, _ in each] for link, each in found["addresses"].items()
    }
    guards = [(destination, kind) for destination, kind, _ in found["guards"]]
    return {**found, "addresses": addresses, "guards": guards}


@pytest.mark.parametrize("name", list(MANAGERS))
def test_a_director_of_a_managers_own_holds_the_vips_behind_its_address(
    tmp_path: Path, name: str
) -> None:
    profile: Document = DIRECTOR
    if name == "networkmanager":
        # It knows no labels: those of the profile are to be the link's.
        vips = [{"address": VIP, "label": "eth0"}, {"address": "192.168.1.3", "label": "eth0"}]
        profile = director(virtual_server(), vips=vips)
    with managed(tmp_path, name, "director", profile) as (made, host, manager, path):
        wanted = applied(host, "director", path, "eth0")
        beside: list[str | Path] = []
        if name in ("networkd", "networkmanager"):
            beside = ["--beside", FILE[name]]
        manager.stop()
        if name == "networkmanager":
            text = lvsdr(host, "export", name, path, *beside)
            FILE[name].write_text(text, encoding="utf-8")
            seen, answers, other = _seen_again(made, host, manager, wanted)
        else:
            with in_place(host, name, path, *beside):
                seen, answers, other = _seen_again(made, host, manager, wanted)
        mac = made.mac(host)

    assert [in_order(each) for each in seen] == [in_order(wanted["addresses"])] * len(seen)
    assert len(seen) == (3 if name in ("networkd", "networkmanager") else 2)
    assert answers == {mac}
    assert other == {mac}


def in_order(addresses: dict[str, Any]) -> tuple[Any, list[Any], list[Any]]:
    """Return which address of eth0 is the first of IPv4, the others, and those of IPv6.

    Only the first has a meaning: multicast leaves from it.
    """
    four = [each for each in addresses["eth0"] if "." in each[0]]
    return four[:1], sorted(four[1:]), sorted(each for each in addresses["eth0"] if ":" in each[0])


def _settled(host: Host, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the addresses of a host once they are in order, or as they are at the deadline."""
    look = partial(looks, host, "eth0")
    settled(lambda: in_order(look()["addresses"]), in_order(wanted["addresses"]), 30, 0.5)
    addresses: dict[str, Any] = look()["addresses"]
    return addresses


def _seen_again(
    made: Rig, host: Host, manager: Manager, wanted: dict[str, Any]
) -> tuple[list[Any], set[str], set[str]]:
    """Return the addresses of a director after each event, and who answers for two of them."""
    events = [manager.start, manager.restart]
    if manager.blink is not None:
        events.append(partial(manager.blink, made.lab.switch, "port1"))
    seen = []
    for event in events:
        event()
        seen.append(_settled(host, wanted))
    answers = answerers(made.lab.observer, VIP), answerers(made.lab.observer, "192.168.1.3")
    manager.stop()
    return seen, *answers
