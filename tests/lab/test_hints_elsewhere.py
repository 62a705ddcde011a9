"""No hint does harm, where the fault needs a cluster of its own: tunnels, containers, VRFs, guests.

Long: in `make torture`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which

import program
import pytest
from containers import ROUTE, SILENT_HOST, applied, inside
from counted import asking
from hint_elsewhere_faults import FAILOVER, ROUTED, TUNNELS, VRF
from hint_faults import Row
from hint_street import Street, Write, hold
from rig import RIPS, VIP, Rig, director, realserver, rig, virtual_server

from lvsdr.lab.lab_host import Host
from lvsdr.lab.scenario_stage import Stage, build_stage
from lvsdr.lab.scenarios import SCENARIOS
from lvsdr.lab.services import serving

SHORTLY = ("--seconds", "0.4")


@contextmanager
def street_of(made: Rig) -> Iterator[Street]:
    """Give the street of two real servers, applied, that a client asks all the time."""
    made.apply()
    lab = made.lab
    hosts = {"director": lab.director, **dict(zip(RIPS, lab.realservers, strict=True))}
    hosts["realserver"] = lab.realservers[0]
    words = {
        "realserver": ("realserver", "verify", str(made.realserver)),
        "director": ("director", "verify", str(made.director), *SHORTLY),
    }
    with ExitStack() as stack:
        for host in lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield Street(hosts, words, stack.enter_context(asking((lab.client,), VIP)))


@pytest.fixture
def tunnels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    """Give real servers behind a tunnel: IPIP, and GUE."""
    behind = [
        {"rip": RIPS[0], "forwarding_method": "tunnel"},
        {"rip": RIPS[1], "forwarding_method": "tunnel", "tunnel_type": "gue", "tunnel_port": 5555},
    ]
    wanted = director(virtual_server(scheduler="rr", real_servers=behind))
    # This kernel has no nftables to stand behind iptables.
    legacy = which("iptables-legacy")
    assert legacy is not None
    (tmp_path / "iptables").symlink_to(legacy)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with rig(tmp_path, wanted, realserver("tunl0")) as made:
        made.lab.director.run("modprobe", "-a", "fou")
        made.lab.realservers[1].run("ip", "fou", "add", "port", "5555", "gue")
        with street_of(made) as street:
            yield street


@pytest.mark.parametrize("row", TUNNELS, ids=str)
def test_the_hint_for_a_tunnel_mends(tunnels: Street, row: Row, record_property: Write) -> None:
    hold(tunnels, row, record_property)


@pytest.mark.parametrize("row", VRF, ids=str)
def test_the_hint_for_a_vrf_mends(tmp_path: Path, row: Row, record_property: Write) -> None:
    with rig(tmp_path, director(virtual_server(scheduler="rr")), realserver()) as made:
        for host in made.lab.realservers:
            host.sysctl("net/ipv4/conf/all/rp_filter", 0)
        with street_of(made) as street:
            hold(street, row, record_property)


def container(built: Stage) -> Street:
    """Return the street of a container on its host, without its clients."""
    hosts: dict[str, Host] = {"box": built.hosts["box"], "guest": built.lab.realservers[0]}
    return Street(hosts, {"box": inside(built, "realserver", "verify")}, [])


@pytest.fixture
def routed() -> Iterator[Street]:
    """Give a container behind routes of its host, which is silent, and brings its packets in."""
    with ExitStack() as stack:
        built = stack.enter_context(applied(SCENARIOS["routed"], *SILENT_HOST, ROUTE))
        street = container(built)
        stack.enter_context(serving(built.lab.realservers[0], built.listening_services))
        street.clients = stack.enter_context(asking((built.lab.client,), VIP))
        yield street


@pytest.mark.parametrize("row", ROUTED, ids=str)
def test_the_hint_for_a_containers_host_mends(
    routed: Street, row: Row, record_property: Write
) -> None:
    hold(routed, row, record_property)


@pytest.mark.parametrize("row", FAILOVER, ids=str)
def test_the_hint_for_an_address_that_a_guest_gave_up_mends(
    row: Row, record_property: Write
) -> None:
    with build_stage(SCENARIOS["failover-ip"], program.run) as built, ExitStack() as stack:
        lab = built.lab
        for host in (*lab.realservers, lab.director):
            role = built.role(host)
            assert role is not None
            apply = (role, "apply", str(built.file(host)), "--allow-insecure-profile")
            assert program.run(host, *apply).returncode == 0
        for host in built.servers:
            stack.enter_context(serving(host, built.listening_services))
        file = str(built.file(lab.director))
        words = ("verify", file, *SHORTLY)
        clients = stack.enter_context(asking((lab.client,), VIP))
        hold(Street({"host": built.hosts["host"]}, {"host": words}, clients), row, record_property)
