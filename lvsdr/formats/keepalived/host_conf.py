"""What a host reads, with what it comes to: its instances and its virtual servers, once for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from lvsdr.formats.keepalived.advertised import Advertised, advertised
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.served import Served, served_in
from lvsdr.model.late_dataclasses import dataclass

# More directors than a cluster has are held against the first of them alone.
MOST_OF_A_CLUSTER = 6


@dataclass(frozen=True, slots=True)
class HostConf:
    """A configuration that is judged."""

    conf: Configuration
    instances: tuple[Advertised, ...]
    services: tuple[Served, ...]

    @classmethod
    def of(cls, conf: Configuration) -> HostConf:
        """Return what a configuration comes to."""
        return cls(conf, tuple(advertised(conf)), tuple(served_in(conf.root)))


def pairs_of(hosts: Sequence[HostConf]) -> Iterator[tuple[HostConf, HostConf]]:
    """Yield the directors of a cluster, each with each other one."""
    if len(hosts) <= MOST_OF_A_CLUSTER:
        yield from combinations(hosts, 2)
    else:
        yield from ((hosts[0], each) for each in hosts[1:])
