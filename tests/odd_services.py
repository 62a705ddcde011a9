"""Virtual servers as people write them: what the check finds, and what keepalived makes of them.

Each row has a VIP of its own, so that one keepalived can be given all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

CHECK = "TCP_CHECK {\n}"
GOOD = """virtual_server {vip} 80 {
lb_algo rr
lb_kind DR
protocol TCP
real_server 192.168.1.11 80 {
weight 1
TCP_CHECK {
connect_timeout 3
}
}
}
"""
SERVED = ("-A -t {vip}:80 -s rr", "-a -t {vip}:80 -r 192.168.1.11:80 -g -w 1")
MASKED = ("-A -t {vip}:80 -s rr", "-a -t {vip}:80 -r 192.168.1.11:80 -m -w 1")


@dataclass(frozen=True, slots=True)
class Odd:
    """A virtual server: its text, the findings as RULE:severity, and the table of ipvsadm -Sn."""

    name: str
    text: str
    findings: tuple[str, ...]
    table: tuple[str, ...] = SERVED

    def __str__(self) -> str:
        return self.name


def _with(old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    return text.replace(old, new)


ODD = (
    Odd("as it should be", GOOD, ()),
    Odd("protocol in small letters", _with("TCP\nreal", "tcp\nreal"), ()),
    Odd("lvs_sched and lvs_method", _with("lb_algo rr\nlb_kind", "lvs_sched rr\nlvs_method"), ()),
    Odd("UDP", _with("TCP\nreal", "UDP\nreal"), (),
        ("-A -u {vip}:80 -s rr", "-a -u {vip}:80 -r 192.168.1.11:80 -g -w 1")),
    Odd("NAT to another port", _with("DR", "NAT").replace("11 80", "11 8080"), (),
        ("-A -t {vip}:80 -s rr", "-a -t {vip}:80 -r 192.168.1.11:8080 -m -w 1")),
    Odd("no protocol", _with("protocol TCP\n", ""), ("KEEPALIVED-PROTOCOL:warning",),
        ("-A -u {vip}:80 -s rr", "-a -u {vip}:80 -r 192.168.1.11:80 -g -w 1")),
    Odd("no protocol, checked by HTTP",
        _with("protocol TCP\n", "").replace("TCP_CHECK {", "HTTP_GET {\nurl {\npath /\n}"),
        ("KEEPALIVED-PROTOCOL:error",),
        ("-A -u {vip}:80 -s rr", "-a -u {vip}:80 -r 192.168.1.11:80 -g -w 1")),
    Odd("no method", _with("lb_kind DR\n", ""), ("KEEPALIVED-METHOD:warning",), MASKED),
    Odd("method in small letters", _with("lb_kind DR", "lb_kind dr"),
        ("KEEPALIVED-METHOD:error",), MASKED),
    Odd("a scheduler that is none", _with("lb_algo rr", "lb_algo loadbalance"),
        ("KEEPALIVED-SCHEDULER:warning",),
        ("-A -t {vip}:80 -s wlc", "-a -t {vip}:80 -r 192.168.1.11:80 -g -w 1")),
    Odd("two options on a line", _with("lb_algo rr\nlb_kind DR", "lb_algo rr lb_kind DR"),
        ("KEEPALIVED-IGNORED:warning", "KEEPALIVED-METHOD:warning"), MASKED),
    Odd("a weight and more on a line", _with("weight 1", "weight 1 inhibit_on_failure"),
        ("KEEPALIVED-IGNORED:warning",)),
    Odd("no check", _with("TCP_CHECK {\nconnect_timeout 3\n}\n", ""),
        ("KEEPALIVED-NO-CHECK:warning",)),
    Odd("another port with DR", _with("11 80", "11 8080"), ("KEEPALIVED-PORT:warning",)),
    Odd("the VIP as a real server", _with("192.168.1.11", "{vip}"),
        ("KEEPALIVED-REAL-IS-VIP:warning",),
        ("-A -t {vip}:80 -s rr", "-a -t {vip}:80 -r {vip}:80 -g -w 1")),
    Odd("the same service twice", GOOD + _with("1.11", "1.12"),
        ("KEEPALIVED-SERVICE-TWICE:warning",),
        (*SERVED, "-a -t {vip}:80 -r 192.168.1.12:80 -g -w 1")),
    Odd("TCP and UDP of one address", GOOD + _with("protocol TCP", "protocol UDP"), (),
        (*SERVED, "-A -u {vip}:80 -s rr", "-a -u {vip}:80 -r 192.168.1.11:80 -g -w 1")),
    Odd("an address with a colon", _with("{vip} 80 {", "{vip}:80 {"),
        ("KEEPALIVED-UNREAD:error",), ()),
    Odd("a name", _with("virtual_server {vip}", "virtual_server localhost"),
        ("KEEPALIVED-UNREAD:error",), ()),
    Odd("no real server", "virtual_server {vip} 80 {\nlb_kind DR\nprotocol TCP\n}\n",
        ("KEEPALIVED-UNREAD:error",), ()),
    Odd("a real server that is a name", _with("192.168.1.11", "web1"),
        ("KEEPALIVED-UNREAD:error",), ()),
    Odd("a group that is not there", _with("{vip} 80", "group G{vip}"),
        ("KEEPALIVED-UNREAD:error",), ()),
    Odd("a group",
        "virtual_server_group G{vip} {\n{vip} 80\n}\n" + _with("{vip} 80", "group G{vip}"), ()),
)  # fmt: skip


def vip(number: int) -> str:
    """Return the VIP of the row of a number."""
    return f"192.168.1.{100 + number}"


def filled(text: str, number: int) -> str:
    """Return the text, or a line of the table, of the row of a number."""
    return text.replace("{vip}", vip(number))
