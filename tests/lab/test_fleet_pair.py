"""A pair with keepalived, and its real servers, run by the playbook of the collection.

Of two directors keepalived says which one it is; the playbook is the same. In `make torture`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fleet import Fleet, clients, fleet, of_vip
from recipe_hosts import OwnFiles
from rig import VIP, settled
from witnesses import arping, ipvsadm

RIPS = ["192.168.1.11", "192.168.1.12"]
MACS = {"director": "02:00:00:00:00:10", "second": "02:00:00:00:00:09"}
CONFIG = (
    "lvsdr keepalived config --director /etc/lvsdr/director.json --priority {priority}"
    " --advertise 2 --fifo /run/lvsdr/keepalived.fifo >/etc/keepalived/keepalived.conf"
)
# Several times as long as a standby waits for adverts.
SOON = 60.0


def keepalived(own: OwnFiles, profile: object, priority: int, state: str) -> None:
    """Do what docs/fleet.md says comes first on a director of a pair."""
    own.write("/etc/lvsdr/director.json", json.dumps(profile))
    own.type(CONFIG.format(priority=priority))
    own.type("systemctl start lvsdr-keepalived-fifo")
    own.type("systemctl start keepalived")
    own.type(f"until lvsdr keepalived status | grep -q {state}; do sleep 1; done")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with (
        fleet(tmp_path_factory.mktemp("pair"), len(RIPS), (VIP, VIP)) as made,
        ExitStack() as stack,
    ):
        for name, priority, state in (("director", 150, "MASTER"), ("second", 100, "BACKUP")):
            made.profiles[name] = of_vip(VIP, RIPS)
            stack.callback(made.hosts[name].end)
            keepalived(made.hosts[name], made.profiles[name], priority, state)
        yield made


@pytest.fixture(scope="module")
def served(made: Fleet) -> Iterator[Fleet]:
    """The pair once its playbook has run, with a client."""
    played = made.play("cluster")
    assert played.code == 0, played.printed[-6000:]
    with clients(made, (VIP,)):
        yield made


def held(made: Fleet, name: str) -> bool:
    return f" {VIP}/32 " in made.hosts[name].host.run("ip", "-br", "address").stdout


def table(made: Fleet, name: str) -> str:
    return "\n".join(ipvsadm(made.hosts[name].host))


def test_each_director_is_what_keepalived_says_and_one_answers(served: Fleet) -> None:
    assert [held(served, name) for name in MACS] == [True, False]
    assert arping(served.lab.gateway, VIP) == {MACS["director"]}
    assert f"-a -t {VIP}:80 -r {RIPS[0]}:80 -g -w 1" in table(served, "director")


def test_a_change_reaches_both_and_loses_no_request(served: Fleet) -> None:
    for name in MACS:
        served.profiles[name]["virtual_servers"][0]["real_servers"][0]["weight"] = 2

    with served.counted() as counts:
        played = served.play("cluster", "--diff")

    assert played.code == 0, played.printed[-6000:]
    assert [played.changed[name] for name in (*MACS, "rs1", "rs2")] == [1, 1, 0, 0]
    assert f"-r {RIPS[0]}:80 -g -w 2" in table(served, "director")
    assert [held(served, name) for name in MACS] == [True, False]
    assert [(each.lost, each.sent > 20) for each in counts] == [(0, True)]


def test_a_standby_takes_over_with_what_the_playbook_has_changed(served: Fleet) -> None:
    served.hosts["director"].type("systemctl stop keepalived")

    assert settled(lambda: held(served, "second"), True, SOON)
    assert settled(lambda: f"-r {RIPS[0]}:80 -g -w 2" in table(served, "second"), True, SOON)
    assert not settled(lambda: held(served, "director"), False, SOON)
    assert arping(served.lab.gateway, VIP) == {MACS["second"]}
