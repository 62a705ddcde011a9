"""The services that real servers of the lab run, and the client that sends them requests."""

from __future__ import annotations

import selectors
import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from functools import partial

from lvsdr.lab import client_ports
from lvsdr.lab.lab_host import Host
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service

SOL_IP, IP_FREEBIND = socket.SOL_IP, 15
SOL_IPV6, IPV6_FREEBIND = socket.IPPROTO_IPV6, 78
TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
PATIENCE = 3.0
# Whoever serves has answered by then.
SOON = 0.3


@contextmanager
def serving(host: Host, services: Iterable[Service]) -> Iterator[None]:
    """Answer each request to `services` with the host's name, inside the block."""
    ready, (stop, stopped) = threading.Event(), socket.socketpair()
    wanted = [service for service in services if service.protocol in TYPES]
    done = host.start(lambda: _serve(host.name.encode(), wanted, ready, stopped))
    try:
        # A server that cannot start raises here, not in the middle of the requests.
        while not ready.wait(0.05):
            if done.done():
                done.result()
        yield
    finally:
        stop.close()
        done.result()


def ask(client: Host, service: Service, sources: Sequence[IPAddress], times: int) -> Counter[str]:
    """Send requests from `sources` in turn; return how many each host served, or why none did.

    The next is sent once one is served, or is not served soon: silence is waited for together.
    """
    asked = []
    for number in range(times):
        source = sources[number % len(sources)]
        asked.append(client.start(partial(_request, service, source)))
        wait(asked[-1:], SOON)
    return Counter(each.result() for each in asked)


def _serve(
    name: bytes, services: list[Service], ready: threading.Event, stopped: socket.socket
) -> None:
    """Serve until the other end of `stopped` is closed; close this one."""
    with stopped, ExitStack() as stack, selectors.DefaultSelector() as waiting:
        waiting.register(stopped, selectors.EVENT_READ)
        for service in services:
            waiting.register(stack.enter_context(_listener(service)), selectors.EVENT_READ)
        ready.set()
        while stopped not in (readable := [key.fileobj for key, _ in waiting.select()]):
            for listener in readable:
                assert isinstance(listener, socket.socket), "only sockets are registered"
                _answer(listener, name)


def _listener(service: Service) -> socket.socket:
    inet6 = service.family == "inet6"
    listener = socket.socket(socket.AF_INET6 if inet6 else socket.AF_INET, TYPES[service.protocol])
    # The VIP may come and go while the server stays.
    listener.setsockopt(*((SOL_IPV6, IPV6_FREEBIND) if inet6 else (SOL_IP, IP_FREEBIND)), 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if inet6:
        # At every address of IPv6 another one may listen on the same port over IPv4.
        listener.setsockopt(SOL_IPV6, socket.IPV6_V6ONLY, 1)
    # Bound to the VIP itself: an answer over UDP would else come from the RIP.
    listener.bind((str(service.vip), service.port))
    if service.protocol == "tcp":
        listener.listen(64)
    return listener


def _answer(listener: socket.socket, name: bytes) -> None:
    if listener.type == socket.SOCK_DGRAM:
        _, peer = listener.recvfrom(2048)
        listener.sendto(name, peer)
        return
    connection, _ = listener.accept()
    with connection:
        connection.sendall(name)


def _request(service: Service, source: IPAddress) -> str:
    family = socket.AF_INET6 if service.family == "inet6" else socket.AF_INET
    with socket.socket(family, TYPES[service.protocol]) as asking:
        asking.settimeout(PATIENCE)
        try:
            client_ports.bind(asking, source)
            asking.connect((str(service.vip), service.port))
            if service.protocol == "udp":
                asking.send(b"?")
            return asking.recv(64).decode() or "an empty answer"
        except OSError as error:
            return f"no answer ({error})"
