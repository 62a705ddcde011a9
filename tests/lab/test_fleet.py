"""A cluster of two directors and six real servers, run by the playbooks of the collection.

Ansible takes seconds for each task here, so one cluster goes through all of it; in `make torture`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import PROGRAM, VIPS, WRAPPER, Fleet, clients, fleet, of_vip
from witnesses import ipvsadm

# Fewer while something is tried out.
SIZE = int(os.environ.get("LVSDR_FLEET", "6"))
RIPS = [f"192.168.1.{number}" for number in range(11, 11 + SIZE)]
INSTALL = """
- name: Bring the new one
  ansible.builtin.copy:
    content: "{{{{ the_new_one }}}}"
    dest: {program}
    mode: "0755"
"""
AWAY = """
- name: It is no real server any more
  lvsdr.cluster.lvsdr_realserver:
    state: withdrawn
    executable: {program}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with fleet(folder, SIZE) as made:
        yield made


@pytest.fixture(scope="module")
def served(made: Fleet) -> Iterator[Fleet]:
    """The cluster once it is applied, with a client at each service."""
    played = made.play("cluster")
    assert played.code == 0, played.printed[-6000:]
    assert all(played.changed[name] == 1 for name in made.hosts), played.changed
    with clients(made):
        yield made


def test_check_mode_touches_nothing_and_says_what_would_change(made: Fleet) -> None:
    before = made.states()

    played = made.play("cluster", "--check", "--diff")

    assert played.code == 0, played.printed[-6000:]
    assert made.states() == before
    assert all(played.changed[name] == 1 for name in made.hosts)
    assert f"+address {VIPS[0]}/32 eth0\n" in played.printed
    assert '+  "holder": "dummy",\n' in played.printed


def test_a_second_run_changes_nothing_and_loses_no_request(served: Fleet) -> None:
    before = served.states()

    with served.counted() as counts:
        played = served.play("cluster")

    assert (played.code, played.all_changed) == (0, 0), played.printed[-6000:]
    assert served.states() == before
    assert [(each.lost, each.sent > 20) for each in counts] == [(0, True)] * 2


def test_a_change_of_each_host_loses_no_request(served: Fleet) -> None:
    for name, vip in zip(served.directors, VIPS, strict=True):
        served.profiles[name] = of_vip(vip, RIPS)
        served.profiles[name]["virtual_servers"][0]["real_servers"][0]["weight"] = 2

    with served.counted() as counts:
        played = served.play("cluster", "--diff")

    assert played.code == 0, played.printed[-6000:]
    assert played.changed == {name: int(name in served.directors) for name in served.hosts}
    for vip in VIPS:
        title = f"real_server tcp {vip} 80 {RIPS[0]} 80 weight:"
        assert f"-{title} 1\n+{title} 2\n" in played.printed
    for name, vip in zip(served.directors, VIPS, strict=True):
        table = ipvsadm(served.hosts[name].host)
        assert f"-a -t {vip}:80 -r {RIPS[-1]}:80 -g -w 1" in table
        assert f"-a -t {vip}:80 -r {RIPS[0]}:80 -g -w 2" in table
    assert [(each.lost, each.sent > 20) for each in counts] == [(0, True)] * 2


def test_a_real_server_goes_and_comes_back_without_losing_a_request(served: Fleet) -> None:
    tasks = served.folder / "away.yml"
    tasks.write_text(AWAY.format(program=PROGRAM))

    with served.counted() as counts:
        words = ("--limit", "rs2")
        played = served.play("maintenance", *words, lvsdr_maintenance_tasks=str(tasks))

    assert played.code == 0, played.printed[-6000:]
    # Drained by both, gone, there again, restored by both.
    assert played.changed["rs2"] == 4, played.changed
    assert all(f"-r {RIPS[1]}:80 -g -w 1" in _table(served, name) for name in served.directors)
    assert [(each.lost, each.sent > 20) for each in counts] == [(0, True)] * 2


def test_an_upgrade_loses_no_request(served: Fleet) -> None:
    tasks = served.folder / "install.yml"
    tasks.write_text(INSTALL.format(program=PROGRAM))

    with served.counted() as counts:
        played = served.play("upgrade", **_newer(tasks, "new"))

    assert played.code == 0, played.printed[-6000:]
    assert played.changed == dict.fromkeys(served.hosts, 1)
    assert served.versions() == dict.fromkeys(served.hosts, "# new")
    assert [(each.lost, each.sent > 20) for each in counts] == [(0, True)] * 2


def test_an_upgrade_stops_at_the_first_finding(served: Fleet) -> None:
    tasks = served.folder / "install.yml"
    host = served.hosts["rs2"].host
    host.sysctl("net/ipv4/conf/all/arp_ignore", 0)

    played = served.play("upgrade", **_newer(tasks, "newest"))
    host.sysctl("net/ipv4/conf/all/arp_ignore", 1)

    assert played.code != 0
    assert f"ARP-ANSWER: real server {RIPS[1]}" in played.printed
    assert served.versions() == dict.fromkeys(served.hosts, "# new")


def test_a_failure_carries_what_is_wrong_its_remedy_and_the_exit_code(served: Fleet) -> None:
    before, name = served.states(), served.directors[0]
    good = served.profiles[name]
    served.profiles[name] = {key: each for key, each in good.items() if key != "interface"}

    played = served.play("cluster", "--limit", name)
    served.profiles[name] = good

    assert played.failed == {name: 1}
    assert "/etc/lvsdr/director.json: /interface: required, but missing (exit 2)" in played.printed
    assert 'hint: for example "eth0"' in played.printed
    assert served.states() == before


def _table(made: Fleet, name: str) -> str:
    return "\n".join(ipvsadm(made.hosts[name].host))


def _newer(tasks: Path, version: str) -> dict[str, str]:
    text = WRAPPER.format(version=version)
    return {"lvsdr_install_tasks": str(tasks), "the_new_one": text}
