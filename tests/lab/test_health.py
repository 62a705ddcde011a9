"""Real servers that do not serve are taken out, on the way that clients take; nobody else is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest
from counted import asking
from keepers import LIMIT, Keeper, keeping
from rig import RIPS, VIP, Rig, director, lvsdr, realserver, rig, settled, virtual_server, write
from witnesses import ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving

OUT = f"-a -t {VIP}:80 -r {RIPS[0]}:80 -g -w 0"
IN = f"-a -t {VIP}:80 -r {RIPS[0]}:80 -g -w 1"
GONE = "no such real server"
HEALTH = {"interval": 0.5, "timeout": 0.25}
# Beside other kernels all takes longer.
PATIENCE = 1 if os.environ.get("LVSDR_TORTURE") else 8
# fall x interval + 0.5 s, with the time that a table takes here.
IN_TIME = (2 * 0.5 + 0.5 + 0.5) * PATIENCE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("health")
    wanted = director(virtual_server(scheduler="rr"), health=HEALTH)
    with rig(folder, wanted, realserver()) as made:
        made.apply()
        yield made


@contextmanager
def served(made: Rig) -> Iterator[list[ExitStack]]:
    """Run the service of each real server; closing one of the stacks ends that one's."""
    stacks = [ExitStack() for _ in made.lab.realservers]
    with ExitStack() as outer:
        for stack, host in zip(stacks, made.lab.realservers, strict=True):
            stack.enter_context(serving(host, made.services))
            outer.push(stack)
        yield stacks


@contextmanager
def kept(made: Rig, *options: str, profile: Path | None = None) -> Iterator[Keeper]:
    file = profile or made.director
    with keeping(made.lab.director, "director", file, "--every", "1", *options) as it:
        yield it
        it.end()


def of(host: Host, rip: str = RIPS[0]) -> str:
    """Return the line of ipvsadm for a real server of port 80."""
    return next((line for line in ipvsadm(host) if f"-r {rip}:80 " in line), GONE)


def becomes(host: Host, line: str, seconds: float, rip: str = RIPS[0]) -> float | None:
    """Return after how many seconds ipvsadm says `line` of a real server; None if it does not."""
    begun = monotonic()
    if settled(lambda: of(host, rip), line, seconds) != line:
        return None
    return monotonic() - begun


# --- each way not to serve -----------------------------------------------------------------------


def service_dies(made: Rig, stacks: list[ExitStack]) -> Callable[[], None]:
    stacks[0].close()
    return lambda: None


def vip_lost(made: Rig, stacks: list[ExitStack]) -> Callable[[], None]:
    host = made.lab.realservers[0]
    host.ip(f"address del {VIP}/32 dev lvsdr0")
    return lambda: host.ip(f"address add {VIP}/32 dev lvsdr0 scope host")


def cable_out(made: Rig, stacks: list[ExitStack]) -> Callable[[], None]:
    return link_down(made.lab.realservers[0])


def link_down(host: Host) -> Callable[[], None]:
    """Take the link of a host down, and return what brings it back, with the routes on it."""
    routes = host.run("ip", "route", "show", "default").stdout.splitlines()
    host.ip("link set eth0 down")

    def up() -> None:
        host.ip("link set eth0 up")
        for route in routes:
            host.ip(f"route replace {route}")

    return up


def cables(made: Rig, state: str) -> None:
    """Take the cables of all real servers out, or put them in, at once: by one program."""
    ports = map(made.lab.port_of, made.lab.realservers)
    made.lab.switch.ip(*(f"link set {port} {state}" for port in ports))


TROUBLES = [service_dies, vip_lost, cable_out]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_who_does_not_serve_is_out_in_time_and_comes_back(
    made: Rig, trouble: Callable[[Rig, list[ExitStack]], Callable[[], None]]
) -> None:
    host = made.lab.director
    with served(made) as stacks, kept(made) as keeper:
        mend = trouble(made, stacks)
        took = becomes(host, OUT, LIMIT)
        with ExitStack() as again:
            mend()
            if trouble is service_dies:
                again.enter_context(serving(made.lab.realservers[0], made.services))
            back = becomes(host, IN, LIMIT)

    assert took is not None
    assert took < IN_TIME
    assert back is not None
    assert keeper.kinds.count("DOWN") == keeper.kinds.count("UP") == 1
    lvsdr(host, "director", "plan", made.director)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_without_a_keeper_every_second_request_stays_lost(
    made: Rig, trouble: Callable[[Rig, list[ExitStack]], Callable[[], None]]
) -> None:
    with served(made) as stacks, asking([made.lab.client], VIP) as (client,):
        mend = trouble(made, stacks)
        begun = client.more(2)
        span = client.span(begun, client.more(6))
        mend()

    assert of(made.lab.director) == IN
    assert span.lost * 2 >= span.asked - 2


def test_clients_lose_no_request_once_it_is_out(made: Rig) -> None:
    with served(made) as stacks, kept(made), asking([made.lab.client], VIP) as (client,):
        client.more(5)
        stacks[0].close()
        assert becomes(made.lab.director, OUT, LIMIT) is not None
        since = client.more(2)
        span = client.span(since, client.more(20))
        with serving(made.lab.realservers[0], made.services):
            assert becomes(made.lab.director, IN, LIMIT) is not None
            after = client.span(client.more(1), client.more(20))

    assert (span.lost, after.lost) == (0, 0)


# --- blind is not dead ---------------------------------------------------------------------------


def test_a_director_whose_own_link_is_down_takes_nobody_out(made: Rig) -> None:
    host = made.lab.director
    with served(made), kept(made) as keeper:
        up = link_down(host)
        blind = keeper.has("BLIND")
        lines = {of(host, rip) for rip in RIPS}
        up()
        sees = keeper.has("SEES")
        sleep_through(keeper, 6)

    assert (blind, sees) == (True, True)
    assert all(line.endswith("-w 1") for line in lines)
    assert "DOWN" not in keeper.kinds


def test_all_real_servers_silent_at_once_is_blindness(made: Rig) -> None:
    host = made.lab.director
    with served(made), kept(made) as keeper:
        # Who was never heard is dead: of a keeper that has just begun, nobody was.
        sleep_through(keeper, 4)
        cables(made, "down")
        blind = keeper.has("BLIND")
        lines = {of(host, rip) for rip in RIPS}
        cables(made, "up")
        sees = keeper.has("SEES")

    assert (blind, sees) == (True, True)
    assert all(line.endswith("-w 1") for line in lines)
    assert "DOWN" not in keeper.kinds


def test_a_keeper_that_was_stopped_for_a_while_takes_nobody_out(made: Rig) -> None:
    with served(made), kept(made) as keeper:
        keeper.send(signal.SIGSTOP)
        sleep(3)  # as long as it is stopped, it can be asked for nothing
        keeper.send(signal.SIGCONT)
        sleep_through(keeper, 3)

    assert "DOWN" not in keeper.kinds


def sleep_through(keeper: Keeper, checks: int) -> None:
    """Wait for about so many checks, in which nobody is to be taken out."""
    settled(lambda: "DOWN" in keeper.kinds, True, checks * HEALTH["interval"])


# --- what lasts ----------------------------------------------------------------------------------


def test_a_dead_one_stays_out_over_a_restart_and_an_apply(made: Rig) -> None:
    host = made.lab.director
    with served(made) as stacks:
        with kept(made):
            stacks[0].close()
            assert becomes(host, OUT, LIMIT) is not None
        lvsdr(host, "director", "apply", made.director)
        after_apply = of(host)
        with kept(made) as keeper:
            after_restart = of(host)
            with serving(made.lab.realservers[0], made.services):
                assert becomes(host, IN, LIMIT) is not None

    assert (after_apply, after_restart) == (OUT, OUT)
    assert "DOWN" not in keeper.kinds


def test_an_operator_sees_since_when_why_and_by_whom(made: Rig) -> None:
    host = made.lab.director
    with served(made) as stacks, kept(made):
        stacks[0].close()
        assert becomes(host, OUT, LIMIT) is not None
        shown = lvsdr(host, "director", "status", made.director)
        planned = lvsdr(host, "director", "plan", made.director)
        with serving(made.lab.realservers[0], made.services):
            assert becomes(host, IN, LIMIT) is not None

    assert "refuses the connection" in shown
    assert planned == "nothing to change\n"


def test_the_sorry_server_is_in_while_nobody_else_serves(made: Rig, tmp_path: Path) -> None:
    host, sorry = made.lab.director, "192.168.1.1"
    service = virtual_server(scheduler="rr", sorry_server={"rip": sorry})
    profile = write(tmp_path, director(service, health=HEALTH))
    with served(made) as stacks, kept(made, profile=profile):
        before = of(host, sorry)
        for stack in stacks:
            stack.close()
        line = f"-a -t {VIP}:80 -r {sorry}:80 -g -w 1"
        came = becomes(host, line, LIMIT, sorry)
        with ExitStack() as again:
            for each in made.lab.realservers:
                again.enter_context(serving(each, made.services))
            went = becomes(host, GONE, LIMIT, sorry)
            assert becomes(host, IN, LIMIT) is not None
    lvsdr(host, "director", "apply", made.director)

    assert before == GONE
    assert (came is None, went is None) == (False, False)


def test_a_director_that_is_its_own_real_server_is_checked_too(made: Rig, tmp_path: Path) -> None:
    host, own = made.lab.director, "192.168.1.10"
    service = virtual_server(rips=(*RIPS, own), scheduler="rr")
    profile = write(tmp_path, director(service, health=HEALTH))
    with served(made), kept(made, profile=profile) as keeper:
        out = becomes(host, f"-a -t {VIP}:80 -r {own}:80 -g -w 0", LIMIT, own)
        with serving(host, made.services):
            back = becomes(host, f"-a -t {VIP}:80 -r {own}:80 -g -w 1", LIMIT, own)
    lvsdr(host, "director", "apply", made.director)

    assert (out is None, back is None) == (False, False)
    (said,) = [each for each in keeper.events if each["event"] == "DOWN"]
    assert said["why"] == f"nothing listens on {VIP}, port 80"


def test_a_drain_that_is_undone_does_not_put_back_who_is_down(made: Rig) -> None:
    host = made.lab.director
    with served(made) as stacks, kept(made, "--every", "60"):
        stacks[0].close()
        assert becomes(host, OUT, LIMIT) is not None
        lvsdr(host, "director", "drain", "--undo", "--rip", RIPS[0], made.director)
        again = becomes(host, OUT, 3)
        with serving(made.lab.realservers[0], made.services):
            assert becomes(host, IN, LIMIT) is not None

    assert again is not None
