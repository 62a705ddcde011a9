"""A real server taken out of service under connections that last."""

from __future__ import annotations

import json
import shlex
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import program
import pytest
from rig import RIPS, VIP, Rig, checked, director, lvsdr, realserver, rig, virtual_server, write
from witnesses import ipvsadm

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import IP_FREEBIND, SOL_IP

PORT = 80
HERE, THERE = "rs1", "rs2"


@contextmanager
def holding(host: Host) -> Iterator[None]:
    """Take connections to the VIP, say the host's name, and echo until the client closes."""
    ready, stop = threading.Event(), threading.Event()
    done = host.start(lambda: hold(host.name.encode(), ready, stop))
    assert ready.wait(5)
    try:
        yield
    finally:
        stop.set()
        done.result()


def hold(name: bytes, ready: threading.Event, stop: threading.Event) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(SOL_IP, IP_FREEBIND, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((VIP, PORT))
        listener.listen(64)
        listener.settimeout(0.05)
        held: list[socket.socket] = []
        ready.set()
        while not stop.is_set():
            for connection in held:
                echo(connection)
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            stack.enter_context(connection).sendall(name)
            connection.setblocking(False)
            held.append(connection)


def echo(connection: socket.socket) -> None:
    try:
        said = connection.recv(16)
    except (BlockingIOError, OSError):
        return
    if said:
        connection.sendall(said)
    else:
        connection.close()


@contextmanager
def connections(client: Host, number: int) -> Iterator[list[tuple[str, socket.socket]]]:
    """Give connections from a client to the VIP, each with the name of who has taken it."""

    def opened() -> list[tuple[str, socket.socket]]:
        made = []
        for _ in range(number):
            connection = socket.create_connection((VIP, PORT), timeout=5)
            made.append((connection.recv(16).decode(), connection))
        return made

    made = client.inside(opened)
    try:
        yield made
    finally:
        for _, connection in made:
            connection.close()


def closed(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


def taken(client: Host, number: int) -> Counter[str]:
    """Return who takes new connections."""
    with connections(client, number) as made:
        return Counter(name for name, _ in made)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("drain"), director(), realserver()) as made:
        made.apply()
        with ExitStack() as stack:
            for host in made.lab.realservers:
                stack.enter_context(holding(host))
            yield made


def drain(made: Rig, *more: str, expect: int) -> str:
    asked: list[str | Path] = ["director", "drain", "--rip", RIPS[0], *more]
    return lvsdr(made.lab.director, *asked, made.director, expect=expect)


def weights(made: Rig) -> list[str]:
    return [line for line in ipvsadm(made.lab.director) if f"-r {RIPS[0]}:" in line]


def test_a_connection_that_lasts_stays_and_new_ones_go_elsewhere(applied: Rig) -> None:
    client, host = applied.lab.client, applied.lab.director
    with connections(client, 4) as made:
        assert {name for name, _ in made} == {HERE, THERE}

        said = drain(applied, "--timeout", "0.5", "--format", "json", expect=1)
        fresh = taken(client, 4)
        again = lvsdr(host, "director", "apply", applied.director)

        mine = [connection for name, connection in made if name == HERE]
        for connection in mine:
            connection.sendall(b"still here")
        assert [connection.recv(16) for connection in mine] == [b"still here"] * len(mine)
        assert fresh == {THERE: 4}
        (left,) = json.loads(said)["left"]
        assert left["active"] == len(mine)
        assert again == "nothing to change\n"
        assert weights(applied) == [f"-a -t {VIP}:80 -r {RIPS[0]}:80 -g -w 0"]

        threading.Timer(0.5, closed, [mine]).start()
        done = drain(applied, "--timeout", "30", expect=0)

    assert done.splitlines()[-1] == f"drained {RIPS[0]}"
    drain(applied, "--undo", expect=0)
    assert weights(applied) == [f"-a -t {VIP}:80 -r {RIPS[0]}:80 -g -w 1"]
    assert taken(client, 4)[HERE] > 0


def test_a_persistent_client_comes_back_unless_its_template_expires(
    applied: Rig, tmp_path: Path
) -> None:
    client, host = applied.lab.client, applied.lab.director
    lasting = virtual_server(scheduler="rr", persistence=300)
    lvsdr(host, "director", "apply", write(tmp_path, director(lasting), "one"))
    (served,) = taken(client, 1)
    rip = RIPS[[HERE, THERE].index(served)]
    profile = tmp_path / "one.json"
    arguments = ("director", "drain", "--rip", rip, "--timeout", "0")

    kept = lvsdr(host, *arguments, profile, expect=1)
    back = taken(client, 1)
    sent_away = director(lasting, sysctls={"expire_quiescent_template": 1})
    said = program.run(host, "director", "apply", str(write(tmp_path, sent_away, "one")))
    away = taken(client, 1)
    drained = lvsdr(host, *arguments, profile)
    why = lvsdr(host, *arguments, "--persistent", profile, expect=1)
    lvsdr(host, "director", "drain", "--undo", "--rip", rip, profile)
    lvsdr(host, "director", "apply", applied.director)

    assert f"these clients come back to {rip} though its weight is 0" in kept
    assert back == {served: 1}
    assert f"{rip}:80 of tcp {VIP}:80 is drained" in checked(said, 0).stderr
    assert set(away) == {HERE, THERE} - {served}
    assert drained.endswith(f"drained {rip}\n")
    assert "1 persistence template here; new connections of these clients go elsewhere" in why


@pytest.mark.parametrize("more", [[], ["--undo"]])
def test_where_others_have_deleted_the_virtual_server_nothing_is_tried_and_the_hint_mends_it(
    applied: Rig, more: list[str]
) -> None:
    host = applied.lab.director
    host.run("ipvsadm", "-D", "-t", f"{VIP}:80")

    done = program.run(host, "director", "drain", "--rip", RIPS[0], *more, str(applied.director))

    assert checked(done, 6).stdout == ""
    assert f"{RIPS[0]}:80 of tcp {VIP}:80: this virtual server is gone" in done.stderr
    assert ipvsadm(host) == []
    (hint,) = [it.partition("hint: ")[2] for it in done.stderr.splitlines() if "hint: " in it]
    checked(program.run(host, *shlex.split(hint)[1:]), 0)
    assert len(ipvsadm(host)) == 1 + len(RIPS)
    # Templates of the test before may be left.
    again = ("director", "drain", "--rip", RIPS[0], "--timeout", "0", str(applied.director))
    assert program.run(host, *again).returncode in {0, 1}
    assert weights(applied) == [f"-a -t {VIP}:80 -r {RIPS[0]}:80 -g -w 0"]
    drain(applied, "--undo", expect=0)
