"""The client of the lab asks from ports that it has not asked from."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from itertools import count

import pytest

from lvsdr.lab import client_ports

HERE = ip_address("127.0.0.1")


def port_of(asking: socket.socket) -> int:
    port: int = asking.getsockname()[1]
    return port


def test_no_port_comes_twice() -> None:
    ports = []
    for _ in range(2000):
        with socket.socket() as asking:
            client_ports.bind(asking, HERE)
            ports.append(port_of(asking))

    assert len(set(ports)) == len(ports)
    assert max(ports) < 32_768


def test_a_port_that_somebody_has_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken, socket.socket() as asking:
        client_ports.bind(taken, HERE)
        monkeypatch.setattr(client_ports, "_numbers", count(port_of(taken) - client_ports.FIRST))

        client_ports.bind(asking, HERE)

        assert port_of(asking) == port_of(taken) + 1


def test_what_else_is_wrong_is_said() -> None:
    with socket.socket() as asking, pytest.raises(OSError, match="assign") as raised:
        client_ports.bind(asking, ip_address("192.0.2.1"))

    assert raised.value.errno == errno.EADDRNOTAVAIL
