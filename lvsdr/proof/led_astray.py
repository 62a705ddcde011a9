"""VIPs whose packets a host itself leads to where nobody has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lvsdr.core.kernel_interface import Kernel
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Finding
from lvsdr.model.route_lookup import ForwardingOutcome
from lvsdr.proof.segment_hosts import Segment
from lvsdr.rules.paths import vip_given_up

Follow = Callable[[Mapping[IPAddress, str]], Mapping[IPAddress, ForwardingOutcome]]
"""Send a packet to each address, through the link it is mapped to, and see what becomes of it."""


def sent_astray(segment: Segment, kernel: Kernel, follow: Follow) -> Iterator[Finding]:
    """Yield the VIPs whose packets this host itself leads to where nobody has them."""
    routes = vip_given_up.off_segment(
        kernel.unicast_routes(segment.vips), segment.link, segment.host
    )
    if routes:
        outcomes = follow({vip: route.link for vip, route in routes.items()})
        yield from vip_given_up.given_up(routes, outcomes, segment.host)
