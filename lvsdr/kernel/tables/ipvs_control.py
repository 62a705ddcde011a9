"""The settings of IPVS besides its servers: timeouts and sync daemons."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address

from lvsdr.kernel.kernel_errors import Reasons, explained, reading
from lvsdr.kernel.netlink.netlink_messages import (
    ACK,
    GENERIC,
    U8,
    U16,
    U32,
    as_number,
    as_text,
    decode_message,
    each_message,
    malformed,
    pack_attribute,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.tables.sync_sources import source_of
from lvsdr.model.change import Change
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key, Object

# linux/ip_vs.h
NEW_DAEMON, DEL_DAEMON, GET_DAEMON, SET_CONFIG, GET_CONFIG = 9, 10, 11, 12, 13
DAEMON = 3
TIMEOUTS = {"tcp": 4, "tcp_fin": 5, "udp": 6}
STATE, LINK, SYNC_ID, MAXLEN, GROUP, GROUP6, PORT, TTL = range(1, 9)

STATES = {"master": 1, "backup": 2}
STATE_NAMES = {number: name for name, number in STATES.items()}


class Timeouts:
    """The timeouts after which IPVS forgets connections, of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each timeout of `keys`; all of them always exist."""
        seconds = self.seconds()
        for _, protocol in keys:
            # A kernel without the protocol says nothing of it.
            if str(protocol) in seconds:
                yield Timeout(str(protocol), seconds[str(protocol)])

    def seconds(self) -> dict[str, int]:
        """Return the timeout of each protocol that the kernel has."""
        with reading("the timeouts"):
            answer = self._sockets.ipvs.ask_family(GET_CONFIG)
            if answer is None:
                raise malformed()
            _, found = unpack_message(answer, GENERIC)
            numbers = {kind: as_number(value) for kind, value in found.items()}
        return {name: numbers[kind] for name, kind in TIMEOUTS.items() if kind in numbers}

    def execute(self, change: Change) -> None:
        """Set one timeout; those that the request does not name stay as they are."""
        assert isinstance(change.after, Timeout), "every timeout has a value to go back to"
        with explained(f"set {change.after}"):
            value = pack_attribute(TIMEOUTS[change.after.protocol], U32.pack(change.after.seconds))
            self._sockets.ipvs.ask_family(SET_CONFIG, value, ACK)


class SyncDaemons:
    """The sync daemons of the namespace: at most one master and one backup."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each sync daemon that is there."""
        wanted = set(keys)
        with reading("the sync daemons"):
            listed = each_message(self._sockets.ipvs.dump(GET_DAEMON))
            found = [decode_message(each, _daemon) for each in listed]
            found = [replace(each, source=source_of(each)) for each in found]
        yield from (daemon for daemon in found if daemon.key in wanted)

    def execute(self, change: Change) -> None:
        """Start or stop one daemon; one that changes is stopped and started again."""
        if isinstance(change.before, SyncDaemon):
            with explained(f"stop {change.before.noun} {change.before}"):
                self._send(DEL_DAEMON, pack_attribute(STATE, U32.pack(STATES[change.before.state])))
        if isinstance(change.after, SyncDaemon):
            with explained(f"start {change.after.noun} {change.after}", _reasons(change.after)):
                self._send(NEW_DAEMON, daemon_attributes(change.after))

    def _send(self, command: int, daemon: bytes) -> None:
        self._sockets.ipvs.ask_family(command, pack_attribute(DAEMON, daemon), ACK)


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


def daemon_attributes(daemon: SyncDaemon) -> bytes:
    """Return a sync daemon with all its settings, as attributes."""
    group = GROUP if isinstance(daemon.group, IPv4Address) else GROUP6
    return b"".join(
        (
            pack_attribute(STATE, U32.pack(STATES[daemon.state])),
            pack_attribute(LINK, daemon.link.encode() + b"\0"),
            pack_attribute(SYNC_ID, U32.pack(daemon.syncid)),
            pack_attribute(MAXLEN, U16.pack(daemon.maxlen)),
            pack_attribute(group, daemon.group.packed),
            # Unlike other ports of IPVS, in host byte order.
            pack_attribute(PORT, U16.pack(daemon.port)),
            pack_attribute(TTL, U8.pack(daemon.ttl)),
        )
    )


def _daemon(message: memoryview) -> SyncDaemon:
    found = unpack_attributes(unpack_message(message, GENERIC)[1][DAEMON])
    return SyncDaemon(
        state=STATE_NAMES[as_number(found[STATE])],
        link=as_text(found[LINK]),
        syncid=as_number(found[SYNC_ID]),
        maxlen=as_number(found[MAXLEN]),
        group=ip_address(bytes(found[GROUP] if GROUP in found else found[GROUP6])),
        port=as_number(found[PORT]),
        ttl=as_number(found[TTL]),
    )
