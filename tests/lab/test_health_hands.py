"""Operators beside checks: profiles applied, withdrawn, renamed or without health meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from keepers import LIMIT, keeping
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, settled, virtual_server, write
from test_health import HEALTH, IN, OUT, becomes, of, served
from witnesses import ipvsadm

RARELY = ("--every", "60")
# Its table is looked at so seldom that checks come first.
OFTEN = ("--every", "0.5")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("hands")
    wanted = director(virtual_server(scheduler="rr"), health=HEALTH)
    with rig(folder, wanted, realserver()) as made:
        made.apply()
        yield made


def test_what_was_applied_just_before_a_check_failed_is_kept(made: Rig, tmp_path: Path) -> None:
    host = made.lab.director
    file = write(tmp_path, director(virtual_server(scheduler="rr"), health=HEALTH))
    with served(made) as stacks, keeping(host, "director", file, "--every", "3") as keeper:
        more = virtual_server(scheduler="rr"), virtual_server(port=443)
        write(tmp_path, director(*more, health={**HEALTH, "when_all_fail": "keep"}))
        lvsdr(host, "director", "apply", file)
        stacks[0].close()
        out = becomes(host, OUT, LIMIT)
        settled(lambda: "REPAIRED" in keeper.kinds, True, 5)
        table = ipvsadm(host)
        keeper.end()
    lvsdr(host, "director", "apply", made.director)

    assert out is not None
    assert any(f"-A -t {VIP}:443" in line for line in table), keeper.events
    assert "REPAIRED" not in keeper.kinds, keeper.events


def test_after_a_withdraw_checks_write_nothing(made: Rig) -> None:
    host = made.lab.director
    with served(made) as stacks, keeping(host, "director", made.director, *RARELY) as keeper:
        lvsdr(host, "director", "withdraw", made.director)
        stacks[0].close()
        settled(lambda: "DOWN" in keeper.kinds, True, 4)
        keeper.end()
        lvsdr(host, "director", "apply", made.director)
        line = of(host)

    assert line == IN, keeper.events
    assert "DOWN" not in keeper.kinds


@pytest.mark.parametrize("how", ["apply", "reload"])
def test_without_health_in_its_profile_it_comes_back(made: Rig, tmp_path: Path, how: str) -> None:
    host = made.lab.director
    file = write(tmp_path, director(virtual_server(scheduler="rr"), health=HEALTH))
    with served(made) as stacks, keeping(host, "director", file, *OFTEN) as keeper:
        stacks[0].close()
        assert becomes(host, OUT, LIMIT) is not None
        write(tmp_path, director(virtual_server(scheduler="wrr")))
        if how == "apply":
            lvsdr(host, "director", "apply", file)
        else:
            keeper.send(signal.SIGHUP)
        back = becomes(host, IN, LIMIT)
        # An apply puts it back itself, and the keeper says so once it has looked.
        said = settled(lambda: keeper.kinds.count("UP"), 1, LIMIT)
        keeper.end()
    lvsdr(host, "director", "drain", made.director, "--rip", RIPS[0], "--undo")
    lvsdr(host, "director", "apply", made.director)

    assert back is not None
    assert said == 1


def test_a_profile_of_another_name_is_refused_at_a_hangup(made: Rig, tmp_path: Path) -> None:
    host = made.lab.director
    file = write(tmp_path, director(virtual_server(scheduler="rr"), health=HEALTH))
    with served(made) as stacks, keeping(host, "director", file, *OFTEN) as keeper:
        write(tmp_path, director(virtual_server(scheduler="rr"), health=HEALTH, name="other"))
        keeper.send(signal.SIGHUP)
        refused = keeper.has("REFUSED")
        stacks[0].close()
        out = becomes(host, OUT, LIMIT)
        keeper.end()
    said = lvsdr(host, "director", "status", made.director)
    lvsdr(host, "director", "drain", made.director, "--rip", RIPS[0], "--undo")

    assert refused and out is not None
    assert "down" in said


def test_a_record_that_cannot_be_read_ends_no_keeper(made: Rig) -> None:
    host = made.lab.director
    with served(made), keeping(host, "director", made.director, *OFTEN) as keeper:
        host.run("sh", "-c", "chown 1234 /run/lvsdr/*.json")
        refused = keeper.has("REFUSED")
        host.run("sh", "-c", "chown 0 /run/lvsdr/*.json")
        again = keeper.has("AGAIN")
        keeper.end()

    assert (refused, again) == (True, True)
