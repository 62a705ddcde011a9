"""What IPVS has besides its table: timeouts and sync daemons."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address
from typing import Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP
from pyroute2.netlink.generic import ipvs

from lvsdr.kernel.errno import Reasons, explained, reading
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, SyncDaemon, Timeout

STATES = {"master": 1, "backup": 2}
STATE_NAMES = {number: name for name, number in STATES.items()}
TIMEOUTS = {
    "tcp": "IPVS_CMD_ATTR_TIMEOUT_TCP",
    "tcp_fin": "IPVS_CMD_ATTR_TIMEOUT_TCP_FIN",
    "udp": "IPVS_CMD_ATTR_TIMEOUT_UDP",
}


class Timeouts:
    """How long IPVS remembers connections, in the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each timeout of `keys`: they are always there."""
        with reading("the timeouts"):
            (answer,) = self._sockets.control.ask(ipvs.IPVS_CMD_GET_CONFIG, 0)
        for _, protocol in keys:
            seconds = answer.get_attr(TIMEOUTS[str(protocol)])
            # A kernel without the protocol says nothing of it.
            if seconds is not None:
                yield Timeout(str(protocol), seconds)

    def execute(self, change: Change) -> None:
        """Set one timeout: what a request does not name stays as it is."""
        assert isinstance(change.after, Timeout), "every timeout has a value to go back to"
        with explained(f"set {change.after}"):
            value = (TIMEOUTS[change.after.protocol], change.after.seconds)
            self._sockets.control.ask(ipvs.IPVS_CMD_SET_CONFIG, NLM_F_ACK, value)


class SyncDaemons:
    """The sync daemons of the namespace: at most one that sends and one that receives."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each sync daemon that is there."""
        wanted = set(keys)
        with reading("the sync daemons"):
            answers = self._ask(ipvs.IPVS_CMD_GET_DAEMON, NLM_F_DUMP)
        found = [_daemon(answer.get_attr("IPVS_CMD_ATTR_DAEMON")) for answer in answers]
        yield from (daemon for daemon in found if daemon.key in wanted)

    def execute(self, change: Change) -> None:
        """Start or stop one daemon; one that changes is stopped and started again."""
        if isinstance(change.before, SyncDaemon):
            with explained(f"stop {change.before.noun} {change.before}"):
                state = ("IPVS_DAEMON_ATTR_STATE", STATES[change.before.state])
                self._ask(ipvs.IPVS_CMD_DEL_DAEMON, NLM_F_ACK, state)
        if isinstance(change.after, SyncDaemon):
            with explained(f"start {change.after.noun} {change.after}", _reasons(change.after)):
                self._ask(ipvs.IPVS_CMD_NEW_DAEMON, NLM_F_ACK, *_attributes(change.after))

    def _ask(self, command: int, flags: int, *attributes: tuple[str, Any]) -> list[Any]:
        whole = [("IPVS_CMD_ATTR_DAEMON", {"attrs": list(attributes)})] if attributes else []
        answers: list[Any] = self._sockets.control.ask(command, flags, *whole)
        return answers


def _reasons(daemon: SyncDaemon) -> Reasons:
    up = f"ip link set {daemon.link} up"
    return {
        errno.EEXIST: ("one runs already", (f"ipvsadm --stop-daemon {daemon.state}",)),
        errno.ENODEV: (f"no link {daemon.link}", ("ip link",)),
        # No route to the group leads out of a link that is down.
        errno.ENETUNREACH: (f"link {daemon.link} is down, or has no address", (up,)),
        # The messages have no room for an address of another family than the client's.
        errno.EINVAL: (
            "it cannot serve a table in which a real server is of another family than its"
            " virtual server",
            ("ipvsadm -Ln",),
        ),
    }


def _attributes(daemon: SyncDaemon) -> Iterator[tuple[str, Any]]:
    yield "IPVS_DAEMON_ATTR_STATE", STATES[daemon.state]
    yield "IPVS_DAEMON_ATTR_MCAST_IFN", daemon.link
    yield "IPVS_DAEMON_ATTR_SYNC_ID", daemon.syncid
    yield "IPVS_DAEMON_ATTR_SYNC_MAXLEN", daemon.maxlen
    family = "" if isinstance(daemon.group, IPv4Address) else "6"
    yield f"IPVS_DAEMON_ATTR_MCAST_GROUP{family}", str(daemon.group)
    yield "IPVS_DAEMON_ATTR_MCAST_PORT", daemon.port
    yield "IPVS_DAEMON_ATTR_MCAST_TTL", daemon.ttl


def _daemon(attributes: Any) -> SyncDaemon:
    group = attributes.get_attr("IPVS_DAEMON_ATTR_MCAST_GROUP")
    return SyncDaemon(
        state=STATE_NAMES[attributes.get_attr("IPVS_DAEMON_ATTR_STATE")],
        link=attributes.get_attr("IPVS_DAEMON_ATTR_MCAST_IFN"),
        syncid=attributes.get_attr("IPVS_DAEMON_ATTR_SYNC_ID"),
        maxlen=attributes.get_attr("IPVS_DAEMON_ATTR_SYNC_MAXLEN"),
        group=ip_address(group or attributes.get_attr("IPVS_DAEMON_ATTR_MCAST_GROUP6")),
        port=attributes.get_attr("IPVS_DAEMON_ATTR_MCAST_PORT"),
        ttl=attributes.get_attr("IPVS_DAEMON_ATTR_MCAST_TTL"),
    )
