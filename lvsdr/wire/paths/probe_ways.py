"""Which probes tell about a path, and by which way they get to the real server."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.model.path import Path, RealServerRoute
from lvsdr.wire.frames.encapsulation import Outside
from lvsdr.wire.frames.ip import TTL
from lvsdr.wire.paths.probe import ECHO, PROTOCOLS, Probe

# Whoever forwards such a probe has to give it up: it can neither loop nor go astray.
LAST_HOP = 1


@dataclass(frozen=True, slots=True)
class Way:
    """The way to a RIP, whose next hop is at `mac`; `hops` are those a probe may take there."""

    approach: RealServerRoute
    mac: str
    hops: int = LAST_HOP

    def service(self, path: Path) -> Probe:
        """Return what a client would ask; echo, where there is no one port."""
        protocol = path.service.protocol if path.port else ECHO
        if path.vip is None or path.method == "masquerade":
            return self._plain(protocol, path.port)
        return self._inside(path, protocol, path.vip, path.port)

    def vip(self, path: Path) -> Probe | None:
        """Return the question whether the VIP is there at all."""
        if path.vip is None or path.method == "masquerade":
            return None
        return self._inside(path, ECHO, path.vip, 0)

    def rip(self) -> Probe:
        """Return the question whether the host itself is there."""
        return self._plain(ECHO, 0)

    def port(self, path: Path) -> Probe | None:
        """Return the question whether the service listens at the RIP instead."""
        protocol = path.service.protocol
        return self._plain(protocol, path.port) if protocol in PROTOCOLS and path.port else None

    def tunnel(self, path: Path) -> Probe | None:
        """Return the question whether anything at all comes out of the tunnel."""
        alike = path.vip is None or path.vip.version == path.rip.version
        return self._inside(path, ECHO, path.rip, 0) if path.method == "tunnel" and alike else None

    def _plain(self, protocol: str, port: int) -> Probe:
        ttl = TTL if self.approach.routed else self.hops
        return Probe(protocol, self.approach.source, self.approach.rip, port, self.mac, ttl)

    def _inside(self, path: Path, protocol: str, target: IPAddress, port: int) -> Probe:
        source, tunnel = self.approach.source, None
        if path.method == "tunnel":
            tunnel = Outside(source, path.rip, path.tunnel)
        if target.version != source.version:
            assert self.approach.other is not None, "no probe is sent without a source"
            source = self.approach.other
        return Probe(protocol, source, target, port, self.mac, self.hops, tunnel)
