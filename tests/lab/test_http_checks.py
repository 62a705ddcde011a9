"""Checks by HTTP over connections of our own: every way to answer, and to reach who answers."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import sleep
from typing import Any, ClassVar

import pytest
from checking import Checker, Seen, checked, checking, own_addresses, path_to
from rig import RIPS, VIP, VIP6, Rig, director, realserver, rig, settled, virtual_server
from test_checks_in_trouble import LOSS, NO_LOSS

from lvsdr.lab.lab_host import Host
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import HttpCheck
from lvsdr.wire.checks.http_checker import HttpChecker
from lvsdr.wire.checks.http_socket_checker import HttpSocketChecker

RIPS6 = ("fd00::13", "fd00::14")
TUNNEL = (
    "ip link set tunl0 up; ip link set ip6tnl0 up",
    "for f in all tunl0; do echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done",
)
LARGE = b"x" * 300_000
NO_HTTP = "answers with something that is not HTTP"
WITHOUT = "answers without the text that it is to contain"
# By the path asked for: the check of it, and what is said of it.
PAGES = {
    "/": (HttpCheck("/"), ""),
    "/chunked": (HttpCheck("/chunked", contains="alive"), ""),
    "/host": (HttpCheck("/host", "www.example.org", contains="Host: www.example.org"), ""),
    "/missing": (HttpCheck("/missing"), "answers with status 404"),
    "/expected": (HttpCheck("/missing", statuses=((404, 404),)), ""),
    "/large": (HttpCheck("/large", contains="alive"), WITHOUT),
    "/slow": (HttpCheck("/slow"), "does not answer the request"),
    "/keeps": (HttpCheck("/keeps", contains="alive"), ""),
    "/garbage": (HttpCheck("/garbage"), NO_HTTP),
    "/resets": (HttpCheck("/resets"), "resets the connection"),
}


class Page(http.server.BaseHTTPRequestHandler):
    """Answers as the path says; `seen` counts what was asked, and how connections ended."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.seen[self.path] += 1
        self.seen["agent " + self.headers["User-Agent"]] += 1
        bodies = {"/large": LARGE, "/host": f"Host: {self.headers['Host']}".encode()}
        body = bodies.get(self.path, b"I am alive")
        if self.path == "/slow":
            sleep(2)
        if self.path == "/garbage":
            self.wfile.write(b"220 mail.example.org ESMTP\r\n")
            self.close_connection = True
            return
        if self.path == "/resets":
            self.connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(404 if self.path == "/missing" else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (b"I am al", b"ive"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        self.close_connection = self.path != "/keeps"

    def finish(self) -> None:
        super().finish()
        self.seen["closed"] += 1

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        Page.seen["broken"] += 1


@contextmanager
def pages(host: Host, address: str, port: int = 80) -> Iterator[None]:
    """Serve the pages on one address and port of a host."""

    def make() -> Server:
        family = 10 if ":" in address else 2
        kind = type("Server", (Server,), {"address_family": family})
        return kind((address, port), Page)  # type: ignore[no-any-return]

    server = host.inside(make)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(), virtual_server(VIP6, RIPS6))
    folder = tmp_path_factory.mktemp("http")
    with rig(folder, wanted, realserver(vips=[VIP, VIP6])) as made, ExitStack() as stack:
        made.apply()
        for host in made.lab.realservers:
            host.run("sh", text="\n".join((*TUNNEL, "")))
            for address in (VIP, VIP6):
                stack.enter_context(pages(host, address))
        yield made


def asked(made: Rig, page: str, method: str = "dr", timeout: float = 1.0) -> list[CheckedPath]:
    """Return the checks of one page at the real servers of both families."""
    check = PAGES[page][0]
    paths = [path_to(RIPS[0], VIP, method=method), path_to(RIPS6[0], VIP6, method=method)]
    own = own_addresses(made)
    return [checked(n, path, own, check=check, timeout=timeout) for n, path in enumerate(paths)]


def results(
    made: Rig, items: list[CheckedPath], times: int = 3, *, by_socket: bool = False
) -> Seen:
    """Check until each has so many results."""
    numbers = [item.number for item in items]

    def make() -> Checker:
        return HttpSocketChecker(items) if by_socket else HttpChecker("eth0", items)

    with checking(made.lab.director, make, numbers, interval=0.4) as seen:
        for number in numbers:
            settled(lambda n=number: len(seen.of(n)) >= times, True, 20.0)  # type: ignore[misc]
    return seen


@pytest.mark.parametrize("page", PAGES)
def test_each_answer_is_told(made: Rig, page: str) -> None:
    seen = results(made, asked(made, page))

    for number in (0, 1):
        assert [each.why for each in seen.of(number)[:3]] == [PAGES[page][1]] * 3


@pytest.mark.parametrize("method", ["dr", "tunnel"])
def test_it_is_asked_along_the_path_of_clients(made: Rig, method: str) -> None:
    seen = results(made, asked(made, "/", method))

    assert {(each.number, each.ok) for each in seen.results} == {(0, True), (1, True)}


def test_through_a_masquerade_the_rip_is_asked(made: Rig) -> None:
    items = [
        checked(
            0,
            path_to(RIPS[0], VIP, method="masquerade"),
            own_addresses(made),
            check=PAGES["/"][0],
            timeout=1.0,
        )
    ]
    with pages(made.lab.realservers[0], RIPS[0]):
        seen = results(made, items, by_socket=True)
        fault = results(made, items)
    without = results(made, items, by_socket=True)

    assert {each.why for each in seen.results} == {""}
    assert {each.why for each in without.results} == {"refuses the connection"}
    # By packet sockets: the director's kernel resets what it has not opened.
    assert {each.why for each in fault.results} == {"resets the connection"}


def test_the_application_sees_ordinary_requests_that_end_in_order(made: Rig) -> None:
    Page.seen.clear()

    seen = results(made, asked(made, "/"), times=5)

    assert settled(lambda: Page.seen["closed"], Page.seen["/"]) == Page.seen["/"]
    assert Page.seen["/"] in range(len(seen.results), len(seen.results) + 3)
    assert Page.seen["agent lvsdr"] == Page.seen["/"]
    assert Page.seen["broken"] == 0
    for host in made.lab.realservers:
        left = host.run("ss", "-Htan", "state", "connected", "exclude", "time-wait").stdout
        assert left == ""


def test_the_directors_own_kernel_says_its_word_to_itself_alone(made: Rig) -> None:
    """Over IPv6 it resets what it does not know of; nothing of that leaves the host."""
    there, host = made.lab.director, made.lab.realservers[2]
    # The kernel's have no ACK; those by which we give up a check that takes too long have one.
    rules = [
        f"ip6tables-legacy -{{}} {chain} -p tcp --tcp-flags RST,ACK RST -j ACCEPT"
        for chain in ("OUTPUT", "INPUT")
    ]
    there.run("sh", text=rules[0].format("I") + "\n")
    host.run("sh", text=rules[1].format("I") + "\n")

    seen = results(made, asked(made, "/"), times=4)

    counted = [
        int(each.run("ip6tables-legacy", "-nvxL", chain).stdout.splitlines()[2].split()[0])
        for each, chain in ((there, "OUTPUT"), (host, "INPUT"))
    ]
    there.run("sh", text=rules[0].format("D") + "\n")
    host.run("sh", text=rules[1].format("D") + "\n")
    assert {each.ok for each in seen.of(1)} == {True}
    assert counted[0] > 0
    assert counted[1] == 0


def test_with_a_tenth_of_all_frames_lost_each_way_answers_are_whole(made: Rig) -> None:
    loss = LOSS.replace("20%", "10%")
    with ExitStack() as stack:
        for host in (made.lab.director, *made.lab.realservers):
            host.run("sh", text=f"{loss}\n")
            stack.callback(host.run, "sh", text=f"{NO_LOSS}\n")
        seen = results(made, asked(made, "/chunked", timeout=2.0), times=20)

    assert sum(each.ok for each in seen.results) > 0.9 * len(seen.results)
    # Of one check in twenty thousand all six questions are lost, or their answers.
    assert {each.why for each in seen.results} <= {
        "",
        "does not answer the request",
        "does not answer",
    }
    assert seen.twice() == []


def test_many_are_asked_at_once(made: Rig) -> None:
    check, own = PAGES["/"][0], own_addresses(made)
    items = [
        checked(n, path_to(RIPS[n % 2], VIP), own, check=check, timeout=5.0) for n in range(100)
    ]

    seen = results(made, items, times=1)

    assert {each.number for each in seen.results if each.ok} == set(range(100))
    assert not any(each.why for each in seen.results)
