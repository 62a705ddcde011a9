"""Links that hold VIPs: made, brought up, taken away."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from lvsdr.errors import CannotRun
from lvsdr.kernel.errno import explained, reading
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Link, Object

TC_H_ROOT = 0xFFFFFFFF
# A handle that nobody else gives, so that what a killed run has left is known for ours.
STAND_IN = 0x1B5D0000
IFF_UP, IFF_LOOPBACK, IFF_NOARP = 0x1, 0x8, 0x80

# Their modules make these links by themselves in each namespace and no request removes them, so
# that "not there" and "down" are one state, and withdrawing leaves them down.
FALLBACKS = {"tunl0": "ipip", "gre0": "gre", "ip6tnl0": "ip6tnl"}


class Links:
    """The links of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each link that is there."""
        for _, name in keys:
            with reading(f"link {name}"):
                message = self._find(str(name))
            if message is not None:
                yield _link(message)
            elif name in FALLBACKS:
                yield Link(str(name), FALLBACKS[str(name)], up=False, arp=False, started=False)

    def execute(self, change: Change) -> None:
        """Make, set up or delete one link."""
        name = str(change.key[1])
        with explained(f"{change.verb} link {change.subject}"):
            if not isinstance(change.after, Link):
                self._sockets.route.link("del", index=self._index(name))
                return
            if self._find(name) is None:
                self._make(change.after)
            self._set_up(change.after)

    def _make(self, link: Link) -> None:
        try:
            self._sockets.route.link("add", ifname=link.name, kind=link.link_kind)
        except NetlinkError as error:
            if error.code == errno.EOPNOTSUPP:
                raise CannotRun(
                    f"cannot add link {link}: the kernel knows no {link.link_kind} (EOPNOTSUPP)",
                    hints=[f"modprobe {link.link_kind}", 'or choose "holder": "lo"'],
                ) from error
            # Asking for tunl0 loads its module, which makes it before our request is served.
            if error.code != errno.EEXIST or link.name not in FALLBACKS:
                raise

    def _set_up(self, link: Link) -> None:
        wanted = (IFF_UP if link.up else 0) | (0 if link.arp else IFF_NOARP)
        index = self._index(link.name)
        if link.name in FALLBACKS:
            self._remove_stand_in(index)
        self._sockets.route.link("set", index=index, flags=wanted, change=IFF_UP | IFF_NOARP)
        if not link.started and _link(self._find(link.name)).started:
            self._unstart(index)

    def _unstart(self, index: int) -> None:
        """Take the queueing discipline away that the link got when it first came up.

        The kernel keeps it when the link goes down, and deletes none that it chose itself: so
        another takes its place first.
        """
        self._sockets.route.tc(
            "replace", kind="pfifo", index=index, parent=TC_H_ROOT, handle=STAND_IN
        )
        self._sockets.route.tc("del", index=index, parent=TC_H_ROOT, handle=STAND_IN)

    def _remove_stand_in(self, index: int) -> None:
        """Take away what a run that was killed between the two has left."""
        for qdisc in self._sockets.route.get_qdiscs(index=index):
            if qdisc["handle"] == STAND_IN:
                self._sockets.route.tc("del", index=index, parent=TC_H_ROOT, handle=STAND_IN)

    def _index(self, name: str) -> int:
        message = self._find(name)
        if message is None:
            raise NetlinkError(errno.ENODEV)
        return int(message["index"])

    def _find(self, name: str) -> Any:
        try:
            return next(iter(self._sockets.route.link("get", ifname=name)), None)
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return None
            raise


def _link(message: Any) -> Link:
    flags = message["flags"]
    return Link(
        name=message.get_attr("IFLA_IFNAME"),
        link_kind="loopback" if flags & IFF_LOOPBACK else kind_of(message),
        up=bool(flags & IFF_UP),
        arp=not flags & IFF_NOARP,
        started=message.get_attr("IFLA_QDISC") != "noop",
    )


def kind_of(message: Any) -> str:
    """Return the kernel's word for the kind of a link, empty for hardware."""
    info = message.get_attr("IFLA_LINKINFO")
    return (info.get_attr("IFLA_INFO_KIND") or "") if info is not None else ""
