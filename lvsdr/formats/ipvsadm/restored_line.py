"""One line for ipvsadm -R: what it asks of the kernel, once ipvsadm has found it sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lvsdr.formats.ipvsadm import option_values as values
from lvsdr.formats.ipvsadm.line_settings import FORWARD, SERVER, SERVICE, SYNC, TUNNEL, Line, settle
from lvsdr.formats.ipvsadm.option_values import LookUp
from lvsdr.formats.ipvsadm.option_words import COMMAND_NAMES, Ends, Skips, Words

# What goes with each command: required, and allowed besides; the others are refused.
OF_A_SERVICE = frozenset(
    {"scheduler", "persistent", "netmask", "ops", "pe", "sched-flags", SERVICE}
)
OF_A_SERVER = TUNNEL | {SERVICE, SERVER, FORWARD, "weight", "u-threshold", "l-threshold"}
LISTED = frozenset(
    {"numeric", "connection", "timeout", "daemon", "stats", "rate", "thresholds"}
    | {"persistent-conn", "nosort", "sort", "exact", SERVICE}
)
GOES_WITH: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "add-service": (frozenset({SERVICE}), OF_A_SERVICE),
    "edit-service": (frozenset({SERVICE}), OF_A_SERVICE),
    "delete-service": (frozenset({SERVICE}), frozenset({SERVICE})),
    "add-server": (frozenset({SERVICE, SERVER}), OF_A_SERVER),
    "edit-server": (frozenset({SERVICE, SERVER}), OF_A_SERVER),
    "delete-server": (frozenset({SERVICE, SERVER}), frozenset({SERVICE, SERVER})),
    "zero": (frozenset(), frozenset({SERVICE})),
    "list": (frozenset(), LISTED),
    "save": (frozenset(), frozenset({"numeric"})),
    "start-daemon": (frozenset(), frozenset(SYNC)),
    "stop-daemon": (frozenset(), frozenset(SYNC)),
}


def read_line(words: Sequence[str], look_up: LookUp) -> Line:
    """Return what a line of words says; raise Ends or Skips as ipvsadm takes it."""
    reading = Words(words)
    options = reading.options()
    try:
        command, value = next(options, ("", None))
    except Skips as skipped:
        # The first option has to be one.
        raise Ends(str(skipped)) from None
    if command not in COMMAND_NAMES or command == "restore":
        raise Ends("it does not begin with a command of ipvsadm")
    if command in ("help", "version"):
        raise Ends(f"--{command} ends ipvsadm")
    line = Line(command)
    if command in ("start-daemon", "stop-daemon"):
        if value not in ("master", "backup"):
            raise Ends(f"a sync daemon is master or backup, not {value}")
        line.state = str(value)
    said: set[str] = set()
    for name, text in options:
        settle(line, name, text, said, look_up)
    _whole(line, said, reading.left)
    return line


def _whole(line: Line, said: set[str], left: Sequence[str]) -> None:
    """Hold the whole line to what ipvsadm asks of it; raise Ends."""
    if line.command == "set":
        if len(left) < 3:
            raise Ends("--set needs three timeouts")
        most = values.LONGEST_TIMEOUT
        line.timeouts = tuple(values.number(each, 0, most, "a timeout") for each in left[:3])
        left = left[3:]
    if left:
        raise Ends(f"{left[0]} is no option of it")
    required, allowed = GOES_WITH.get(line.command, (frozenset(), frozenset()))
    for name in said - allowed - {"ipv6"}:
        raise Ends(f"{name} does not go with {line.command}")
    for name in sorted(required - said):
        raise Ends(f"{line.command} needs {name}")
    if line.command in ("add-service", "edit-service"):
        if not line.mark and not line.port and line.persistence is None:
            raise Ends("port 0 stands for every port, and needs -p")
        if line.one_packet and not line.mark and line.protocol != "udp":
            raise Ends("-o is for UDP and firewall marks")
        line.scheduler = line.scheduler or "wlc"
    if line.command in ("add-server", "edit-server"):
        _tunnelled(line, said)
        assert line.rip is not None, "these commands need a real server"
        if (line.rip.version == 6) != (line.family == "inet6") and line.method != "tunnel":
            raise Ends(f"{line.rip} is of another family than its service, which takes -i")
        # Direct routing and tunnel do not change the port.
        if not line.mark and line.method != "masquerade":
            line.rport = line.port


def _tunnelled(line: Line, said: set[str]) -> None:
    if said & TUNNEL and line.method != "tunnel":
        raise Ends("the options of a tunnel need -i")
    kind = line.tunnel_type
    if (kind == "gue") != bool(line.tunnel_port):
        raise Ends("--tun-port goes with --tun-type gue, which needs it")
    sums = said & {"tun-nocsum", "tun-csum", "tun-remcsum"}
    if len(sums) > 1 or (sums and kind == "ipip") or ("tun-remcsum" in sums and kind != "gue"):
        raise Ends(f"{', '.join(sorted(sums))} does not go with a tunnel of type {kind}")
