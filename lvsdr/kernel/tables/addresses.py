"""The table of addresses: observe them, add and delete them."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Set
from itertools import takewhile

from lvsdr.errors import CannotRun
from lvsdr.kernel.kernel_errors import Reasons, explained, reading
from lvsdr.kernel.netlink import rtm_address as raw
from lvsdr.kernel.netlink import rtm_link as links
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_address import IFA_F_DEPRECATED, IFA_F_NODAD, RawAddress
from lvsdr.model.address import kernel_identity, wide_prefix
from lvsdr.model.change import Change
from lvsdr.model.objects import Address, Key, Object


class Addresses:
    """The addresses of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each address that is there."""
        wanted = set(keys)
        for name in sorted({str(key[2]) for key in wanted}):
            with reading("the addresses"):
                found = self._on(name)
            ahead = _ahead([item for item in found if _speaks(item)], name, wanted)
            for item in found:
                if (key := _key(name, item)) in wanted:
                    yield _address(name, item, ahead=key in ahead)

    def on_links(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield the addresses of the links `keys`, without those that the kernel assigns itself."""
        for name in sorted({str(key[1]) for key in keys}):
            with reading("the addresses"):
                found = self._on(name)
            yield from (_address(name, item) for item in found if not item.ip.is_link_local)

    def execute(self, change: Change) -> None:
        """Add or delete one address, or set its time; a change of all else deletes and adds it.

        Packets for it are taken all the same meanwhile.
        """
        wire, before, after = self._sockets.rtnetlink, change.before, change.after
        with explained(f"{change.verb} address {change.subject}", _reasons(change)):
            if isinstance(before, Address) and isinstance(after, Address):
                if before == after and not before.ahead:
                    raw.amend(wire, self._raw(after))
                else:
                    raw.renew(wire, self._raw(before), self._raw(after))
            elif isinstance(before, Address):
                raw.delete(wire, self._raw(before))
            elif isinstance(after, Address):
                raw.add(wire, self._raw(after))

    def require(self, todo: Iterable[Change]) -> None:
        """Raise CannotRun where a VIP would take this host's way to its own subnet with it.

        IPv6 holds an address of a link once: a wide one becomes a host's, and the route to its
        subnet goes where no other address of this host is in there.
        """
        narrowed = [
            change.before
            for change in todo
            if isinstance(change.before, Address)
            and isinstance(change.after, Address)
            and wide_prefix(change.before.ip)
        ]
        if not narrowed:
            return
        wire, going = self._sockets.rtnetlink, {each.ip for each in narrowed}
        with reading("the addresses"):
            ways = {name: links.find(wire, name) for name in {each.link for each in narrowed}}
            left = {each.ip.network for each in raw.dump(wire) if each.ip not in going}
        for each in narrowed:
            # On a holder the route leads to nobody.
            leads = ways[each.link].arp and not ways[each.link].loopback
            if leads and each.ip.network not in left:
                raise CannotRun(
                    f"cannot hold {each.ip.ip} as a host address: on {each.link} it is {each.ip},"
                    f" apart from VIPs the only address in {each.ip.network}, and the way there"
                    " would go with it",
                    hints=[f"give {each.link} an address of its own in {each.ip.network} first"],
                )

    def _on(self, name: str) -> list[RawAddress]:
        """Return the addresses of a link, none where there is no such link."""
        wire = self._sockets.rtnetlink
        try:
            return raw.dump(wire, links.find(wire, name).index)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return []
            raise

    def _raw(self, address: Address) -> RawAddress:
        index = links.find(self._sockets.rtnetlink, address.link).index
        others = address.attributes
        if address.ip.version == 4:
            label = address.label or address.link
            return RawAddress(index, address.ip, address.scope, label=label, others=others)
        # Duplicate address detection would find the other owners of the VIP and disable it.
        # Deprecated is usable, but never chosen as a source.
        flags = IFA_F_NODAD | (IFA_F_DEPRECATED if address.deprecated else 0)
        return RawAddress(index, address.ip, flags=flags, others=others)


def _reasons(change: Change) -> Reasons:
    link = change.key[2]
    # The kernel's word for an IPv6 address on a link where IPv6 is switched off.
    hint = f"sysctl -w net/ipv6/conf/{link}/disable_ipv6=0"
    return {errno.EACCES: (f"IPv6 is disabled on {link}", (hint,))}


def _key(link: str, found: RawAddress) -> Key:
    return (Address.kind, kernel_identity(found.ip), link)


def _speaks(found: RawAddress) -> bool:
    """Return whether an address may be the source of what names none; IPv6 has other rules."""
    return found.ip.version == 4 and found.scope == "global" and not found.secondary


def _ahead(found: list[RawAddress], link: str, wanted: Set[Key]) -> Set[Key]:
    """Return which of `wanted` are before all others of a link, by the kernel's order."""
    keys = [_key(link, item) for item in found]
    first = set(takewhile(wanted.__contains__, keys))
    return first if len(first) < len(keys) else set()


def _address(link: str, found: RawAddress, *, ahead: bool = False) -> Address:
    ipv4 = found.ip.version == 4
    return Address(
        link=link,
        ip=found.ip,
        label=found.label if ipv4 else None,
        scope=found.scope if ipv4 else "global",
        # IPv4 ignores it, so it makes no difference there.
        deprecated=found.deprecated and not ipv4,
        attributes=found.others,
        ahead=ahead,
    )
