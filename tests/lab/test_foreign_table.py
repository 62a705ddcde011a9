"""What others put into a table: named, probed, and taken out by the hint where it is useless."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address

import pytest
from rig import RIPS, VIP, Document, Rig, director, lvsdr, realserver, rig, virtual_server
from witnesses import ipvsadm

from lvsdr.lab.services import ask, serving
from lvsdr.model.ipvs import Service

SHORTLY = ("--seconds", "0.5")
HERE = f"{VIP}:80"
WEB = Service("tcp", ip_address(VIP), 80)
NOWHERE = "192.168.1.99"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(scheduler="rr"))
    with (
        rig(tmp_path_factory.mktemp("foreign"), wanted, realserver()) as made,
        ExitStack() as stack,
    ):
        made.apply()
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield made


@pytest.fixture
def stranger(made: Rig) -> str:
    """The address of a host of the segment that is no real server."""
    return str(made.lab.topology.observer.address(4))


def table(made: Rig, *words: str) -> None:
    made.lab.director.run("ipvsadm", *words)


def verify(made: Rig, *, expect: int) -> Document:
    words = ("director", "verify", made.director, *SHORTLY, "--format", "json")
    said: Document = json.loads(lvsdr(made.lab.director, *words, expect=expect))
    return said


def served(made: Rig) -> int:
    """Return how many of six requests a client had answered."""
    names = {host.name for host in made.lab.realservers}
    asked = ask(made.lab.client, WEB, made.lab.client_addresses(4), 6)
    return sum(count for name, count in asked.items() if name in names)


def test_one_that_does_not_serve_is_an_error_and_its_hint_takes_it_out(
    made: Rig, stranger: str
) -> None:
    table(made, "-a", "-t", HERE, "-r", f"{stranger}:8080", "-m")
    plan = lvsdr(made.lab.director, "director", "plan", made.director)
    text = lvsdr(made.lab.director, "director", "verify", made.director, *SHORTLY, expect=1)
    before = served(made)

    said = verify(made, expect=1)
    (finding,) = said["findings"]
    made.lab.director.run(*shlex.split(finding["hint"]))

    assert before == 4
    assert "nothing to change" in plan
    assert f"foreign: real server {stranger}:8080 of tcp {HERE} (masquerade, weight 1)" in " ".join(
        plan.split()
    )
    assert f"tcp {HERE}: 2 of 3 real servers serve" in text
    assert f"  {stranger} (foreign): port-closed" in text
    assert (finding["rule"], finding["severity"], finding["rip"]) == (
        *("TABLE-FOREIGN", "error"),
        stranger,
    )
    assert [(each["rip"], each["foreign"]) for each in said["paths"]] == [
        (RIPS[0], False),
        (RIPS[1], False),
        (stranger, True),
    ]
    assert stranger not in ipvsadm(made.lab.director)
    assert served(made) == 6
    assert verify(made, expect=0)["findings"] == []


def test_one_that_serves_is_a_warning_and_says_where_to_look(made: Rig, stranger: str) -> None:
    table(made, "-a", "-t", HERE, "-r", f"{stranger}:8080", "-m")
    with serving(made.lab.observer, [Service("tcp", ip_address(stranger), 8080)]):
        said = verify(made, expect=0)
    status = lvsdr(made.lab.director, "director", "status", made.director)
    table(made, "-d", "-t", HERE, "-r", f"{stranger}:8080")

    (finding,) = said["findings"]
    assert (finding["rule"], finding["severity"]) == ("TABLE-FOREIGN", "warning")
    assert finding["hint"] is None and "who has put it there" in finding["look"]
    assert any(stranger in line and line.endswith("foreign") for line in status.splitlines())


def test_one_that_is_not_there_is_an_error_but_not_where_nobody_is_sent_to_it(made: Rig) -> None:
    severities = {}
    for weight, code in (("1", 1), ("0", 0)):
        table(made, "-a", "-t", HERE, "-r", NOWHERE, "-g", "-w", weight)
        (finding,) = verify(made, expect=code)["findings"]
        severities[weight] = finding["rule"], finding["severity"]
        table(made, "-d", "-t", HERE, "-r", NOWHERE)

    assert severities == {"1": ("TABLE-FOREIGN", "error"), "0": ("TABLE-FOREIGN", "warning")}


def test_without_probes_it_is_named_all_the_same(made: Rig) -> None:
    table(made, "-a", "-t", HERE, "-r", NOWHERE, "-g")
    words = ("director", "verify", made.director, *SHORTLY, "--no-paths")
    text = lvsdr(made.lab.director, *words)
    table(made, "-d", "-t", HERE, "-r", NOWHERE)

    assert "warning: TABLE-FOREIGN" in text and NOWHERE in text
    assert "verified" not in text


def test_a_service_of_a_vip_that_no_profile_names_is_named_and_is_no_fault(made: Rig) -> None:
    table(made, "-A", "-t", f"{VIP}:443")
    table(made, "-a", "-t", f"{VIP}:443", "-r", RIPS[0], "-g")
    host, words = made.lab.director, (made.director, "--format", "json")
    texts = [lvsdr(host, "director", verb, made.director) for verb in ("plan", "status", "verify")]
    plan, status, said = (
        json.loads(lvsdr(host, "director", verb, *words)) for verb in ("plan", "status", "verify")
    )
    table(made, "-D", "-t", f"{VIP}:443")

    named = {"object": "virtual_server", "key": ["tcp", VIP, 443]}
    assert all(f"{VIP}:443" in text for text in texts)
    assert [named | {"observed": each["observed"]} for each in plan["foreign"]] == plan["foreign"]
    assert said["foreign"] == plan["foreign"] != []
    assert said["findings"] == [] and texts[2].endswith("verified: no findings\n")
    states = {tuple(each["key"]): each["state"] for each in status["objects"]}
    assert states["tcp", VIP, 443] == "foreign" and status["ok"]
