"""The health of a virtual server, from the checkers of its real servers.

keepalived asks each real server in a way of its own; a profile has one way for all of a service.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from math import floor

from lvsdr.formats.keepalived.checker_meaning import Asked, Check, asked_by
from lvsdr.formats.keepalived.conf_losses import OWN, Losses
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.real_server_lines import RealServerLines
from lvsdr.formats.keepalived.server_settings import ServerSettings
from lvsdr.formats.keepalived.service_places import Place
from lvsdr.formats.keepalived.timing_lines import Timing
from lvsdr.model.imported import Document
from lvsdr.model.late_dataclasses import dataclass

USUAL = Timing(60.0, 5.0)
LEAST, MOST = 0.1, 3600.0
PORT = 'write "probe_port" and the check into the profile'


@dataclass(frozen=True, slots=True)
class Checked:
    """How a service is checked: every field of its health, and what a mark has to be probed at."""

    health: Document
    probe: Document


def checked_as(
    read: ServerSettings, place: Place, servers: Sequence[RealServerLines], losses: Losses
) -> Checked | None:
    """Return how the real servers of a service are checked; None where none of them is."""
    base = read.timing.over(USUAL)
    asked = [(each, _asked_of(each, read, base, place, losses)) for each in servers]
    first = next((found for _, found in asked if found is not None), None)
    if first is None:
        return None
    rs = _of(first, asked)
    check, way = _check(first, rs, read, place, losses), _way(first, rs, read)
    for each, found in asked:
        if found is None:
            losses.error(
                each.block,
                "this real server has no checker; here it is checked as the others of its service",
                'write "health": null where none of them is to be checked',
            )
        elif found is not first:
            other = _check(found, each, read, place, losses), _way(found, each, read)
            _compare(found, first, (check, way) == other, losses)
    inhibit = rs.inhibit if rs.inhibit is not None else read.inhibit
    health = {
        **_times(first, losses),
        "rise": 1,
        "check": check,
        "action": "weight" if inhibit else "remove",
        "when_all_fail": "drop",
    }
    return Checked(health, _probe(first, rs, read, place))


def _compare(found: Asked, first: Asked, alike: bool, losses: Losses) -> None:
    """Tell of a real server that is checked otherwise than the first one of its service."""
    if not alike:
        losses.error(
            found.line,
            "this real server is checked in another way than the first of its service: that one is"
            " taken for all",
            "write a program that knows of both as the check of the service",
        )
    elif (found.timing, found.patience) != (first.timing, first.patience):
        losses.warning(
            found.line,
            "this real server is asked at other times than the first of its service: those are"
            " taken for all",
            'write the "interval", "timeout" and "fall" that are to hold',
        )


def _of(first: Asked, asked: Sequence[tuple[RealServerLines, Asked | None]]) -> RealServerLines:
    return next(each for each, found in asked if found is first)


def _way(asked: Asked, server: RealServerLines, read: ServerSettings) -> object:
    """Return what has to be the same for all real servers of a service, their checks aside."""
    inhibit = server.inhibit if server.inhibit is not None else read.inhibit
    return asked.port or server.port, inhibit


def _asked_of(
    server: RealServerLines, read: ServerSettings, base: Timing, place: Place, losses: Losses
) -> Asked | None:
    """Return the checker that tells most; the others are told of where they ask something else."""
    host = server.virtualhost or read.virtualhost
    times = server.timing.over(base)
    own = (each for each in server.checkers if not _is_keepers(each, server, read, place))
    found = [each for block in own if (each := asked_by(block, times, host, losses)) is not None]
    if not found:
        return None
    telling = next((each for each in found if each.check != "path"), found[0])
    for each in found:
        if each is not telling and (each.check != "path" or each.port not in (None, telling.port)):
            losses.error(
                each.line,
                f"{each.line.name} is one of several checkers: one is taken",
                "write a program that asks all of it as the check of the service",
            )
    return telling


def _is_keepers(
    checker: Block, server: RealServerLines, read: ServerSettings, place: Place
) -> bool:
    """Return whether it is the file by which lvsdr director keep tells keepalived who serves."""
    if checker.name != "FILE_CHECK" or place.vip is None:
        return False
    file = checker.first("track_file")
    name = f"{read.protocol}-{place.vip}-{place.port}-{server.rip}".replace(":", "_")
    return file is not None and file.value == name


def _check(
    asked: Asked,
    server: RealServerLines,
    read: ServerSettings,
    place: Place,
    losses: Losses,
) -> Check:
    """Return what can be asked of this service; what cannot is told of."""
    if asked.ip and _other(asked.ip, server):
        losses.error(asked.line, "connect_ip: lvsdr asks the real server itself", OWN)
    if isinstance(asked.check, dict) and "command" in asked.check:
        return _command(asked, server, place, losses)
    protocol = read.protocol
    if not place.port and (place.vip is None or asked.protocol in ("", protocol)):
        if asked.port or server.port or asked.check == "path":
            return _host_left_out(asked.check, place)
        losses.error(asked.line, f"{asked.line.name}: nothing says at which port to ask", PORT)
        return "path"
    if asked.protocol not in ("", protocol):
        losses.error(
            asked.line,
            f"{asked.line.name} asks by {asked.protocol.upper()}, and the service is of"
            f" {protocol.upper()}: its first packet is asked with instead",
            "see that the service has the protocol that was meant" if protocol == "udp" else OWN,
        )
        return "path"
    if (asked.port or server.port or place.port) not in (place.port, server.port or place.port):
        losses.error(
            asked.line,
            f"{asked.line.name} asks at port {asked.port}; the service's own is asked, whether it"
            " answers",
            OWN,
        )
        return "path"
    return _host_left_out(asked.check, place)


def _host_left_out(check: Check, place: Place) -> Check:
    """Return an HTTP check without the host that it has anyway: the VIP."""
    vip = str(place.vip)
    if isinstance(check, dict) and check.get("http", {}).get("host") in (vip, f"[{vip}]"):
        return {"http": {name: v for name, v in check["http"].items() if name != "host"}}
    return check


def _other(text: str, server: RealServerLines) -> bool:
    try:
        return ip_address(text) != server.rip
    except ValueError:
        return True


def _command(asked: Asked, server: RealServerLines, place: Place, losses: Losses) -> Check:
    """Return the words of a program without VIP, port and RIP, which it is given anyway."""
    assert isinstance(asked.check, dict), "a program has words"
    words = asked.check["command"]
    given = [str(place.vip), str(place.port), str(server.rip)]
    if len(words) > len(given) and words[-len(given) :] == given:
        return {"command": words[: -len(given)]}
    losses.warning(
        asked.line,
        f"{asked.line.name}: the program is given the VIP, the port and the RIP as three words"
        " more",
        "see that it takes them, or write a program that calls it without",
    )
    return asked.check


def _probe(asked: Asked, server: RealServerLines, read: ServerSettings, place: Place) -> Document:
    port = asked.port or server.port
    if not port or place.port or (isinstance(asked.check, dict) and "command" in asked.check):
        return {}
    if place.vip is not None:
        return {"probe_port": port} if asked.protocol in ("", read.protocol) else {}
    other = {"probe_protocol": asked.protocol} if asked.protocol == "udp" else {}
    return {**other, "probe_port": port}


def _times(asked: Asked, losses: Losses) -> Document:
    """Return how often and how long is asked, so that one that is dead is out as soon.

    keepalived waits delay_before_retry after a failure, lvsdr half of the interval.
    """
    timing = asked.timing
    loop, retry = timing.delay_loop or MOST, timing.retry or 0
    soon = (loop + retry * (timing.delay_before_retry or 0)) / (1 + retry / 2)
    interval = _rounded(min(max(min(loop, soon), LEAST), MOST))
    patience = asked.patience or timing.connect_timeout or interval
    if asked.line.name == "MISC_CHECK":
        patience = asked.patience or interval
    if patience > interval:
        losses.warning(
            asked.line,
            f"{asked.line.name} waits {patience:g} s for an answer, and asks every {loop:g} s: here"
            f" it waits {interval:g} s",
            'write a longer "interval" in the profile where answers take so long',
        )
    timeout = _rounded(max(min(patience, interval), 0.001))
    return {"interval": interval, "timeout": timeout, "fall": retry + 1}


def _rounded(seconds: float) -> float | int:
    """Return a time of milliseconds, rounded down, as a person would write it."""
    found = floor(seconds * 1000 + 1e-6) / 1000
    return int(found) if found == int(found) else found
