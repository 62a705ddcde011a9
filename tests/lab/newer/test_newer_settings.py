"""What Linux has since 7.2 alone, on a real cluster: a limit of connections, and processors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import (
    VIP,
    Rig,
    director,
    lvsdr,
    realserver,
    refused,
    rig,
    settled,
    verified,
    virtual_server,
    write,
)

from lvsdr.profile.schema import document

MOST = 6
CONN_MAX = "net/ipv4/vs/conn_max"
# Whose ranges were measured: what a profile may say is what the kernel takes, to the end.
RANGED = ("est_nice", "conn_lfactor", "svc_lfactor", "conn_max")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("newer")
    with rig(folder, director(virtual_server(scheduler="rr")), realserver()) as made:
        made.apply()
        yield made


def connections(made: Rig) -> int:
    """Return how many connections the kernel lists."""
    table = Path("/proc/thread-self/net/ip_vs_conn")
    return len(made.lab.director.inside(table.read_text).splitlines()) - 1


def packets(made: Rig) -> int:
    """Return how many packets have come in for the service, as ipvsadm counts them."""
    shown = made.lab.director.run("ipvsadm", "-Ln", "--stats", "--exact").stdout
    (line,) = (line for line in shown.splitlines() if f"{VIP}:80" in line)
    return int(line.split()[3])


def test_a_table_that_is_full_drops_clients_in_silence_and_is_found(served: Rig) -> None:
    host = served.lab.director
    first = served.served(times=MOST)
    assert (sum(first.values()), connections(served)) == (MOST, MOST)

    host.sysctl(CONN_MAX, MOST)
    full = served.served(times=2)
    found = verified(host, "director", "verify", "--no-paths", served.director, expect=1)
    shown = lvsdr(host, "director", "status", served.director)
    host.sysctl(CONN_MAX, 10 * MOST)
    mended = served.served(times=2)
    after = verified(host, "director", "verify", "--no-paths", served.director, expect=0)

    # The fault: nobody is told.
    assert full == Counter({"no answer (timed out)": 2})
    assert [each["rule"] for each in found] == ["TABLE-FULL"]
    assert f"{MOST} connections of at most {MOST}: {CONN_MAX}" in shown.splitlines()
    assert sum(mended.values()) == 2
    assert set(mended) <= {"rs1", "rs2"}
    assert after == []


def test_templates_of_persistent_clients_count_as_well(served: Rig) -> None:
    host = served.lab.director
    host.run("ipvsadm", "-E", "-t", f"{VIP}:80", "-s", "rr", "-p", "300")
    there = connections(served)
    served.served(times=1)

    (line,) = (
        line
        for line in lvsdr(host, "director", "status", served.director, expect=1).splitlines()
        if CONN_MAX in line
    )
    host.run("ipvsadm", "-E", "-t", f"{VIP}:80", "-s", "rr")

    assert connections(served) == there + 2
    assert line.startswith(f"{there + 2} connections of at most")


def test_beyond_the_range_of_a_profile_the_kernel_takes_nothing_either(
    served: Rig, tmp_path: Path
) -> None:
    host, told = served.lab.director, []
    fields = document("director")["properties"]["sysctls"]["properties"]
    beyond = [
        (name, value)
        for name in RANGED
        for value in (fields[name]["minimum"] - 1, fields[name]["maximum"] + 1)
    ]
    for name, value in beyond:
        profile = write(tmp_path, director(sysctls={name: value}))
        said = refused(host, "director", "apply", profile, expect=2)
        assert f"/sysctls/{name}: {value} " in said
        set_by_hand = host.run("sysctl", "-w", f"net.ipv4.vs.{name}={value}", check=False)
        told.append((name, value, "Invalid argument" in set_by_hand.stderr))

    assert told == [(name, value, True) for name, value in beyond]


@pytest.mark.parametrize("processors", ["1", "0-99", "9999"])
def test_a_processor_that_is_not_there_is_named(
    served: Rig, tmp_path: Path, processors: str
) -> None:
    profile = write(tmp_path, director(sysctls={"est_cpulist": processors}))

    said = refused(served.lab.director, "director", "apply", profile, expect=3)

    assert f"est_cpulist = {processors}: this host has no such processor (ERANGE)" in said


def test_without_processors_the_counters_stand_still_and_status_says_so(
    served: Rig, tmp_path: Path
) -> None:
    host = served.lab.director
    profile = write(tmp_path, director(virtual_server(scheduler="rr"), sysctls={"est_cpulist": ""}))
    lvsdr(host, "director", "apply", profile)
    before = packets(served)
    served.served(times=2)
    # A kernel that counts does so every two seconds.
    moved = settled(lambda: packets(served) != before, True, seconds=5.0, every=0.5)
    shown = lvsdr(host, "director", "status", profile)
    lvsdr(host, "director", "apply", served.director)

    assert "the counters stand still: net/ipv4/vs/est_cpulist is empty" in shown.splitlines()
    assert not moved
    assert settled(lambda: packets(served) > before, True, seconds=10.0, every=0.5)
    assert "stand still" not in lvsdr(host, "director", "status", served.director)
