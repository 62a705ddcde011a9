"""The checks of a real server in keepalived's words, from the health of its service.

keepalived asks at the RIP, and one success brings a real server back: what it cannot say is told in
a comment. How often it asks is a matter of the virtual server (delay_loop).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.conf_words import TAKEN, block, plain, seconds
from lvsdr.formats.keepalived.track_files import track_file_name
from lvsdr.model.health import KEEP, Check, CommandCheck, Health, HttpCheck, UdpCheck
from lvsdr.model.ipvs import RealServer
from lvsdr.model.profile import ProbeTarget

# What a regular expression takes for itself, and keepalived's quotes for themselves, is not in it.
BARE = re.compile(r"[A-Za-z0-9 _-]+")
MOST_OF_A_REPLY = 65507


def real_server_checks(
    server: RealServer, health: Health, target: ProbeTarget | None, *, tracked: bool
) -> Iterator[str]:
    """Yield the checks of one real server; raise ProfileError for what keepalived cannot say.

    `target` says what to ask where the service does not. Where it is `tracked`, lvsdr director keep
    checks it as well, and writes a file.
    """
    yield from _usual(server, health, target)
    if tracked:
        # With another weight a number is no failure: it counts to the weight.
        yield from block("FILE_CHECK", [f"track_file {track_file_name(server)}", "weight 0"])


def health_notes(health: Health, *, sorry: bool, tracked: bool) -> Iterator[str]:
    """Yield in comments what keepalived cannot say of the health of a service."""
    if health.rise > 1:
        yield f"# rise {health.rise}: keepalived takes a real server back at the first success."
    if health.when_all_fail == KEEP and not sorry and not tracked:
        yield "# when_all_fail keep: keepalived takes the last real server out, too."
    check = health.check
    if isinstance(check, HttpCheck) and check.contains and not BARE.fullmatch(check.contains):
        yield "# contains: left out, it has characters that mean something to keepalived."


def _usual(server: RealServer, health: Health, target: ProbeTarget | None) -> Iterator[str]:
    check, service = health.check, server.service
    again = [
        f"retry {health.fall - 1}",
        f"delay_before_retry {seconds(health.interval / 2)}",
    ]
    if isinstance(check, CommandCheck):
        yield from block("MISC_CHECK", [*_command(check, server, target, health), *again])
        return
    known = target is not None and target.port
    port = server.port or (target.port if target is not None else 0)
    protocol = target.protocol if known and target is not None else service.protocol
    if not port or protocol not in KINDS:
        yield f"# No check of keepalived's: {_why(port)}."
        return
    common = [f"connect_timeout {seconds(health.timeout)}", *again]
    common += [] if server.port else [f"connect_port {port}"]
    name, inner = _asked(check, server, target, protocol)
    yield from block(name, [*common, *inner])


KINDS = {"tcp": "TCP_CHECK", "udp": "UDP_CHECK"}


def _why(port: int) -> str:
    return "it has none of SCTP" if port else "the virtual server says no port to ask at"


def _asked(
    check: Check, server: RealServer, target: ProbeTarget | None, protocol: str
) -> tuple[str, list[str]]:
    if isinstance(check, HttpCheck):
        vip = server.service.vip or (target.vip if target is not None else None) or server.rip
        return "HTTP_GET", ["http_protocol 1.1", *block("url", _url(check, str(vip)))]
    if isinstance(check, UdpCheck):
        return "UDP_CHECK", list(_datagram(check, server))
    return KINDS[protocol], []


def _url(check: HttpCheck, vip: str) -> Iterator[str]:
    # The same to a server: what keepalived takes for itself is as well written as its code.
    yield f"path {TAKEN.sub(lambda found: f'%{ord(found[0]):02X}', check.path)}"
    ranges = (f"{low}" if low == high else f"{low}-{high}" for low, high in check.statuses)
    yield f"status_code {' '.join(ranges)}"
    yield f"virtualhost {check.host or (f'[{vip}]' if ':' in vip else vip)}"
    if check.contains and BARE.fullmatch(check.contains):
        yield f'regex "{check.contains}"'


def _datagram(check: UdpCheck, server: RealServer) -> Iterator[str]:
    for word, data in (("payload", check.send), ("require_reply", check.expect)):
        if data.endswith(b"\xff"):
            # keepalived 2.2.7 takes it for the end of what is no hex string.
            raise ProfileError(
                f"cannot write the udp check of {server.service} for keepalived: it takes no"
                f" {word} that ends in ff",
                hints=["give the virtual server another check, or leave out --virtual-servers"],
            )
    yield f"payload {check.send.hex()}"
    yield f"require_reply {check.expect.hex()}".rstrip()
    # It compares no more than has arrived, and takes 255 bytes unless it is told.
    yield f"min_reply_length {len(check.expect)}"
    yield f"max_reply_length {MOST_OF_A_REPLY}"


def _command(
    check: CommandCheck, server: RealServer, target: ProbeTarget | None, health: Health
) -> Iterator[str]:
    service = server.service
    vip = service.vip or (target.vip if target is not None else None)
    port = server.port or (target.port if target is not None else 0)
    words = [*check.words, *map(str, (vip or "", port or "", server.rip))]
    if not all(words):
        raise ProfileError(
            f"cannot write the command that checks {service} for keepalived: it would have an"
            " empty argument, and keepalived has no words for that",
            hints=["let a program of your own call it, or leave out --virtual-servers"],
        )
    yield f'misc_path "{" ".join(map(plain, words))}"'
    yield f"misc_timeout {ceil(health.timeout)}"
