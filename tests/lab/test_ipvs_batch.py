"""Large IPVS tables: in batches, and yet with every promise; ipvsadm and nlmon bear witness."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import TypeVar

import pytest
from rig import lvsdr, refused, write
from witnesses import captured, ipvsadm, netlink_writes, writes_in

from lvsdr.errors import KernelError
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.kernel.netlink import ipvs_messages
from lvsdr.kernel.netlink.netlink_messages import (
    GENERIC,
    HEADER,
    NLMSG_NOOP,
    REQUEST,
    pack_message,
)
from lvsdr.kernel.netlink.netlink_socket import SO_RCVBUFFORCE
from lvsdr.kernel.tables import ipvs_batch
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.change import Change, Plan
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import replace

T = TypeVar("T")

SERVICES, EACH = 40, 25
VIP = "192.0.2.10"


def service(number: int = 0) -> Service:
    return Service("tcp", ip_address(VIP), 1000 + number)


def rip(number: int) -> IPv4Address:
    return IPv4Address(0x0A000001 + number)


def real_servers(count: int, of: int = 0) -> list[RealServer]:
    return [RealServer(service(of), rip(number), 1000 + of) for number in range(count)]


def additions(*items: VirtualServer | RealServer) -> Plan:
    return tuple(Change(None, item) for item in items)


@pytest.fixture
def host() -> Iterator[Host]:
    """A host of its own: what was deleted slows down what is added after it."""
    with hosts(["machine"]) as made:
        machine = made["machine"]
        machine.ip(
            "link add eth0 type dummy",
            "link set eth0 arp on up",
            "address add 192.0.2.1/24 dev eth0",
            "link add nlmon0 type nlmon",
            "link set nlmon0 up",
        )
        yield machine


def on(host: Host, work: Callable[[LinuxKernel], T]) -> T:
    def inside() -> T:
        with LinuxKernel() as kernel:
            return work(kernel)

    return host.inside(inside)


def profile(folder: Path, weight: int = 1, rips: int = EACH) -> Path:
    """Return the file of a profile of SERVICES; `weight` is that of one real server."""
    servers = [
        {
            "vip": VIP,
            "protocol": "tcp",
            "port": 1000 + number,
            "real_servers": [{"rip": str(rip(place))} for place in range(rips)],
        }
        for number in range(SERVICES)
    ]
    first: dict[str, object] = servers[7]["real_servers"][3]  # type: ignore[index]
    first["weight"] = weight
    whole = {"role": "director", "name": "big", "interface": "eth0"}
    return write(folder, {**whole, "vips": [{"address": VIP}], "virtual_servers": servers})


def expected_lines(weight: int = 1) -> list[str]:
    lines = []
    for number in range(SERVICES):
        lines.append(f"-A -t {VIP}:{1000 + number} -s wlc")
        for place in range(EACH):
            here = weight if (number, place) == (7, 3) else 1
            lines.append(
                f"-a -t {VIP}:{1000 + number} -r {rip(place)}:{1000 + number} -g -w {here}"
            )
    return sorted(lines)


# --- a table, written and kept -------------------------------------------------------------------


def test_a_table_is_what_ipvsadm_shows_and_a_change_of_it_is_one_write(
    host: Host, tmp_path: Path
) -> None:
    lvsdr(host, "director", "apply", profile(tmp_path))
    applied = sorted(ipvsadm(host))

    with netlink_writes(host) as nothing:
        lvsdr(host, "director", "apply", profile(tmp_path))
    with netlink_writes(host) as one:
        lvsdr(host, "director", "apply", profile(tmp_path, weight=9))
    changed = sorted(ipvsadm(host))
    lvsdr(host, "director", "withdraw", profile(tmp_path))

    assert applied == expected_lines()
    assert nothing == []
    assert one == ["SET_DEST"]
    assert changed == expected_lines(weight=9)
    assert ipvsadm(host) == []


def test_timings_tell_where_the_time_went(host: Host, tmp_path: Path) -> None:
    said = refused(host, "director", "apply", profile(tmp_path), "--timings", expect=0)

    words = said.split()
    split = {name: float(seconds) for name, seconds in zip(words[2::2], words[3::2], strict=True)}

    phases = ("start", "read", "observe", "plan", "execute", "check", "rest", "total")
    assert words[:2] == ["lvsdr:", "timings:"]
    assert tuple(split) == phases
    assert all(split[phase] > 0 for phase in phases if phase != "start")
    assert sum(split.values()) == pytest.approx(2 * split["total"], abs=0.01)


# --- refusals ------------------------------------------------------------------------------------


def test_a_refusal_in_the_middle_of_a_batch_is_named_and_everything_is_undone(
    host: Host, tmp_path: Path
) -> None:
    """The scheduler of one service among many is none."""
    path = profile(tmp_path)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["virtual_servers"][19]["scheduler"] = "mh"
    document["virtual_servers"][20]["scheduler"] = "nosuch"
    path.write_text(json.dumps(document), encoding="utf-8")
    host.run("ipvsadm", "-R", text=f"-A -t {VIP}:9 -s rr\n-a -t {VIP}:9 -r 10.0.0.1:9 -g -w 3\n")
    before = ipvsadm(host)

    said = refused(host, "director", "apply", path, expect=3)

    message, undone, *_ = said.splitlines()
    assert message == (
        f"lvsdr: cannot add virtual server tcp {VIP}:1020 (nosuch): no such scheduler (ENOENT)"
    )
    assert undone.endswith("changes undone; the host is as it was")
    assert ipvsadm(host) == before


def test_what_came_after_a_refusal_in_the_same_batch_was_done_so_that_it_must_be_observed(
    host: Host,
) -> None:
    """The reason why undoing goes by what is there, and not by what was sent."""
    first, second, third = real_servers(3)
    todo = additions(VirtualServer(service()), first, first, second, third)

    with pytest.raises(KernelError, match="it is there already"):
        on(host, lambda kernel: kernel.execute(todo))

    assert len(ipvsadm(host)) == 4


def test_ten_thousand_refusals_are_found_and_the_first_is_named(host: Host) -> None:
    absent = tuple(Change(server, None) for server in real_servers(10_000))
    on(host, lambda kernel: kernel.execute(additions(VirtualServer(service()))))

    every = on(host, lambda kernel: kernel.attempt(absent))
    with pytest.raises(KernelError) as first:
        on(host, lambda kernel: kernel.execute(absent))

    assert len(every) == 10_000
    assert str(every[0]) == str(first.value)
    assert str(first.value).startswith("cannot delete real server 10.0.0.1:1000 of tcp")
    assert all(
        f"real server {change.subject.title} (" in str(error)
        for change, error in zip(absent, every, strict=True)
    )


def test_one_that_somebody_else_has_added_meanwhile_is_named(host: Host) -> None:
    servers = real_servers(200)
    on(host, lambda kernel: kernel.execute(additions(VirtualServer(service()))))
    host.run("ipvsadm", "-R", text=f"-a -t {VIP}:1000 -r {rip(150)}:1000 -g -w 1\n")

    with pytest.raises(KernelError) as error:
        on(host, lambda kernel: kernel.execute(additions(*servers)))

    assert error.value.errno == errno.EEXIST
    assert error.value.message == (
        f"cannot add real server {rip(150)}:1000 of tcp {VIP}:1000 (dr, weight 1):"
        " it is there already (EEXIST)"
    )


def test_refusals_that_found_no_room_are_no_consent(host: Host) -> None:
    """Without a large receive buffer the kernel throws answers away, and says ENOBUFS."""
    absent = tuple(Change(server, None) for server in real_servers(1000))

    def cramped(kernel: LinuxKernel) -> None:
        with socket.socket(fileno=kernel._sockets.ipvs.fileno()) as wire:
            try:
                wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4096)
                kernel.execute(absent)
            finally:
                wire.detach()

    with pytest.raises(KernelError) as error:
        on(host, cramped)

    assert error.value.errno == errno.ENOBUFS


# --- what goes in one send -----------------------------------------------------------------------


def test_a_change_of_many_real_servers_is_one_send(host: Host) -> None:
    """Of as many as the witness can hear at once."""
    servers = real_servers(900)
    on(host, lambda kernel: kernel.execute(additions(VirtualServer(service()), *servers)))

    with captured(host, "nlmon0") as packets:
        out = tuple(Change(each, replace(each, weight=0)) for each in servers)
        on(host, lambda kernel: kernel.execute(out))

    heard = (list(writes_in(int.from_bytes(each[14:16]), each[16:])) for each in packets)
    assert [each for each in heard if each] == [["SET_DEST"] * 900]
    assert {line.split()[-1] for line in ipvsadm(host)[1:]} == {"0"}


def test_what_is_more_than_a_send_goes_in_as_few_as_can_be(host: Host) -> None:
    servers = real_servers(5000)
    todo = additions(VirtualServer(service()), *servers)

    def sends(kernel: LinuxKernel) -> tuple[list[int], int]:
        wire = kernel._sockets.ipvs
        kernel.execute(todo)
        return [len(each) for each in ipvs_batch.batches(wire, todo)], wire.most_bytes

    counts, most = on(host, sends)

    # Of IPv4 each is a message of 140 bytes.
    assert counts == [1872, 1872, 1257]
    assert most == 262_096
    assert len(ipvsadm(host)) == 5001


def test_a_send_has_as_many_bytes_as_the_kernel_takes(host: Host) -> None:
    """Messages that ask for nothing, and one more."""

    def answers(kernel: LinuxKernel, more: int) -> int:
        wire = kernel._sockets.ipvs
        count, rest = divmod(wire.most_bytes, HEADER.size)
        assert rest == 0
        return len(wire.batch(pack_message(NLMSG_NOOP, b"", 0, 0) * (count + more)))

    assert on(host, partial(answers, more=0)) == 0
    with pytest.raises(OSError, match="Message too long"):
        on(host, partial(answers, more=1))


def test_as_many_refusals_as_a_send_may_have_are_heard(host: Host) -> None:
    """Of twice as many some are thrown away, and that is an error."""

    def answers(kernel: LinuxKernel, times: int) -> int:
        wire = kernel._sockets.ipvs
        count = times * wire.most_requests
        first = wire.sequence(count)
        body = GENERIC.pack(ipvs_messages.DEL_SERVICE, 1) + ipvs_messages.identity(service())
        numbers = range(first, first + count)
        each = (pack_message(wire.family, body, number, REQUEST) for number in numbers)
        return len(wire.batch(b"".join(each)))

    assert on(host, partial(answers, times=1)) == 2047
    with pytest.raises(OSError, match="No buffer space"):
        on(host, partial(answers, times=2))


# --- mh ------------------------------------------------------------------------------------------


def test_a_maglev_service_chooses_as_one_that_was_made_so(host: Host) -> None:
    """One is filled as rr and changed to mh, the other is mh when it is filled."""
    on(host, lambda kernel: kernel.execute(maglev(service())))
    with_ipvsadm = [f"-A -t {VIP}:1001 -s mh"]
    with_ipvsadm += [f"-a -t {VIP}:1001 -r {rip(number)}:80 -m -w 1" for number in range(20)]
    host.run("ipvsadm", "-R", text="\n".join(with_ipvsadm) + "\n")
    host.ip(f"address add {VIP}/32 dev lo", "address add 10.0.0.1/24 dev eth0")

    lines = ipvsadm(host)
    for port in (1000, 1001):
        for number in range(100):
            host.inside(partial(knock, port, 20_000 + number))
    chosen = {port: choices(host, port) for port in (1000, 1001)}

    assert [line.replace(":1000", ":1001") for line in lines if ":1000" in line] == [
        line for line in lines if ":1001" in line
    ]
    assert lines[0].endswith("-s mh")
    assert len(set(chosen[1000].values())) > 3
    assert chosen[1000] == chosen[1001]


def maglev(of: Service) -> Plan:
    servers = [RealServer(of, rip(number), 80, 1, "masquerade") for number in range(20)]
    return additions(VirtualServer(of, "mh"), *servers)


def knock(port: int, source: int) -> None:
    """Send one SYN to the VIP from a port of our own; nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        client.bind((f"127.0.0.{source % 250 + 1}", source))
        client.connect_ex((VIP, port))


def choices(host: Host, port: int) -> dict[str, str]:
    """Return the real server of each client of a service, from /proc/net/ip_vs_conn."""
    table = host.run("cat", "/proc/net/ip_vs_conn").stdout.splitlines()[1:]
    rows = (line.split() for line in table)
    return {row[1] + row[2]: row[5] for row in rows if int(row[4], 16) == port}
