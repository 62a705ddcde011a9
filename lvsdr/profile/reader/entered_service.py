"""A virtual server that has been read, for what else its entry says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.profile import ProbeTarget
from lvsdr.profile.reader.wording import Pointer


@dataclass(frozen=True, slots=True)
class Entered:
    """A service whose entry `given` stands at `where`, as it was written.

    `target` says what to ask where the service does not, `vips` are those of the profile.
    """

    given: Mapping[str, Any]
    where: Pointer
    service: Service
    target: ProbeTarget | None
    servers: Sequence[RealServer]
    vips: frozenset[IPAddress]

    @property
    def asked(self) -> tuple[str, int]:
        """Return the protocol and the port that are asked; the port is 0 where it is not known."""
        if self.target is not None and self.target.port:
            return self.target.protocol, self.target.port
        return self.service.protocol, self.service.port
