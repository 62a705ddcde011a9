"""What health checks have brought about, event by event."""

from __future__ import annotations

from typing import Literal

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service
from lvsdr.model.late_dataclasses import dataclass

HealthKind = Literal[
    "DOWN",  # a real server does not serve, and is out of service
    "UP",  # it serves again, and is back
    "ALL-DOWN",  # none of a service serves
    "ALL-UP",  # one of them serves again
    "BLIND",  # nobody is heard: nothing is taken out for that
    "SEES",  # somebody is heard again
    "LATE",  # this host is too busy for its checks: they count for nothing
    "IN-TIME",  # it is not any more
    "UNCHECKED",  # a real server that no question can be sent to
    "STUCK",  # what was found cannot be carried out
    "CARRIED-OUT",  # it can be again
    "PROGRAM",  # a program that was to be told has failed
]


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """One thing that has come about; `severity` is notice, warning or error.

    `profile` is ROLE:NAME. `rip` and `port` are those of a real server of `service`. `why` is what
    its checks say.
    """

    kind: HealthKind
    severity: str
    profile: str
    message: str
    service: Service | None = None
    rip: IPAddress | None = None
    port: int = 0
    why: str = ""
