"""Changes to the IPVS table in batches: many requests in one send, the first refusal named."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby, repeat
from operator import attrgetter

from lvsdr.errors import KernelError
from lvsdr.kernel.kernel_errors import Reasons, explained, refusal
from lvsdr.kernel.netlink import ipvs_columns, ipvs_messages
from lvsdr.kernel.netlink.ipvs_columns import HEADS, Part, Together
from lvsdr.kernel.netlink.netlink_messages import REQUEST, Refused
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.model.change import Change
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.servers_in_columns import ServersInColumns

SERVICE_COMMANDS = {
    "+": ipvs_messages.NEW_SERVICE,
    "-": ipvs_messages.DEL_SERVICE,
    "~": ipvs_messages.SET_SERVICE,
}
FILLING = RealServer | ServersInColumns
# What people call a scheduler, and what the kernel does.
NICKNAMES = {"maglev": "mh", "roundrobin": "rr", "leastconn": "lc", "source": "sh"}
MAGLEV, MEANWHILE = "mh", "rr"
SERVERS = frozenset({VirtualServer, RealServer, ServersInColumns})

NO_SUCH_SERVER: Reasons = {
    errno.ESRCH: ("no such virtual server", ()),
    errno.ENOENT: ("no such real server", ()),
    errno.EEXIST: ("it is there already", ()),
    # So says a namespace in which no link is up, not even lo.
    errno.EINVAL: ("invalid argument", ("ip link set lo up",)),
}

Request = tuple[Change, int, bytes]
"""The change that a request is a part of, its command and its attributes."""
Sent = Callable[[Change, int], None]
"""What is told of the last change that was sent, and how many of its real servers were."""


def takes(change: Change) -> bool:
    """Return whether a change can be part of a batch."""
    # By its type: of these there may be many.
    return type(change.after or change.before) in SERVERS


def execute(socket: GenericSocket, changes: Sequence[Change], sent: Sent) -> None:
    """Carry out changes of servers in their order; raise KernelError that names the first refused.

    The kernel does not stop at a refusal: of the changes after it, some have been carried out.
    """
    for batch in batches(socket, changes):
        for refused in _sent(socket, batch):
            raise refused
        sent(*_last(batch))


def attempt(socket: GenericSocket, changes: Sequence[Change], sent: Sent) -> list[KernelError]:
    """Carry out changes of servers as far as possible; return the errors of the others."""
    refusals: list[KernelError] = []
    for batch in batches(socket, changes):
        refusals += _sent(socket, batch)
        sent(*_last(batch))
    return refusals


def batches(socket: GenericSocket, changes: Sequence[Change]) -> Iterator[list[Request | Part]]:
    """Yield the requests for the changes, in order: each time as many as go in one send."""
    batch, size, count = list[Request | Part](), 0, 0
    most_bytes, most_requests = socket.most_bytes, socket.most_requests
    for request in requests(changes, socket.family):
        if isinstance(request, Together):
            start, many = 0, len(request.servers)
            while start < many:
                room = min((most_bytes - size) // request.size, most_requests - count)
                if room <= 0 and batch:
                    yield batch
                    batch, size, count = [], 0, 0
                    continue
                stop = min(many, start + max(1, room))
                batch.append(Part(request, start, stop))
                size, count = size + (stop - start) * request.size, count + stop - start
                start = stop
            continue
        length = HEADS.size + len(request[2])
        size, count = size + length, count + 1
        if (size > most_bytes or count > most_requests) and batch:
            yield batch
            batch, size, count = [], length, 1
        batch.append(request)
    yield batch


def requests(changes: Sequence[Change], family: int = 0) -> Iterator[Request | Together]:
    """Yield the requests for the changes, in order; those that are made together go by `family`."""
    maglev, emptied = _filled_under_maglev(changes), _gone(changes)
    late = list[Request]()
    for service, run in groupby(changes, key=_service_of_real_server):
        if service is not None:
            yield from _of_real_servers(service, list(run), emptied)
            continue
        for change in run:
            sign, subject = change.sign, change.subject
            if isinstance(subject, ServersInColumns):
                yield ipvs_columns.requests(change, subject, family)
                continue
            assert isinstance(subject, VirtualServer), "the table is for servers, virtual and real"
            if sign == "-":
                yield change, ipvs_messages.DEL_SERVICE, ipvs_messages.identity(subject.service)
            elif sign == "+" and subject.service in maglev:
                # It builds its table anew for each real server: 13 to 30 times what all the rest
                # takes. A service that is there already keeps it, or its clients would be spread
                # otherwise for a moment.
                meanwhile = ipvs_messages.virtual_server(replace(subject, scheduler=MEANWHILE))
                yield change, ipvs_messages.NEW_SERVICE, meanwhile
                whole = ipvs_messages.virtual_server(subject)
                late.append((change, ipvs_messages.SET_SERVICE, whole))
            else:
                yield change, SERVICE_COMMANDS[sign], ipvs_messages.virtual_server(subject)
    yield from late


def _service_of_real_server(change: Change) -> Service | None:
    subject = change.after or change.before
    return subject.service if isinstance(subject, RealServer) else None


def _of_real_servers(
    service: Service, changes: Sequence[Change], emptied: Collection[Service]
) -> Iterator[Request]:
    """Yield the requests for changes of real servers of one service, in order."""
    identity = ipvs_messages.identity(service)
    made = ipvs_messages.real_servers([it for it in map(_after, changes) if it is not None])
    if len(made) == len(changes) and not any(map(_before, changes)):
        # As in all that a first apply fills.
        yield from zip(changes, repeat(ipvs_messages.NEW_DEST), map(identity.__add__, made))
        return
    rest = iter(made)
    # They go with it: the kernel asks for them one by one, and takes as long for each.
    go_with_it = len(made) < len(changes) and service in emptied
    for change in changes:
        before = change.before
        if change.after is not None:
            command = ipvs_messages.NEW_DEST if before is None else ipvs_messages.SET_DEST
            yield change, command, identity + next(rest)
        elif not go_with_it:
            assert isinstance(before, RealServer), (
                "a change has a side, and this is of real servers"
            )
            gone = ipvs_messages.real_server_identity(before)
            yield change, ipvs_messages.DEL_DEST, identity + gone


def _after(change: Change) -> RealServer | None:
    return change.after if isinstance(change.after, RealServer) else None


_before = attrgetter("before")


def _gone(changes: Iterable[Change]) -> set[Service]:
    """Return the services that are deleted."""
    items = (change.before for change in changes if change.after is None)
    return {item.service for item in items if isinstance(item, VirtualServer)}


def _filled_under_maglev(changes: Iterable[Change]) -> set[Service]:
    """Return the services that the run makes with the scheduler mh, and gives real servers."""
    made, filled = set[Service](), set[Service]()
    for change in changes:
        item = change.after
        if isinstance(item, VirtualServer):
            if item.scheduler == MAGLEV and change.before is None:
                made.add(item.service)
        elif made and isinstance(item, FILLING) and change.before is None:
            filled.add(item.service)
    return made & filled


def _sent(socket: GenericSocket, batch: Sequence[Request | Part]) -> list[KernelError]:
    """Send a batch; return the refusals in the order of its requests."""
    first = socket.sequence(sum(len(each) if isinstance(each, Part) else 1 for each in batch))
    packed, number = list[bytes | bytearray](), first
    for each in batch:
        if isinstance(each, Part):
            packed.append(each.packed(number))
            number += len(each)
            continue
        _, command, attributes = each
        size = HEADS.size + len(attributes)
        packed += HEADS.pack(size, socket.family, REQUEST, number, 0, command, 1), attributes
        number += 1
    with explained(_doing(next(_changes(batch)))):
        refused = socket.batch(b"".join(packed))
    if not refused:
        return []
    changes = list(_changes(batch))
    return [_refusal(changes[number - first], why) for number, why in sorted(refused.items())]


def _changes(batch: Iterable[Request | Part]) -> Iterator[Change]:
    """Yield the change of each request."""
    for each in batch:
        yield from each.changes() if isinstance(each, Part) else [each[0]]


def _last(batch: Sequence[Request | Part]) -> tuple[Change, int]:
    """Return the last change of a batch, and how many of its requests have been sent."""
    last = batch[-1]
    return (last.requests.change, last.stop) if isinstance(last, Part) else (last[0], 1)


def _refusal(change: Change, why: Refused) -> KernelError:
    notes = [f"the kernel says: {why.said}"] if why.said else []
    return refusal(_doing(change), why.errno, _reasons(change), notes)


def _doing(change: Change) -> str:
    return f"{change.verb} {change.subject.noun} {change.subject}"


def _reasons(change: Change) -> Reasons:
    if not isinstance(change.after, VirtualServer):
        return NO_SUCH_SERVER if isinstance(change.subject, RealServer) else {}
    server = change.after
    known = NICKNAMES.get(server.scheduler, server.scheduler)
    if known != server.scheduler:
        hint = f"the scheduler is called {known}; its module is ip_vs_{known}"
        return {errno.ENOENT: ("no such scheduler", (hint,))}
    modules = [f"ip_vs_{known}", *([f"ip_vs_pe_{server.engine}"] if server.engine else [])]
    hints = [f"its module is {module}: modprobe {module}" for module in modules]
    at_boot = f"at each boot: echo {modules[-1]} >> /etc/modules-load.d/lvsdr.conf"
    # One errno for both.
    reason = "no such scheduler" + (" or persistence engine" if server.engine else "")
    return {errno.ENOENT: (reason, (*hints, at_boot))}
