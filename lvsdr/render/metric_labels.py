"""The labels of services and real servers.

They are those of node_exporter's ipvs collector, so that both can be joined: `local_address`,
`local_port`, `local_mark` (eight hexadecimal digits), `proto`, `remote_address`, `remote_port`. It
has no `family`; without it a firewall mark of both families would be one service.
"""

from __future__ import annotations

from collections.abc import Mapping

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service

Labels = Mapping[str, str]


def service_labels(service: Service) -> Labels:
    """Return the labels of a virtual server."""
    if service.vip is None:
        mark = f"{service.fwmark:08X}"
        return _labels("", 0, mark, "FWM", service.family)
    family = "inet" if service.vip.version == 4 else "inet6"
    return _labels(str(service.vip), service.port, "", service.protocol.upper(), family)


def server_labels(server: RealServer) -> Labels:
    """Return the labels of a real server."""
    return backend_labels(server.service, server.rip, server.port)


def backend_labels(service: Service, rip: IPAddress, port: int) -> Labels:
    """Return the labels of the real server at `rip` and `port`."""
    return {**service_labels(service), "remote_address": str(rip), "remote_port": str(port)}


def _labels(address: str, port: int, mark: str, protocol: str, family: str) -> Labels:
    return {
        "local_address": address,
        "local_port": str(port),
        "local_mark": mark,
        "proto": protocol,
        "family": family,
    }
