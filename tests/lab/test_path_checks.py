"""Checks along the path: each fault is told, what is well stays well, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest
from checking import Seen as Results
from checking import checked, keep_checking, own_addresses, path_to
from rig import VIP, VIP6, Rig, director, lvsdr, realserver, rig
from test_paths import CASES, Case, mend, real_servers, served, set_up, shell, tcp_state

from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import CheckResult
from lvsdr.wire.checks.path_checker import PathChecker

# By the verdict of `verify`: what a check says of TCP, and of UDP.
NO_ARP = {4: "does not answer ARP", 6: "does not answer neighbour discovery"}
FORWARDS, LOST = "has lost the VIP, and forwards", "has lost the VIP"
WHY = {
    "nothing is wrong": ("", ""),
    "the service is stopped": ("refuses the connection", "refuses the datagram"),
    "the service is bound to the RIP only": ("refuses the connection", "refuses the datagram"),
    "the VIP is missing, and its guard tells so": (LOST, LOST),
    "the VIP is missing without a word": ("does not answer", LOST),
    "the VIP is missing, and the host forwards": (FORWARDS, FORWARDS),
    "a firewall drops the requests": ("does not answer", ""),
    "a firewall rejects the requests": ("a firewall rejects it", ""),
    "a firewall drops all but neighbour discovery": ("does not answer", LOST),
    "its link is down": (None, None),
    # The one that was heard first is kept, and either may be that.
    "another host has its RIP": ("any", "any"),
    "nothing is wrong with the tunnel, but that it is narrower than the link": ("", ""),
    "the tunnel is down": ("has no tunnel", "has no tunnel"),
    "the VIP is missing behind the tunnel": ("does not answer", LOST),
    "the reverse-path filter drops what comes out of the tunnel": ("does not answer", LOST),
}
SECONDS = 6.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One real server for each fault, all of them well."""
    servers = [
        {"vip": vip, "protocol": protocol, "port": port, "real_servers": real_servers(family)}
        for family, vip in ((4, VIP), (6, VIP6))
        for protocol, port in (("tcp", 80), ("udp", 53))
    ]
    wanted = director(*servers)
    with rig(tmp_path_factory.mktemp("checks"), wanted, realserver(vips=[VIP, VIP6])) as made:
        lvsdr(made.lab.director, "director", "apply", made.director)
        for case in CASES:
            set_up(made, case)
        yield made


def items(made: Rig) -> list[CheckedPath]:
    """Return what is checked: TCP of case N is number 2 N, UDP 2 N + 1."""
    return [
        checked(
            2 * place + udp,
            path_to(
                case.rip,
                case.vip,
                53 if udp else 80,
                "udp" if udp else "tcp",
                case.fault.method,
            ),
            own_addresses(made),
        )
        for place, case in enumerate(CASES)
        for udp in (0, 1)
    ]


@pytest.fixture(scope="module")
def told(made: Rig) -> tuple[Results, Results, list[tuple[int, int]], list[tuple[int, int]]]:
    """What checks said while every fault was there and after it was mended, and what they left."""
    found = []
    with ExitStack() as stack:
        for case in CASES:
            if case.fault.serves == "vip":
                stack.enter_context(served(made, case, case.vip))
            shell(made, case, *case.fault.before, *case.fault.make)
            if case.fault.elsewhere:
                made.lab.gateway.ip(case(case.fault.elsewhere[0]))
        before = [tcp_state(host) for host in made.lab.realservers]
        with ExitStack() as while_broken:
            for case in CASES:
                if case.fault.serves == "rip":
                    while_broken.enter_context(served(made, case, case.rip))
            found.append(check_for(made, SECONDS))
        for case in CASES:
            mend(made, case, stack)
        found.append(check_for(made, SECONDS))
        after = [tcp_state(host) for host in made.lab.realservers]
    return found[0], found[1], before, after


def check_for(made: Rig, seconds: float) -> Results:
    seen, every = Results(), items(made)

    def work() -> None:
        checker = PathChecker("eth0", every)
        try:
            numbers = [item.number for item in every]
            keep_checking(checker, numbers, 0.5, seen, monotonic() + seconds)
        finally:
            checker.close()

    made.lab.director.inside(work)
    return seen


def late(seen: Results, number: int) -> list[CheckResult]:
    """Return the results of one real server but the first: its MAC had to be found."""
    return seen.of(number)[2:]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_fault_is_told(told: tuple[Results, Results, object, object], case: Case) -> None:
    broken = told[0]
    place = CASES.index(case)

    for udp, why in enumerate(WHY[case.fault.name]):
        heard = late(broken, 2 * place + udp)
        said = {each.why for each in heard}
        assert heard, "there are results"
        if why is None:
            assert said == {NO_ARP[case.family]}
            assert all(each.silent for each in heard)
        elif why != "any":
            assert said == {why}
            assert not any(each.silent for each in heard)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_was_mended_serves_again(
    told: tuple[Results, Results, object, object], case: Case
) -> None:
    mended, place = told[1], CASES.index(case)

    for number in (2 * place, 2 * place + 1):
        assert {(each.ok, each.why) for each in late(mended, number)} == {(True, "")}


def test_no_connection_stays_and_no_application_sees_one(
    told: tuple[object, object, list[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    _, _, before, after = told

    assert {half_open for half_open, _ in after} == {0}
    assert [opened for _, opened in before] == [opened for _, opened in after]
