"""A checker of keepalived as the check of a profile, as far as one can say it.

keepalived asks at the RIP, lvsdr at the VIP along the way of clients' packets: what is asked, and
what has to come back, is what is compared here.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from lvsdr.formats.keepalived.conf_losses import OWN, Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.datagram_words import asked_name, hex_bytes
from lvsdr.formats.keepalived.http_check_words import http_check
from lvsdr.formats.keepalived.server_words import last, loose_number, number, seconds_of
from lvsdr.formats.keepalived.timing_lines import TIMINGS, Timing
from lvsdr.model.late_dataclasses import dataclass

# Retries, and the seconds before one, where nothing is said; DNS_CHECK waits for a delay_loop.
RETRIES = {"MISC_CHECK": 0, "DNS_CHECK": 3}
DELAYS = {"HTTP_GET": 3.0, "SSL_GET": 3.0, "DNS_CHECK": None}
# From where it asks, and how it is marked: a matter of this host, which lvsdr has no words for.
ORIGIN = frozenset({"bindto", "bind_port", "bind_if", "fwmark"})
URLS = frozenset({"HTTP_GET", "SSL_GET"})
# What is read by name below, or is of no consequence; SMTP_CHECK has blocks of its own.
KNOWN = frozenset({"alpha", "connect_ip", "connect_port"})
OF_URLS = frozenset({"url", "virtualhost", "http_protocol", "fast_recovery", "enable_sni"})
OWN_WORDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(URLS, OF_URLS),
    "UDP_CHECK": frozenset({"payload", "require_reply", "min_reply_length", "max_reply_length"}),
    "DNS_CHECK": frozenset({"type", "name"}),
    "MISC_CHECK": frozenset({"misc_path", "misc_timeout", "misc_dynamic", "user"}),
    "SMTP_CHECK": frozenset({"helo_name", "host"}),
    "BFD_CHECK": frozenset({"name"}),
    "FILE_CHECK": frozenset({"track_file", "weight", "dynamic", "reverse"}),
}
Check = str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a checker asks, in the words of a profile, and where and how often.

    `port` is None where it is that of the real server, `ip` where it is the RIP; `protocol` is
    empty where the checker asks in no protocol of its own. `line` is where it stands.
    """

    line: Block
    check: Check
    protocol: str
    port: int | None
    ip: str
    timing: Timing
    patience: float | None = None


def asked_by(block: Block, base: Timing, virtualhost: str, losses: Losses) -> Asked | None:
    """Return what a checker asks; None for one that keepalived takes for none, or lvsdr cannot be.

    `base` is what the real server and the virtual server say of times.
    """
    timing = Timing()
    for line in block.inner:
        if line.name in TIMINGS or (line.name == "nb_get_retry" and block.name in URLS):
            timing.take(line, losses)
        elif line.name in ORIGIN:
            losses.warning(
                line,
                f"{line.name}: the check comes from this director's own address on the link",
                "see that the real servers answer that one",
            )
        elif line.name not in KNOWN | OWN_WORDS.get(block.name, frozenset()):
            losses.unknown(line)
    timing = timing.over(base)
    timing.retry = RETRIES.get(block.name, 1) if timing.retry is None else timing.retry
    if timing.delay_before_retry is None:
        timing.delay_before_retry = DELAYS.get(block.name, 1.0) or timing.delay_loop
    read = KINDS.get(block.name)
    found = _unsayable(block, losses) if read is None else read(block, virtualhost, losses)
    if found is None:
        return None
    check, protocol = found
    port = number(last(block, "connect_port"), 1, 65535)
    patience = seconds_of(last(block, "misc_timeout")) if block.name == "MISC_CHECK" else None
    ip = last(block, "connect_ip")
    return Asked(block, check, protocol, port, ip, timing, patience)


Found = tuple[Check, str] | None


def _unsayable(block: Block, losses: Losses) -> Found:
    meant, instead, protocol = UNSAYABLE[block.name]
    losses.error(block, f"{block.name}: {meant}", instead)
    return "path", protocol


UNSAYABLE = {
    "SSL_GET": ("no check asks by TLS; that the port answers is checked in its place", OWN, "tcp"),
    "SMTP_CHECK": (
        "no check speaks SMTP; that the port answers is checked in its place",
        OWN,
        "tcp",
    ),
    "PING_CHECK": ("no check pings; that the service answers is checked in its place", OWN, ""),
    "BFD_CHECK": ("no check asks BFD; that the service answers is checked in its place", OWN, ""),
    "FILE_CHECK": (
        "no check reads a file; that the service answers is checked in its place",
        OWN,
        "",
    ),
}


def _tcp(block: Block, virtualhost: str, losses: Losses) -> Found:
    return "path", "tcp"


def _http(block: Block, virtualhost: str, losses: Losses) -> Found:
    found = http_check(block, virtualhost, losses)
    return None if found is None else (found, "tcp")


def _udp(block: Block, virtualhost: str, losses: Losses) -> Found:
    replies = list(block.all("require_reply"))
    if not replies:
        # A refusal alone fails it, as it does the first packet of a request.
        return "path", "udp"
    payload = hex_bytes(block.last("payload"))
    if not payload:
        losses.error(block, "UDP_CHECK sends what it likes and wants an answer", OWN)
        return "path", "udp"
    expect, whole = hex_bytes(replies[-1]), "x" not in replies[-1].value.lower()
    if not whole:
        losses.error(replies[-1], "an answer with X in it is compared up to the X alone", OWN)
    least = loose_number(last(block, "min_reply_length") or "0", 65535) or 0
    most = last(block, "max_reply_length")
    if least > len(expect) or most not in ("", "65507"):
        losses.warning(block, "the length of the answer is not looked at", OWN)
    found = {"send": payload.hex(), **({"expect": expect.hex()} if expect else {})}
    return {"udp": found}, "udp"


def _dns(block: Block, virtualhost: str, losses: Losses) -> Found:
    question = asked_name(last(block, "name"), last(block, "type") or "SOA")
    if question is None:
        losses.error(block, f"DNS_CHECK: {shown(last(block, 'name'))} cannot be asked for", OWN)
        return "path", "udp"
    losses.error(block, "DNS_CHECK: any answer will do, also one that says it failed", OWN)
    return {"udp": {"send": question.hex(), "expect": question[:2].hex()}}, "udp"


def _misc(block: Block, virtualhost: str, losses: Losses) -> Found:
    command = last(block, "misc_path")
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    for line in block.all("misc_dynamic", "user"):
        told = {
            "misc_dynamic": "what the program says of the weight is not heard: 0 is up, all else"
            " is down",
            "user": "the program is run by the user that runs lvsdr director keep",
        }[line.name]
        losses.error(line, f"{line.name}: {told}", OWN)
    if not words or not words[0].startswith("/") or words[0].endswith("/"):
        losses.error(block, f"misc_path {shown(command)} is no program by its whole path", OWN)
        return "path", ""
    if not all(each and each.isprintable() for each in words):
        losses.error(block, "a word of misc_path is empty, or cannot be printed", OWN)
        return "path", ""
    return {"command": words}, ""


KINDS: Mapping[str, Callable[[Block, str, Losses], Found]] = {
    "TCP_CHECK": _tcp,
    "HTTP_GET": _http,
    "UDP_CHECK": _udp,
    "DNS_CHECK": _dns,
    "MISC_CHECK": _misc,
}
