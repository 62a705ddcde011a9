"""Objects as commands, as lines and as plain data."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import get_args

import pytest

from lvsdr.cli.session import Session
from lvsdr.model import ipvs, ipvs_daemons, objects
from lvsdr.model.change import Change
from lvsdr.model.finding import Finding
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.objects import Address, Link, Object, ProxyNeighbour, Route, Sysctl
from lvsdr.model.other_attributes import AddressAttributes
from lvsdr.model.plain_data import KINDS, from_plain, to_plain
from lvsdr.model.printable import printable
from lvsdr.render import shell_commands, text
from lvsdr.render.change_lines import change_line
from lvsdr.render.keepalived_results import ConfFindings, FifoLine
from lvsdr.render.output_formats import FORMATS, names
from lvsdr.render.results import (
    Applied,
    Failed,
    Planned,
    Result,
    Status,
    StepDone,
)

WEB = Service("tcp", ip_address("192.0.2.10"), 80)
WEB6 = Service("tcp", ip_address("2001:db8::10"), 443, family="inet6")
MARK6 = Service("fwmark", fwmark=7, family="inet6")
RIP, RIP6 = ip_address("192.0.2.11"), ip_address("2001:db8::11")
VIP6 = Address("eth0", ip_interface("2001:db8::10/128"), deprecated=True)
MASTER = SyncDaemon("master", "eth0", 3, 1472, ip_address("224.0.0.81"), 8848, 1)
GRE = RealServer(WEB, RIP, 80, 2, "tunnel", 10, 5, (2, 0, 1))

LINES: list[tuple[Object | None, Object | None, list[str]]] = [
    (
        None,
        Sysctl("net/ipv4/conf/eth0.100/arp_ignore", "1"),
        ["sysctl -w net/ipv4/conf/eth0.100/arp_ignore=1"],
    ),
    (
        None,
        Link("lvsdr0", "dummy", up=True, arp=False),
        ["ip link add lvsdr0 type dummy", "ip link set lvsdr0 arp off up"],
    ),
    (
        Link("tunl0", "ipip", up=False, arp=False),
        Link("tunl0", "ipip", up=True, arp=False),
        ["ip link set tunl0 up"],
    ),
    (
        Link("tunl0", "ipip", up=True, arp=False),
        Link("tunl0", "ipip", up=False, arp=False, started=False),
        [
            "ip link set tunl0 down",
            "tc qdisc replace dev tunl0 root pfifo",
            "tc qdisc del dev tunl0 root",
        ],
    ),
    (
        None,
        Link("gre0", "gre", up=True, arp=False),
        ["modprobe ip_gre", "ip link set gre0 arp off up"],
    ),
    (
        None,
        Link("ip6tnl0", "ip6tnl", up=True, arp=False),
        ["modprobe ip6_tunnel", "ip link set ip6tnl0 arp off up"],
    ),
    (
        Link("tunl0", "ipip", up=False, arp=False, started=False),
        Link("tunl0", "ipip", up=True, arp=False),
        ["modprobe ipip", "ip link set tunl0 up"],
    ),
    (
        Link("gre0", "gre", up=False, arp=False),
        Link("gre0", "gre", up=True, arp=False),
        ["ip link set gre0 up"],
    ),
    (Link("lvsdr0", "dummy", up=True, arp=False), None, ["ip link del lvsdr0"]),
    (
        None,
        Address("lo", ip_interface("192.0.2.10/32"), label="lo", scope="host"),
        ["ip address add 192.0.2.10/32 dev lo scope host"],
    ),
    (
        Address("eth0", ip_interface("192.0.2.10/32"), label="eth0"),
        Address("eth0", ip_interface("192.0.2.10/32"), label="eth0:0"),
        [
            "ip address del 192.0.2.10/32 dev eth0",
            "ip address add 192.0.2.10/32 dev eth0 label eth0:0",
        ],
    ),
    (
        Address(
            "lo", ip_interface("192.0.2.10/32"), "lo", attributes=AddressAttributes(valid_until=9)
        ),
        Address("lo", ip_interface("192.0.2.10/32"), label="lo"),
        ["ip address change 192.0.2.10/32 dev lo valid_lft forever preferred_lft forever"],
    ),
    (None, VIP6, ["ip address add 2001:db8::10/128 dev eth0 nodad preferred_lft 0"]),
    (
        None,
        Route(ip_network("2001:db8::10/128"), 7, "blackhole"),
        ["ip -6 route add blackhole 2001:db8::10/128 metric 7 proto kernel"],
    ),
    (
        Route(ip_network("192.0.2.10/32"), 7),
        None,
        ["ip route del unreachable 192.0.2.10/32 metric 7"],
    ),
    (
        ProxyNeighbour("eth0", VIP6.ip.ip),
        ProxyNeighbour("eth0", VIP6.ip.ip, there=False),
        ["ip -6 neighbour del proxy 2001:db8::10 dev eth0"],
    ),
    (
        ProxyNeighbour("eth0", VIP6.ip.ip, there=False),
        ProxyNeighbour("eth0", VIP6.ip.ip, router=True, protocol=4),
        ["ip -6 neighbour add proxy 2001:db8::10 dev eth0 router protocol 4"],
    ),
    (
        ProxyNeighbour("", RIP),
        ProxyNeighbour("", RIP, there=False),
        ["arp -d 192.0.2.11 pub"],
    ),
    (
        ProxyNeighbour("", RIP, there=False),
        ProxyNeighbour("", RIP),
        [": 'no command adds proxy 192.0.2.11 on every link'"],
    ),
    (
        None,
        VirtualServer(WEB, "sh", 60, 24, True, 0x18, "sip"),
        ["ipvsadm -A -t 192.0.2.10:80 -s sh -p 60 -M 255.255.255.0 -o -b flag-1,flag-2 --pe sip"],
    ),
    (
        VirtualServer(WEB6, "wlc"),
        VirtualServer(WEB6, "rr", 60, 64),
        ["ipvsadm -E -t '[2001:db8::10]:443' -s rr -p 60 -M 64"],
    ),
    (VirtualServer(MARK6), None, ["ipvsadm -D -f 7 -6"]),
    (
        None,
        RealServer(MARK6, RIP6, 0, 0, "tunnel"),
        ["ipvsadm -a -f 7 -6 -r '[2001:db8::11]:0' -i -w 0"],
    ),
    (
        RealServer(WEB, RIP, 80),
        GRE,
        [
            "ipvsadm -e -t 192.0.2.10:80 -r 192.0.2.11:80 -i -w 2 -x 10 -y 5"
            " --tun-type gre --tun-csum"
        ],
    ),
    (GRE, None, ["ipvsadm -d -t 192.0.2.10:80 -r 192.0.2.11:80"]),
    (Timeout("tcp_fin", 120), Timeout("tcp_fin", 60), ["ipvsadm --set 0 60 0"]),
    (
        None,
        MASTER,
        [
            "ipvsadm --start-daemon master --mcast-interface eth0 --syncid 3 --sync-maxlen 1472"
            " --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1"
        ],
    ),
    (
        MASTER,
        replace(MASTER, link="eth1", group=ip_address("ff02::51"), maxlen=1452),
        [
            "ipvsadm --stop-daemon master",
            "ipvsadm --start-daemon master --mcast-interface eth1 --syncid 3 --sync-maxlen 1452"
            " --mcast-group ff02::51 --mcast-port 8848 --mcast-ttl 1",
        ],
    ),
    (MASTER, None, ["ipvsadm --stop-daemon master"]),
]

SPOKEN = [
    (MASTER, "sync master (224.0.0.81:8848 on eth0, syncid 3, maxlen 1472, ttl 1)"),
    (Timeout("tcp_fin", 60), "timeout tcp_fin 60 s"),
    (VirtualServer(WEB, "sh", flags=0x18), "tcp 192.0.2.10:80 (sh, sh-fallback, sh-port)"),
    (VirtualServer(WEB, "mh", flags=0x30), "tcp 192.0.2.10:80 (mh, mh-port, flags 0x20)"),
    (GRE, f"{GRE.title} (tunnel, weight 2, thresholds 10/5, gre, csum)"),
    (
        RealServer(WEB, RIP, 80, 1, "tunnel", tunnel=(1, 6080, 2)),
        f"{GRE.title} (tunnel, weight 1, gue port 6080, remcsum)",
    ),
    (
        RealServer(WEB, RIP, 80, 1, "tunnel", tunnel=(7, 0, 0)),
        f"{GRE.title} (tunnel, weight 1, tunnel type 7)",
    ),
]


@pytest.mark.parametrize(("item", "said"), SPOKEN)
def test_an_object_is_said_in_the_words_of_a_profile(item: Object, said: str) -> None:
    assert str(item) == said


@pytest.mark.parametrize(("before", "after", "lines"), LINES)
def test_a_change_has_the_commands_that_mean_the_same(
    before: Object | None, after: Object | None, lines: list[str]
) -> None:
    assert list(shell_commands.plan((Change(before, after),))) == lines


def test_every_kind_of_object_has_commands() -> None:
    assert set(shell_commands.COMMANDS) == set(KINDS)


def test_every_kind_of_object_is_in_the_table() -> None:
    named = {**vars(objects), **vars(ipvs), **vars(ipvs_daemons)}
    kinds = {each.kind: each for each in named.values() if getattr(each, "kind", None)}

    assert dict(KINDS) == kinds


@pytest.mark.parametrize("item", [after for _, after, _ in LINES if after is not None])
def test_plain_data_is_the_object_again(item: Object) -> None:
    plain = to_plain(item)

    # What makes no difference to a plan is kept beside it, in the record.
    assert set(plain) == {field.name for field in fields(item) if field.compare}
    assert from_plain(item.kind, plain) == item


def test_plain_data_of_something_else_is_refused() -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_plain("sysctl", {"path": "net/x"})
    with pytest.raises(KeyError):
        from_plain("router", {})
    with pytest.raises(ValueError, match="not the fields"):
        from_plain("address", {"link": "lo", "ip": "192.0.2.10"})


def test_a_changed_object_shows_how_it_was() -> None:
    change = Change(RealServer(WEB, RIP, 80), RealServer(WEB, RIP, 80, weight=3))

    assert change_line(change) == (
        "~ 192.0.2.11:80 of tcp 192.0.2.10:80 (dr, weight 3) (was dr, weight 1)"
    )


def test_many_changes_are_told_as_each_is_by_itself() -> None:
    other = replace(WEB, port=81)
    one, two = RealServer(WEB, RIP, 80), RealServer(other, ip_address("2001:db8::1"), 81, weight=3)
    plan = (
        *(Change(None, VirtualServer(WEB)), Change(None, one), Change(None, two)),
        *(Change(one, replace(one, weight=3)), Change(two, None), Change(one, None)),
        *(Change(VirtualServer(other), None), Change(None, replace(one, upper_threshold=5))),
    )

    lines = [*text.changes(plan)]

    assert lines == [change_line(each) for each in plan]
    assert lines[1] == "+ 192.0.2.11:80 of tcp 192.0.2.10:80 (dr, weight 1)"
    assert lines[4:6] == [
        "- [2001:db8::1]:81 of tcp 192.0.2.10:81 (dr, weight 3)",
        "- 192.0.2.11:80 of tcp 192.0.2.10:80 (dr, weight 1)",
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_shows_every_result_that_its_row_says(name: str) -> None:
    row = FORMATS[name]
    wanted = set(row.only or get_args(Result))
    wanted -= set() if row.for_people else {StepDone}
    wanted -= set() if row.tells_errors else {Failed}

    assert set(row.output().SHOWS) == wanted


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_lines_for_one_result_and_for_one_of_many(name: str) -> None:
    planned = Planned((Change(None, GRE),), ())
    output = FORMATS[name].output()

    assert list(output.lines(planned))
    assert len(list(output.one_of_many(planned))) == 1


def test_the_table_says_which_formats_a_command_offers() -> None:
    assert names(Planned) == names(Status) == [*FORMATS]
    assert set(FORMATS) - set(names(Applied)) == {"commands"}


def test_what_the_text_has_of_strangers_is_made_safe_where_it_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostile = Finding("RULE", "error", "a\x1b[2J", "b\x1b[2J\n", look="c\u202e")
    session = Session()

    for result in (ConfFindings([hostile]), Applied(()), FifoLine("d\x1b[2J")):
        session.show(result)

    printed = capsys.readouterr().out
    assert all(line.isprintable() for line in printed.splitlines())
    assert "error: RULE: b\\x1b[2J\\n" in printed


def test_control_characters_are_escaped() -> None:
    assert printable("a\x1b[31mb\r\n\u202e") == "a\\x1b[31mb\\r\\n\\u202e"
