"""The IPVS table, written by us and read by ipvsadm, and the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TypeVar

import pytest

from lvsdr.errors import KernelError
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.kernel.netlink.ipvs_messages import GET_DEST
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.change import Change
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Object, keyed

T = TypeVar("T")

WEB = Service("tcp", ip_address("192.0.2.10"), 80)
DNS = Service("udp", ip_address("192.0.2.10"), 53)
WEB6 = Service("tcp", ip_address("2001:db8::10"), 443, family="inet6")
SIP = Service("udp", ip_address("192.0.2.10"), 5060)
STREAM = Service("sctp", ip_address("192.0.2.10"), 9)
MARK = Service("fwmark", fwmark=7)
MARK6 = Service("fwmark", fwmark=7, family="inet6")
RIP, RIP6 = ip_address("192.0.2.11"), ip_address("2001:db8::11")

WRITTEN: list[tuple[list[Object], str]] = [
    ([VirtualServer(WEB, "rr")], "-A -t 192.0.2.10:80 -s rr"),
    ([VirtualServer(DNS, "wlc", one_packet=True)], "-A -u 192.0.2.10:53 -s wlc -o"),
    (
        [VirtualServer(WEB, "wlc", persistence=300, persistence_prefix=24)],
        "-A -t 192.0.2.10:80 -s wlc -p 300 -M 255.255.255.0",
    ),
    ([VirtualServer(WEB6, "wlc")], "-A -t [2001:db8::10]:443 -s wlc"),
    (
        [VirtualServer(WEB6, "wlc", persistence=60, persistence_prefix=64)],
        "-A -t [2001:db8::10]:443 -s wlc -p 60 -M 64",
    ),
    ([VirtualServer(MARK, "wrr")], "-A -f 7 -s wrr"),
    ([VirtualServer(MARK6, "wrr")], "-A -f 7 -6 -s wrr"),
    (
        [VirtualServer(WEB, "sh", flags=0x8)],
        "-A -t 192.0.2.10:80 -s sh -b sh-fallback",
    ),
    (
        [VirtualServer(WEB, "rr"), RealServer(WEB, RIP, 80, weight=7)],
        "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 192.0.2.11:80 -g -w 7",
    ),
    (
        [VirtualServer(WEB, "wrr"), RealServer(WEB, RIP, 80, weight=2147483647)],
        "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 192.0.2.11:80 -g -w 2147483647",
    ),
    (
        [VirtualServer(WEB, "rr"), RealServer(WEB, RIP, 80, 0, "tunnel")],
        "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 192.0.2.11:80 -i -w 0 --tun-type ipip",
    ),
    (
        [VirtualServer(WEB, "rr"), RealServer(WEB, RIP, 8080, 1, "masquerade")],
        "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 192.0.2.11:8080 -m -w 1",
    ),
    (
        [VirtualServer(MARK6, "rr"), RealServer(MARK6, RIP6, 0)],
        "-A -f 7 -6 -s rr\n-a -f 7 -6 -r [2001:db8::11]:0 -g -w 1",
    ),
    (
        [VirtualServer(WEB, "mh", flags=0x18)],
        "-A -t 192.0.2.10:80 -s mh -b mh-fallback,mh-port",
    ),
    (
        [VirtualServer(SIP, "rr", persistence=60, engine="sip")],
        "-A -u 192.0.2.10:5060 -s rr -p 60 --pe sip",
    ),
    (
        [VirtualServer(STREAM, "rr"), RealServer(STREAM, RIP, 9)],
        "-A --sctp-service 192.0.2.10:9 -s rr\n"
        "-a --sctp-service 192.0.2.10:9 -r 192.0.2.11:9 -g -w 1",
    ),
    ([VirtualServer(MARK, "rr", one_packet=True)], "-A -f 7 -s rr -o"),
    (
        [VirtualServer(WEB, "rr"), RealServer(WEB, RIP, 80, 1, "tunnel", tunnel=(1, 6080, 2))],
        "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 192.0.2.11:80 -i -w 1"
        " --tun-type gue --tun-port 6080 --tun-remcsum",
    ),
    (
        [VirtualServer(WEB, "rr"), RealServer(WEB, RIP, 80, 1, "tunnel", tunnel=(2, 0, 1))],
        "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 192.0.2.11:80 -i -w 1"
        " --tun-type gre --tun-csum",
    ),
    (
        [VirtualServer(WEB, "rr"), RealServer(WEB, RIP6, 80, 1, "tunnel")],
        "-A -t 192.0.2.10:80 -s rr\n"
        "-a -t 192.0.2.10:80 -r [2001:db8::11]:80 -i -w 1 --tun-type ipip",
    ),
    (
        [VirtualServer(WEB6, "rr"), RealServer(WEB6, RIP, 443, 1, "tunnel")],
        "-A -t [2001:db8::10]:443 -s rr\n"
        "-a -t [2001:db8::10]:443 -r 192.0.2.11:443 -i -w 1 --tun-type ipip",
    ),
    (
        [VirtualServer(MARK6, "rr"), RealServer(MARK6, RIP, 0, 1, "tunnel")],
        "-A -f 7 -6 -s rr\n-a -f 7 -6 -r 192.0.2.11:0 -i -w 1 --tun-type ipip",
    ),
]
# The lab's kernel has no ip_vs_twos.
for each in ("lc", "lblc", "lblcr", "dh", "sed", "nq", "fo", "ovf"):
    WRITTEN.append(([VirtualServer(WEB, each)], f"-A -t 192.0.2.10:80 -s {each}"))


@pytest.fixture(scope="module")
def machine() -> Iterator[Host]:
    with hosts(["machine"]) as made:
        made["machine"].ip("address add 192.0.2.1/24 dev lo", "address add 2001:db8::1/64 dev lo")
        yield made["machine"]


@pytest.fixture
def empty(machine: Host) -> Host:
    machine.run("ipvsadm", "-C")
    return machine


def on(host: Host, work: Callable[[LinuxKernel], T]) -> T:
    """Return what `work` returns for the kernel of `host`."""

    def inside() -> T:
        with LinuxKernel() as kernel:
            return work(kernel)

    return host.inside(inside)


def carry_out(host: Host, *changes: Change) -> None:
    on(host, lambda kernel: kernel.execute(changes))


def shown(host: Host) -> str:
    return host.run("ipvsadm", "-Sn").stdout.strip()


@pytest.mark.parametrize(("objects", "line"), WRITTEN)
def test_what_we_write_ipvsadm_shows(empty: Host, objects: list[Object], line: str) -> None:
    carry_out(empty, *(Change(None, item) for item in objects))

    assert shown(empty) == line


@pytest.mark.parametrize(("objects", "line"), WRITTEN)
def test_what_ipvsadm_writes_we_read(empty: Host, objects: list[Object], line: str) -> None:
    empty.run("ipvsadm", "-R", text=line + "\n")

    seen = on(empty, lambda kernel: kernel.observe([item.key for item in objects]))

    assert seen == keyed(objects)


@pytest.mark.parametrize(("objects", "line"), WRITTEN)
def test_what_we_delete_is_gone(empty: Host, objects: list[Object], line: str) -> None:
    empty.run("ipvsadm", "-R", text=line + "\n")

    carry_out(empty, *(Change(item, None) for item in reversed(objects)))

    assert shown(empty) == ""


def test_few_of_many_are_asked_for_and_found_as_all_are_listed(empty: Host) -> None:
    kinds = (WEB, DNS, WEB6, STREAM, MARK, MARK6)
    more = [Service("tcp", ip_address("192.0.2.20"), port) for port in range(1, 60)]
    servers = [VirtualServer(each, "rr") for each in (*kinds, *more)]
    reals = [RealServer(WEB, RIP, 80), RealServer(MARK6, RIP6, 0, weight=3)]
    carry_out(empty, *(Change(None, item) for item in (*servers, *reals)))
    absent = VirtualServer(Service("tcp", ip_address("192.0.2.30"), 1)).key
    wanted = [*(VirtualServer(each).key for each in kinds), *(it.key for it in reals), absent]

    def asked(kernel: LinuxKernel) -> tuple[object, object, list[int]]:
        listed = kernel.observe(wanted)
        wire, sent = kernel._sockets.ipvs, list[int]()
        before = wire.dump

        def dump(command: int, attributes: bytes = b"") -> Iterator[tuple[memoryview, int]]:
            sent.append(command)
            return before(command, attributes)

        wire.dump = dump  # type: ignore[method-assign]
        return listed, kernel.observe(wanted), sent

    first, again, dumps = on(empty, asked)

    assert first == again == keyed([*servers[:6], *reals])
    # Real servers are listed, of the services that have some that are sought; no services are.
    assert dumps == [GET_DEST, GET_DEST]


def test_a_change_is_a_change_and_not_a_deletion(empty: Host) -> None:
    """pyroute2's `update` deletes."""
    old, new = VirtualServer(WEB, "rr"), VirtualServer(WEB, "wlc", persistence=9)
    one, seven = RealServer(WEB, RIP, 80), RealServer(WEB, RIP, 80, weight=7)
    carry_out(empty, Change(None, old), Change(None, one))

    carry_out(empty, Change(old, new), Change(one, seven))

    assert shown(empty).splitlines() == [
        "-A -t 192.0.2.10:80 -s wlc -p 9",
        "-a -t 192.0.2.10:80 -r 192.0.2.11:80 -g -w 7",
    ]


def test_thresholds_and_tunnels_survive_the_way_there_and_back(empty: Host) -> None:
    """A port of a tunnel is in network byte order, and pyroute2 does not swap it."""
    server = RealServer(WEB, RIP, 80, 2, "tunnel", 100, 50, (1, 6080, 1))
    carry_out(empty, Change(None, VirtualServer(WEB, "rr")), Change(None, server))

    tunnel = empty.run("ipvsadm", "-Ln", "--tun-info").stdout
    thresholds = empty.run("ipvsadm", "-Ln", "--thresholds").stdout
    seen = on(empty, lambda kernel: kernel.observe([server.key]))

    assert "192.0.2.11:80 Tunnel gue:6080:+c 2 0 0" in " ".join(tunnel.split())
    assert "100 50" in " ".join(thresholds.split())
    assert seen == keyed([server])


def test_a_persistence_that_ends_is_off(empty: Host) -> None:
    before = VirtualServer(WEB, "sh", persistence=300, flags=0x8)
    after = VirtualServer(WEB, "sh")
    carry_out(empty, Change(None, before))

    carry_out(empty, Change(before, after))

    assert shown(empty) == "-A -t 192.0.2.10:80 -s sh"


REFUSED: list[tuple[Change, str, list[str]]] = [
    (
        Change(None, VirtualServer(WEB, "maglev")),
        "cannot add virtual server tcp 192.0.2.10:80 (maglev): no such scheduler (ENOENT)",
        ["the scheduler is called mh; its module is ip_vs_mh"],
    ),
    (
        # The lab's kernel has no such module.
        Change(None, VirtualServer(WEB, "twos")),
        "cannot add virtual server tcp 192.0.2.10:80 (twos): no such scheduler (ENOENT)",
        [
            "its module is ip_vs_twos: modprobe ip_vs_twos",
            "at each boot: echo ip_vs_twos >> /etc/modules-load.d/lvsdr.conf",
        ],
    ),
    (
        Change(None, VirtualServer(SIP, "rr", persistence=9, engine="odd")),
        "cannot add virtual server udp 192.0.2.10:5060 (rr, persistence 9 s, engine odd):"
        " no such scheduler or persistence engine (ENOENT)",
        [
            "its module is ip_vs_rr: modprobe ip_vs_rr",
            "its module is ip_vs_pe_odd: modprobe ip_vs_pe_odd",
            "at each boot: echo ip_vs_pe_odd >> /etc/modules-load.d/lvsdr.conf",
        ],
    ),
    (
        Change(None, RealServer(WEB, RIP, 80)),
        "cannot add real server 192.0.2.11:80 of tcp 192.0.2.10:80 (dr, weight 1):"
        " no such virtual server (ESRCH)",
        [],
    ),
]


@pytest.mark.parametrize(("change", "message", "hints"), REFUSED)
def test_a_refusal_says_what_and_why(
    empty: Host, change: Change, message: str, hints: list[str]
) -> None:
    with pytest.raises(KernelError) as refused:
        carry_out(empty, change)

    assert refused.value.message == message
    assert refused.value.hints == hints


@pytest.fixture
def asleep(machine: Host) -> Iterator[Host]:
    """A namespace in which no link was ever up, not even lo."""
    machine.run("ip", "netns", "add", "asleep")
    yield Host("asleep", "asleep")
    machine.run("ip", "netns", "delete", "asleep")


def test_where_no_link_was_ever_up_a_refusal_names_lo(asleep: Host) -> None:
    carry_out(asleep, Change(None, VirtualServer(WEB, "rr")))

    with pytest.raises(KernelError) as refused:
        carry_out(asleep, Change(None, RealServer(WEB, RIP, 80)))

    assert "(EINVAL)" in refused.value.message
    assert refused.value.hints == ["ip link set lo up"]
