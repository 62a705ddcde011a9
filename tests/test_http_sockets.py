"""Checks by HTTP over the kernel's own connections: when they began and ended."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from time import monotonic, sleep

from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import CheckResult, HttpCheck
from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path, RealServerRoute
from lvsdr.wire.checks.http_socket_checker import HttpSocketChecker

HERE = ip_address("127.0.0.1")


def checked(port: int) -> CheckedPath:
    path = Path(Service("tcp", HERE, port), HERE, HERE, port, "masquerade")
    return CheckedPath(0, path, RealServerRoute(HERE, "lo", HERE, HERE), HttpCheck(), 0.2)


def test_a_result_says_when_its_check_began_and_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with HttpSocketChecker([checked(port)]) as checker:
            begun, found = monotonic(), list[CheckResult]()
            checker.begin([0], begun)
            while not found and monotonic() < begun + 10:
                sleep(0.01)
                found += checker.results(monotonic())

    (said,) = found
    assert said.began == begun
    assert 0.2 <= said.at - begun < 10
    assert said.why == "does not answer the request"


def test_what_is_voided_has_no_result() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with HttpSocketChecker([checked(port)]) as checker:
        checker.begin([0], monotonic())
        checker.void()

        assert checker.results(monotonic()) == []
