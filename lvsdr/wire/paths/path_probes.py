"""Which probes tell about a path: to the service, the VIP, the RIP, and through the tunnel."""

from __future__ import annotations

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.path import Path, RealServerRoute
from lvsdr.wire.frames.encapsulation import OuterHeader
from lvsdr.wire.frames.ip import TTL
from lvsdr.wire.paths.probe import ECHO, PROTOCOLS, Probe

# A host that would forward such a probe has to drop it: it can neither loop nor go astray.
LAST_HOP = 1


@dataclass(frozen=True, slots=True)
class ResolvedRoute:
    """A route to a RIP whose next hop is at `mac`; `hops` is the TTL of a probe to a neighbour."""

    route: RealServerRoute
    mac: str
    hops: int = LAST_HOP

    def service_probe(self, path: Path) -> Probe:
        """Return what a client would send; an echo where the path has no single port."""
        protocol = path.transport if path.port else ECHO
        if path.vip is None or path.method == "masquerade":
            return self._to_rip(protocol, path.port)
        return self._as_forwarded(path, protocol, path.vip, path.port)

    def vip_echo(self, path: Path) -> Probe | None:
        """Return the echo that tells whether the real server holds the VIP."""
        if path.vip is None or path.method == "masquerade":
            return None
        return self._as_forwarded(path, ECHO, path.vip, 0)

    def rip_echo(self) -> Probe:
        """Return the echo that tells whether the real server is up."""
        return self._to_rip(ECHO, 0)

    def rip_port_probe(self, path: Path) -> Probe | None:
        """Return the probe that tells whether the service listens on the RIP instead."""
        protocol = path.transport
        return self._to_rip(protocol, path.port) if protocol in PROTOCOLS and path.port else None

    def tunnel_echo(self, path: Path) -> Probe | None:
        """Return the echo that tells whether the real server decapsulates anything."""
        alike = path.vip is None or path.vip.version == path.rip.version
        if path.method != "tunnel" or not alike:
            return None
        return self._as_forwarded(path, ECHO, path.rip, 0)

    def _to_rip(self, protocol: str, port: int) -> Probe:
        ttl = TTL if self.route.routed else self.hops
        return Probe(protocol, self.route.source, self.route.rip, port, self.mac, ttl)

    def _as_forwarded(self, path: Path, protocol: str, target: IPAddress, port: int) -> Probe:
        """Return a probe that reaches the real server as IPVS would send it there."""
        source, tunnel = self.route.source, None
        if path.method == "tunnel":
            tunnel = OuterHeader(source, path.rip, path.tunnel)
        if target.version != source.version:
            assert self.route.other_source is not None, "no probe is sent without a source"
            source = self.route.other_source
        return Probe(protocol, source, target, port, self.mac, self.hops, tunnel)
