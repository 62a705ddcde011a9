"""NetworkManager beside us: what it takes at each event, and what lasts.

Long, and needs its package: in `make torture`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import program
from network_manager_lab import NetworkManager, network_manager, write_connections
from rig import (
    VIP,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    virtual_server,
    write,
)

from lvsdr.lab.lab_host import Host

SHORTLY = ("--seconds", "0.3")
HELD = f"{VIP}/32"
CONNECTION = """[connection]
id=eth0
uuid=7ba00b1d-8cdd-40da-91ad-bb83ed4f7474
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1={}/24,192.168.1.1
[ipv6]
method=disabled
"""
HOLDER = f"""[connection]
id=lvsdr0
uuid=7ba00b1d-8cdd-40da-91ad-bb83ed4f7475
type=dummy
interface-name=lvsdr0
[ipv4]
method=manual
address1={VIP}/32
[ipv6]
method=disabled
"""
KEPT = {"con reload": True, "restart": True}
LOST = dict.fromkeys(("device reapply", "con up", "carrier", "link"), False)


@contextmanager
def managed(folder: Path, which: str) -> Iterator[tuple[Rig, Host, NetworkManager]]:
    """Give an applied cluster in which NetworkManager sets up one host, the director or rs1."""
    with rig(folder, director(virtual_server(scheduler="rr")), realserver()) as made:
        host, end = made.lab.director, "10"
        if which == "realserver":
            host, end = made.lab.realservers[0], "11"
        with network_manager(host, {"eth0": CONNECTION.format(f"192.168.1.{end}")}) as manager:
            made.apply()
            yield made, host, manager


def events(made: Rig, manager: NetworkManager, port: str) -> Mapping[str, Callable[[], None]]:
    """Return what may happen to eth0, by name."""
    return {
        "con reload": partial(manager.ctl, "connection", "reload"),
        "restart": manager.restart,
        "device reapply": partial(manager.ctl, "device", "reapply", "eth0"),
        "con up": partial(manager.ctl, "connection", "up", "eth0"),
        "carrier": lambda: manager.blink(made.lab.switch, port),
        "link": lambda: manager.blink(manager.host, "eth0"),
    }


def addresses(host: Host, link: str = "eth0") -> list[str]:
    """Return the IPv4 addresses of a link, in the kernel's order."""
    shown = host.run("ip", "-4", "-o", "address", "show", "dev", link).stdout
    return [line.split()[3] for line in shown.splitlines()]


def routed(host: Host) -> bool:
    return bool(host.run("ip", "-4", "route", "show", "default").stdout)


def found(host: Host, *words: str | Path) -> dict[str, Document]:
    """Return what a verify that may end either way finds, by rule."""
    done = program.run(host, *map(str, words), "--format", "json")
    assert done.returncode in (0, 1), done.stderr
    return {each["rule"]: each for each in json.loads(done.stdout)["findings"]}


def test_a_director_loses_its_vips_but_where_they_are_in_the_connection(tmp_path: Path) -> None:
    with managed(tmp_path, "director") as (made, host, manager):
        apply = partial(lvsdr, host, "director", "apply")
        happens = events(made, manager, "port1")

        seen = {}
        for name, event in happens.items():
            apply(made.director)
            event()
            seen[name] = HELD in addresses(host)
        apply(made.director)
        look = found(host, "director", "verify", made.director, *SHORTLY)["OWNER-NETWORK"]["look"]
        # As it says: the VIP in the connection, and the label that NetworkManager gives it.
        manager.ctl("connection", "modify", "eth0", "+ipv4.addresses", HELD)
        vips = [{"address": VIP, "label": "eth0"}]
        named = write(tmp_path, director(virtual_server(scheduler="rr"), vips=vips), "named")
        apply(named)
        drift = {}
        for _ in range(3):
            for name, event in happens.items():
                event()
                there = settled(lambda: HELD in addresses(host), True, 10)
                drift[name] = (there, lvsdr(host, "director", "plan", named).strip())
        left = found(host, "director", "verify", named, *SHORTLY)
        before = found(host, "director", "verify", made.director, *SHORTLY)

    assert seen == {**KEPT, **LOST}
    assert f"+ipv4.addresses {HELD}" in look and '"label": "eth0"' in look
    assert drift == dict.fromkeys(happens, (True, "nothing to change"))
    assert not {"OWNER-NETWORK", "DRIFT", "VIP-SOURCE"} & left.keys()
    # Without the label it would differ for ever.
    assert "DRIFT" in before


def test_a_real_server_is_unharmed_but_where_its_holder_is_disconnected(tmp_path: Path) -> None:
    with managed(tmp_path, "realserver") as (made, host, manager):
        verify = partial(lvsdr, host, "realserver", "verify", made.realserver)
        seen = {}
        for name, event in events(made, manager, "port3").items():
            event()
            # The route comes a moment after that.
            settled(partial(routed, host), True, 10)
            seen[name] = verify().strip()
        manager.ctl("device", "disconnect", "lvsdr0")
        gone = settled(lambda: HELD in addresses(host, "lvsdr0"), False, 10) is False
        lvsdr(host, "realserver", "apply", made.realserver)
        mended = verify().strip()

    assert seen == dict.fromkeys(seen, "verified: no findings")
    assert (gone, mended) == (True, "verified: no findings")


def test_a_holder_of_networkmanagers_own_is_no_drift(tmp_path: Path) -> None:
    """It cannot say scope host."""
    with managed(tmp_path, "realserver") as (made, host, manager):
        apply = partial(lvsdr, host, "realserver", "apply", made.realserver)
        lvsdr(host, "realserver", "withdraw", made.realserver)
        write_connections({"lvsdr0": HOLDER})
        manager.ctl("connection", "reload")
        manager.ctl("connection", "up", "lvsdr0")
        apply()
        shown = host.run("ip", "-4", "-o", "address", "show", "dev", "lvsdr0").stdout
        seen = []
        for again in (
            partial(manager.ctl, "connection", "up", "lvsdr0"),
            manager.restart,
            lambda: None,
        ):
            again()
            manager.must_connect("lvsdr0")
            seen.append(lvsdr(host, "realserver", "plan", made.realserver).strip())
        status = lvsdr(host, "realserver", "status", made.realserver)

    assert "scope global" in shown
    assert seen == ["nothing to change"] * 3
    assert "differs" not in status
