"""Whether the reverse-path filter drops what comes in, by the route of what would answer it.

After __fib_validate_source() of net/ipv4/fib_frontend.c. The kernel's own answer to "what becomes
of this packet" is no help: what the filter drops has the errno EXDEV up to Linux 6.12, and EINVAL
on 7.2, as what comes from an address of the host itself has. The route back decides.
"""

from __future__ import annotations

from lvsdr.model.arp_settings import effective
from lvsdr.model.host import Host
from lvsdr.model.route_lookup import RouteTo

_NO_ROUTE = ("unreachable", "blackhole", "prohibit")
_STRICT = 1


def filtered(arriving: str, back: RouteTo, host: Host) -> bool:
    """Return whether the reverse-path filter of the link `arriving` drops a packet.

    `back` is the route of what would answer it.
    """
    value = effective("rp_filter", arriving, host)
    if not value or back.kind not in ("unicast", *_NO_ROUTE):
        return False
    if back.kind in _NO_ROUTE:
        return True
    if any(hop.link == arriving for hop in back.hops):
        return False
    # A link without an address of its own cannot be loose: whatever it is, 2 drops too.
    return value == _STRICT or is_bare(arriving, host)


def is_bare(link: str, host: Host) -> bool:
    """Return whether a link has no IPv4 address."""
    return not any(ip.version == 4 for ip in host.addresses_of(link))
