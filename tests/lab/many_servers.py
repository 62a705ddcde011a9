"""Very many real servers, as addresses of two hosts that serve them all; and their profiles."""

from __future__ import annotations

import random
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

DIP = "10.1.0.1"
HEALTH = {"interval": 1.0, "timeout": 0.5, "fall": 2, "rise": 2}
MACS = "02:00:00:00:01:01", "02:00:00:00:01:02"
SERVERS = ("rs1", "rs2")
Document = dict[str, Any]


def rip(number: int) -> str:
    """Return the RIP of a number; the even ones are the second host's."""
    return str(ip_address("10.1.64.0") + number)


def vip(number: int) -> str:
    """Return the VIP of a number."""
    return str(ip_address("10.2.0.1") + number)


def uniform(servers: int) -> list[Document]:
    """Return services of two real servers each, one of each host; each has a RIP of its own.

    More of one host and service would be one to TCP, which knows connections by VIP and port.
    """
    pairs = ([rip(number), rip(number + 1)] for number in range(0, servers, 2))
    return [
        _service(number // 100, 1000 + number % 100, [{"rip": each} for each in pair])
        for number, pair in enumerate(pairs)
    ]


# Two halves of the segment, one for each host: of so many each cannot be an address of a link.
HALVES = (
    tuple(f"10.1.{1 << bit}.0/{24 - bit}" for bit in range(7)),
    ("10.1.128.0/17",),
)


def halved(servers: int) -> list[Document]:
    """Return what `uniform` does, of real servers in HALVES: at most 64,000."""
    first, second = ip_address("10.1.1.0"), ip_address("10.1.128.0")
    return [
        _service(
            number // 100,
            1000 + number % 100,
            [{"rip": str(first + number)}, {"rip": str(second + number)}],
        )
        for number in range(servers // 2)
    ]


def in_services(servers: int, count: int) -> list[Document]:
    """Return so many real servers of HALVES in few services, the first of which has two alone."""
    first, second = ip_address("10.1.1.0"), ip_address("10.1.128.0")
    pairs = [
        ({"rip": str(first + number)}, {"rip": str(second + number)})
        for number in range(servers // 2)
    ]
    dealt = [pairs[:1], *(pairs[1 + number :: count - 1] for number in range(count - 1))]
    return [
        _service(number // 100, 1000 + number % 100, [each for pair in some for each in pair])
        for number, some in enumerate(dealt)
    ]


def varied(servers: int, seed: int = 1) -> list[Document]:
    """Return services of one to 40 real servers at several VIPs and ports; a RIP has several."""
    # The same each time.
    chosen = random.Random(seed)
    places = [(host, port) for host in range(50) for port in range(8000, 8040)]
    chosen.shuffle(places)
    found, left = [], servers
    while left:
        count = min(left, chosen.randrange(1, 41))
        rips = chosen.sample(range(max(40, servers // 4)), count)
        each = [{"rip": rip(number), "weight": chosen.randrange(1, 101)} for number in rips]
        host, port = places.pop()
        found.append(_service(host, port, each) | {"scheduler": chosen.choice(["rr", "wlc", "lc"])})
        left -= count
    return found


def _service(host: int, port: int, servers: list[Document]) -> Document:
    return {"vip": vip(host), "protocol": "tcp", "port": port, "real_servers": servers}


def document(services: list[Document], **fields: object) -> Document:
    """Return the director's profile."""
    vips = [{"address": each} for each in dict.fromkeys(it["vip"] for it in services)]
    whole = {"role": "director", "name": "many", "interface": "eth0", "vips": vips}
    return {**whole, "virtual_servers": services, "health": HEALTH, **fields}


def ports_of(services: list[Document]) -> set[int]:
    return {it["port"] for it in services}


def rips(services: list[Document]) -> set[str]:
    return {each["rip"] for it in services for each in it["real_servers"]}


@dataclass(frozen=True, slots=True)
class Segment:
    """A director and the hosts of the real servers; leaving `serving` ends the services of one."""

    hosts: dict[str, Host]
    serving: dict[str, ExitStack]

    @property
    def director(self) -> Host:
        return self.hosts["director"]

    @property
    def switch(self) -> Host:
        return self.hosts["switch"]


@contextmanager
def segment(
    services: list[Document], *, by_halves: bool = False, saying: bytes = b""
) -> Iterator[Segment]:
    """Give the hosts on a switch of their own; the real servers are addresses of two, and serve.

    Those in HALVES are taken for their own by whole networks, and so are the VIPs by ARP. Where
    they are `saying` something they say it to each request.
    """
    with hosts(("switch", "director", *SERVERS)) as made, ExitStack() as stack:
        switch = made["switch"]
        switch.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")
        for number, name in enumerate(("director", *SERVERS)):
            address = f"address {MACS[number - 1]} " if number else ""
            switch.ip(
                f"link add p{number} type veth peer name eth0 {address}"
                f"netns {made[name].namespace}",
                f"link set p{number} master br0 up",
            )
            made[name].ip("link set lo up", "link set eth0 up")
        made["director"].ip(f"address add {DIP}/16 dev eth0")
        every = sorted(rips(services), key=ip_address)
        stacks = {name: stack.enter_context(ExitStack()) for name in SERVERS}
        for number, name in enumerate(SERVERS):
            _ground(made[name], every[number :: len(SERVERS)] if not by_halves else [], services)
            if by_halves:
                made[name].sysctl("net/ipv4/conf/all/arp_ignore", 0)
                made[name].ip(
                    "address add 10.1.255.254/32 dev lo",
                    *(f"route add local {each} dev lo" for each in HALVES[number]),
                    "route add 10.1.0.1 dev eth0 scope link",
                )
            stacks[name].enter_context(accepting(made[name], ports_of(services), saying))
        yield Segment(made, stacks)


def _ground(host: Host, own: list[str], services: list[Document]) -> None:
    for name, value in (("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 0)):
        host.sysctl(f"net/ipv4/conf/all/{name}", value)
    host.sysctl("net/ipv4/tcp_max_syn_backlog", 65536)
    vips = dict.fromkeys(it["vip"] for it in services)
    host.ip(
        *(f"address add {each}/16 dev eth0" for each in own),
        *(f"address add {each}/32 dev lo" for each in vips),
    )


@contextmanager
def accepting(host: Host, numbers: set[int], saying: bytes = b"") -> Iterator[None]:
    """Accept and close what comes to these ports of every address, inside the block."""
    stop = threading.Event()
    listeners = host.inside(lambda: [_listener(each) for each in sorted(numbers)])

    def accept() -> None:
        with selectors.DefaultSelector() as waiting:
            for each in listeners:
                waiting.register(each, selectors.EVENT_READ)
            while not stop.is_set():
                for key, _ in waiting.select(0.2):
                    assert isinstance(key.fileobj, socket.socket), "only sockets are registered"
                    _accept_all(key.fileobj, saying)

    done = host.start(accept)
    try:
        yield
    finally:
        stop.set()
        done.result(20)
        for each in listeners:
            each.close()


def _listener(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", port))
    made.listen(4096)
    made.setblocking(False)
    return made


def _accept_all(listener: socket.socket, saying: bytes) -> None:
    try:
        while True:
            with listener.accept()[0] as made:
                if saying:
                    made.settimeout(1.0)
                    with suppress(OSError):
                        made.recv(4096)
                        made.sendall(saying)
    except OSError:
        return
