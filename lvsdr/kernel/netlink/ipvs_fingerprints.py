"""By what the kernel's lists of real servers are known: fingerprints, in whichever order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvsdr.kernel.netlink import ipvs_columns, ipvs_dump, ipvs_messages
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.model.folded_servers import ListedIf, WasAndWanted
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.servers_in_columns import ServersInColumns


def fingerprint(servers: Iterable[RealServer]) -> str:
    """Return by what a list of `servers`, and no others, is known, in whichever order."""
    if isinstance(servers, ServersInColumns):
        return _fingerprint(ipvs_columns.listed(servers))
    return _fingerprint(ipvs_dump.all_listed_bytes(list(servers)))


def listed_fingerprint(wire: GenericSocket, service: Service) -> str:
    """Return by what the kernel's list of the real servers of `service` is known; raises OSError.

    It is that of no servers where a kernel lists them otherwise than is known here.
    """
    return _fingerprint(_listing(wire, service))


def listed_if(wire: GenericSocket, service: Service, servers: Sequence[WasAndWanted]) -> ListedIf:
    """Return by what the kernel's list of the real servers of `service` is known; raises OSError.

    `servers` are some of them.
    """
    listed = _listing(wire, service)
    before = ipvs_dump.all_listed_bytes([was for was, _ in servers])
    now = ipvs_dump.all_listed_bytes([so for _, so in servers if isinstance(so, RealServer)])
    exact = len(now) == len(before) and all(map(listed.__contains__, now))
    if exact:
        # What is as it is wanted is found faster than what differs.
        otherwise = [*listed]
        for was, so in zip(before, now, strict=True):
            otherwise[listed.index(so)] = was
    else:
        known = {_identity(each): each for each in before}
        otherwise = [known.get(_identity(each), each) for each in listed]
    return ListedIf(_fingerprint(listed), _fingerprint(otherwise), exact)


def _identity(listed: bytes) -> tuple[bytes, bytes]:
    """Return what tells a real server from the others of its list: address, port and family."""
    end = len(ipvs_dump.LISTED_ADDRESS) + ipvs_dump.PORT_SIZE
    return listed[:end], listed[-ipvs_dump.FAMILY_SIZE :]


def _listing(wire: GenericSocket, service: Service) -> list[bytes]:
    listed: list[bytes] = []
    for chunk, length in wire.dump(ipvs_messages.GET_DEST, ipvs_messages.identity(service)):
        listed += ipvs_dump.packed_servers(chunk, length)
    return listed


def _fingerprint(listed: list[bytes]) -> str:
    # Only large profiles need it, and importing it takes as long as a small plan.
    from lvsdr.model.blake2 import blake2b  # noqa: PLC0415

    listed.sort()
    count = len(listed).to_bytes(8, "big")
    return blake2b(count + b"".join(listed), digest_size=12).hexdigest()
