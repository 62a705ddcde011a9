"""What a host reads, with what it comes to: its instances and its virtual servers, once for all."""

from __future__ import annotations

from lvsdr.formats.keepalived.advertised import Advertised, advertised
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.served import Served, served_in
from lvsdr.model.late_dataclasses import dataclass


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
