"""A run of changes to the IPVS table: many requests in one send, the first refusal named."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence

from lvsdr.kernel.errno import Reasons, explained, refusal
from lvsdr.kernel.ipvs import messages
from lvsdr.kernel.netlink import GENERIC, HEADER, REQUEST, GenericSocket
from lvsdr.model.change import Change
from lvsdr.model.objects import Object, RealServer, Service, VirtualServer

KINDS = frozenset({VirtualServer.kind, RealServer.kind})
# As many as find room in one send, and their refusals in the socket's receive buffer.
LARGEST = 1 << 16

SERVICE_COMMANDS = {"+": messages.NEW_SERVICE, "-": messages.DEL_SERVICE, "~": messages.SET_SERVICE}
DEST_COMMANDS = {"+": messages.NEW_DEST, "-": messages.DEL_DEST, "~": messages.SET_DEST}

# What people call a scheduler, and what the kernel does.
NICKNAMES = {"maglev": "mh", "roundrobin": "rr", "leastconn": "lc", "source": "sh"}
MAGLEV, MEANWHILE = "mh", "rr"

NO_SUCH_SERVER: Reasons = {
    errno.ESRCH: ("no such virtual server", ()),
    errno.ENOENT: ("no such real server", ()),
    errno.EEXIST: ("it is there already", ()),
    # So says a namespace in which no link is up, not even lo.
    errno.EINVAL: ("invalid argument", ("ip link set lo up",)),
}

Request = tuple[Change, int, bytes]
"""The change that a request is a part of, its command and its attributes."""


def execute(socket: GenericSocket, changes: Sequence[Change]) -> None:
    """Carry out changes of KINDS in their order; raise KernelError that names the first refused.

    The kernel does not stop at a refusal: of the changes after it, some have been carried out.
    """
    batch, size = list[Request](), 0
    for request in requests(changes):
        length = HEADER.size + GENERIC.size + len(request[2])
        if size + length > LARGEST:
            _send(socket, batch)
            batch, size = [], 0
        batch.append(request)
        size += length
    _send(socket, batch)


def requests(changes: Sequence[Change]) -> Iterator[Request]:
    """Yield what has to be sent, in this order."""
    maglev = _filled_under_maglev(changes)
    late = list[Request]()
    service, identity = None, b""
    for change in changes:
        sign, subject = change.sign, change.subject
        if isinstance(subject, RealServer):
            if subject.service is not service:
                service, identity = subject.service, messages.identity(subject.service)
            yield change, DEST_COMMANDS[sign], identity + messages.destination(subject)
            continue
        assert isinstance(subject, VirtualServer), "the table is for servers, virtual and real"
        if sign == "-":
            yield change, messages.DEL_SERVICE, messages.identity(subject.service)
        elif sign == "+" and subject.service in maglev:
            # It builds its table anew for each real server: 13 to 30 times what all the rest
            # takes. A service that is there already keeps it, or its clients would be spread
            # otherwise for a moment.
            yield change, messages.NEW_SERVICE, messages.described(subject, MEANWHILE)
            late.append((change, messages.SET_SERVICE, messages.described(subject)))
        else:
            yield change, SERVICE_COMMANDS[sign], messages.described(subject)
    yield from late


def _filled_under_maglev(changes: Iterable[Change]) -> set[Service]:
    """Return the services that the run makes with the scheduler mh, and gives real servers."""
    made, filled = set[Service](), set[Service]()
    for change in changes:
        item = change.after
        if change.before is None and isinstance(item, VirtualServer):
            if item.scheduler == MAGLEV:
                made.add(item.service)
        elif change.before is None and isinstance(item, RealServer) and item.service in made:
            filled.add(item.service)
    return filled


def _send(socket: GenericSocket, batch: Sequence[Request]) -> None:
    first = socket.sequence(len(batch))
    family = socket.family
    packed = bytearray()
    size = HEADER.size + GENERIC.size
    for number, (_, command, attributes) in enumerate(batch, first):
        packed += HEADER.pack(size + len(attributes), family, REQUEST, number, 0)
        packed += GENERIC.pack(command, 1)
        packed += attributes
    with explained(f"{batch[0][0].verb} {_named(batch[0][0].subject)}"):
        refused = socket.batch(packed)
    if refused:
        number = min(refused)
        change, why = batch[number - first][0], refused[number]
        raise refusal(
            f"{change.verb} {_named(change.subject)}",
            why.errno,
            _reasons(change),
            [f"the kernel says: {why.said}"] if why.said else [],
        )


def _named(subject: Object) -> str:
    return f"{subject.noun} {subject}"


def _reasons(change: Change) -> Reasons:
    if not isinstance(change.after, VirtualServer):
        return NO_SUCH_SERVER if isinstance(change.subject, RealServer) else {}
    scheduler = change.after.scheduler
    known = NICKNAMES.get(scheduler, scheduler)
    hint = f"its module is ip_vs_{known}: modprobe ip_vs_{known}"
    if known != scheduler:
        hint = f"the scheduler is called {known}; its module is ip_vs_{known}"
    return {errno.ENOENT: ("no such scheduler", (hint,))}
