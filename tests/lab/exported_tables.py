"""Directors of many kinds, and the table that apply, or another program, makes of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import program
from rig import Document, director, lvsdr, virtual_server

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

RIPS = ("192.168.1.11", "192.168.1.12", "192.168.1.13")


def server(number: int, **fields: object) -> Document:
    return {"rip": f"192.168.1.{number}", **fields}


UNIFORM = director(*(virtual_server(rips=RIPS, port=port) for port in range(80, 83)))
# Each field that a table has, once.
VARIED = director(
    virtual_server(persistence=300, persistence_prefix=24, scheduler="wrr"),
    virtual_server(
        port=81,
        real_servers=[
            server(11, weight=0),
            server(12, weight=65535, upper_threshold=100, lower_threshold=50),
            server(13, forwarding_method="tunnel"),
            server(14, forwarding_method="masquerade", port=8080),
        ],
    ),
    virtual_server(port=82, scheduler="sh", scheduler_flags=["sh-fallback", "sh-port"]),
    virtual_server(port=83, scheduler="mh", scheduler_flags=["mh-port"], persistence=1),
    virtual_server(port=53, protocol="udp", one_packet=True, scheduler="rr"),
    virtual_server(
        "fd00::2", ("fd00::13", "fd00::14"), port=80, persistence=9, persistence_prefix=64
    ),
    {"fwmark": 7, "persistence": 60, "real_servers": [server(11), server(12, weight=4)]},
    {"fwmark": 8, "real_servers": [{"rip": "fd00::13"}]},
)
# And those that only some of them have words for.
MORE = director(
    virtual_server(port=84, protocol="sctp"),
    virtual_server(
        port=85,
        real_servers=[
            server(11, forwarding_method="tunnel", tunnel_type="gue", tunnel_port=6080),
            server(12, forwarding_method="tunnel", tunnel_type="gre", tunnel_checksum="csum"),
        ],
    ),
    virtual_server(port=5060, protocol="udp", persistence=60, persistence_engine="sip"),
    {"fwmark": 4294967295, "real_servers": [server(11)]},
    timeouts={"tcp": 901, "tcp_fin": 121, "udp": 301},
)


def table(host: Host) -> list[str]:
    """Return the whole table: ipvsadm -S leaves thresholds and timeouts out."""
    said = host.run(
        "sh", text="ipvsadm -Sn; ipvsadm -Ln --thresholds | tail -n +4; ipvsadm -Ln --timeout"
    )
    # Connections come and go.
    return sorted(" ".join(line.split()) for line in said.stdout.splitlines())


@contextmanager
def one_host() -> Iterator[Host]:
    with hosts(("director", "far")) as made:
        host = made["director"]
        host.ip(
            "link add eth0 type veth peer name far0",
            "link set eth0 up",
            "link set far0 up",
            "address add 192.168.1.10/24 dev eth0",
            "address add fd00::10/64 dev eth0 nodad",
        )
        yield host


def applied(host: Host, profile: Path) -> list[str]:
    """Return the table that apply makes, and take it away again."""
    lvsdr(host, "director", "apply", profile)
    found = table(host)
    lvsdr(host, "director", "withdraw", profile)
    return found


def exported(host: Host, format_: str, profile: Path, code: int = 0) -> tuple[str, str]:
    done = program.run(host, "export", format_, str(profile))
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr
