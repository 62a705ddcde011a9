"""The table of links that hold VIPs: make, set up and delete them."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from lvsdr.errors import CannotRun, KernelError
from lvsdr.kernel.kernel_errors import explained, reading
from lvsdr.kernel.netlink import rtm_link as raw
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_link import IFF_NOARP, IFF_UP, RawLink
from lvsdr.model.change import Change
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.objects import Key, Link, Object

TC_H_ROOT = 0xFFFFFFFF
# A handle that nobody else gives, so that what a killed run has left is known for ours.
STAND_IN = 0x1B5D0000


class Links:
    """The links of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each link that is there."""
        for _, name in keys:
            with reading(f"link {name}"):
                found = self._find(str(name))
            if found is not None:
                yield _link(found)
            elif name in HOLDING_ENDS:
                # It cannot be told from one that is down, and withdrawing leaves it down.
                kind = HOLDING_ENDS[str(name)].link_kind
                yield Link(str(name), kind, up=False, arp=False, started=False)

    def execute(self, change: Change) -> None:
        """Make, set up or delete one link."""
        name = str(change.key[1])
        doing = f"{change.verb} link {change.subject}"
        with explained(doing):
            if not isinstance(change.after, Link):
                raw.delete(self._sockets.rtnetlink, self._there(name).index)
                return
            if self._find(name) is None:
                self._make(change.after, doing)
            self._set_up(change.after)

    def _make(self, link: Link, doing: str) -> None:
        try:
            with explained(doing):
                raw.make(self._sockets.rtnetlink, link.name, link.link_kind)
        except KernelError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise CannotRun(
                    f"cannot add link {link}: the kernel knows no {link.link_kind} (EOPNOTSUPP)",
                    hints=[f"modprobe {link.link_kind}", 'or choose "holder": "lo"'],
                ) from error
            # Asking for tunl0 loads its module, which makes it before our request is served.
            if error.errno != errno.EEXIST or link.name not in HOLDING_ENDS:
                raise

    def _set_up(self, link: Link) -> None:
        wanted = (IFF_UP if link.up else 0) | (0 if link.arp else IFF_NOARP)
        index = self._there(link.name).index
        if link.name in HOLDING_ENDS:
            self._remove_stand_in(index)
        raw.set_flags(self._sockets.rtnetlink, index, wanted, IFF_UP | IFF_NOARP)
        if not link.started and _link(self._there(link.name)).started:
            self._unstart(index)

    def _unstart(self, index: int) -> None:
        """Remove the queueing discipline that the link got when it first came up.

        The kernel keeps it when the link goes down, and does not delete one that it chose itself:
        another has to replace it first.
        """
        self._stand_in("replace", index, kind="pfifo")
        self._stand_in("del", index)

    def _remove_stand_in(self, index: int) -> None:
        """Delete the replacement that a run left which was killed between the two steps."""
        if STAND_IN in [qdisc["handle"] for qdisc in self._sockets.route.get_qdiscs(index=index)]:
            self._stand_in("del", index)

    def _stand_in(self, command: str, index: int, **kind: str) -> None:
        self._sockets.route.tc(command, index=index, parent=TC_H_ROOT, handle=STAND_IN, **kind)

    def _there(self, name: str) -> RawLink:
        return raw.find(self._sockets.rtnetlink, name)

    def _find(self, name: str) -> RawLink | None:
        try:
            return self._there(name)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise


def _link(found: RawLink) -> Link:
    return Link(
        name=found.name,
        link_kind="loopback" if found.loopback else found.kind,
        up=found.up,
        arp=found.arp,
        started=found.qdisc != "noop",
        index=found.index,
    )
